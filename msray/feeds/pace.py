"""Recorded time at a chosen speed. Pure: told both times, answers how long to wait."""

from msray.errors import UsageError
from msray.feeds.reconnect import SECOND

_STOOD_STILL_S = 2.0
"""Later than this, the replay was stopped (ctrl-Z) or the machine asleep: it goes on from here and does not hurry."""
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
            Its time in the recording; one before its predecessor's is due at once. One that goes back by more than a
            minute begins anew: the next run of a log wrote at the same time as the one before.
        now_ns
            Monotonic.
        """
        longest_ns = LONGEST_SILENCE_S * SECOND
        if self._last_ns is None or recorded_ns < self._last_ns - longest_ns:
            self._last_ns, self._due_ns = recorded_ns, max(self._due_ns, now_ns)
        silence_ns = min(max(recorded_ns - self._last_ns, 0), longest_ns)
        self._last_ns = max(self._last_ns, recorded_ns)
        self._due_ns += silence_ns / self._speed
        if now_ns - self._due_ns > _STOOD_STILL_S * SECOND:
            self._due_ns = now_ns
        return max(self._due_ns - now_ns, 0.0) / SECOND
