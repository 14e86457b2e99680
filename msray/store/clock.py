"""See :mod:`msray.clock`."""

from msray.clock import Clock

__all__ = ["Clock"]
