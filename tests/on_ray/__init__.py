import msray.on_ray  # noqa: F401 (sets Ray's switches, before a test here imports Ray)
