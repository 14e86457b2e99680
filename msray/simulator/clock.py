"""The simulator's clocks; everything else here is told the time."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from; tests bring their own.

    Attributes
    ----------
    monotonic_s
        Seconds since some moment, for everything that lasts.
    utc_s
        Seconds since 1970 UTC, for what the venue says and for the minutes of request weight.
    """

    monotonic_s: Callable[[], float] = time.monotonic
    utc_s: Callable[[], float] = time.time

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return int(self.utc_s() * 1000)
