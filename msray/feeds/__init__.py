"""Feeds: sockets, REST, files and the raw log, as one stream of log events. Import from the modules."""
