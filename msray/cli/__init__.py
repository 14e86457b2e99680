"""The command line: one verb a file, each loaded when it is called."""
