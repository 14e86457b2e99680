"""The venues on loopback: one port, recorded or made-up markets, faults on purpose. Import from the modules."""
