"""A clock to test with, where nobody sleeps on it."""

SECOND = 1_000_000_000
START_NS = 1_723_161_600 * SECOND


class StillClock:
    """Stands still until it is moved."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self._now_ns = now_ns
        self._started_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns - self._started_ns

    def advance(self, seconds: float) -> None:
        self._now_ns += round(seconds * SECOND)
