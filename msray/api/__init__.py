"""The HTTP interface; runs in one process, or replicated on a cluster, with the same code."""
