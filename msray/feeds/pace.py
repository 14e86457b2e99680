"""Recorded time at a chosen speed. Pure: told both times, answers how long to wait."""

from msray.errors import UsageError
from msray.feeds.reconnect import SECOND

LONGEST_SILENCE_S = 60.0
"""A silence of the recording counts no longer than this: files of one chain may lie days apart."""


class Pace:
    """When the next event of a recording is due.

    Parameters
    ----------
    speed
        Recorded seconds a second.
    """

    def __init__(self, speed: float) -> None:
        if not 0.0 < speed < float("inf"):
            raise UsageError(f"speed must be a positive number, got {speed}")
        self._speed = speed
        self._due_ns = 0.0
        self._last_ns: int | None = None

    def wait_s(self, recorded_ns: int, now_ns: int) -> float:
        """Seconds to wait for an event.

        Parameters
        ----------
        recorded_ns
            Its time in the recording; one before its predecessor's is due at once.
        now_ns
            Monotonic.
        """
        if self._last_ns is None:
            self._last_ns, self._due_ns = recorded_ns, now_ns
        silence_ns = min(max(recorded_ns - self._last_ns, 0), LONGEST_SILENCE_S * SECOND)
        self._last_ns = max(self._last_ns, recorded_ns)
        self._due_ns += silence_ns / self._speed
        return max(self._due_ns - now_ns, 0.0) / SECOND
