"""The clock a store is given; it never reads one itself."""

from typing import Protocol


class Clock(Protocol):
    """Two readings of time."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never goes back."""
