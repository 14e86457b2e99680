"""See :mod:`msray.clock`."""

from msray.clock import Clock, SystemClock

__all__ = ["Clock", "SystemClock"]
