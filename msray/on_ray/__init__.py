"""The only place that knows Ray: plain classes as actors, the session they live in, and the Serve application."""
