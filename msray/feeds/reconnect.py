"""When to connect again, and when silence means that a connection is dead. Pure: told the time and given the dice.

Times are monotonic nanoseconds. Source of the limit of connects: Binance, "WebSocket Streams", *General Information*:
300 connections per attempt every 5 minutes per IP.
"""

import random
from collections import deque

SECOND = 1_000_000_000
_HALF_LIFE_NS = 600 * SECOND


class Backoff:
    """Pauses that double from failure to failure, with full jitter.

    Parameters
    ----------
    rng
        The dice.
    first_s, last_s
        Longest pause after the first failure, and after many.

    Notes
    -----
    Full jitter: uniform between 0 and the doubled bound, so that clients which failed together do not come back
    together (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """

    def __init__(self, rng: random.Random, *, first_s: float = 0.5, last_s: float = 30.0) -> None:
        self._rng = rng
        self._first_s = first_s
        self._last_s = last_s
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait after one more failure."""
        bound = min(self._first_s * 2.0 ** min(self._failures, 32), self._last_s)
        self._failures += 1
        return self._rng.uniform(0.0, bound)

    def reset(self) -> None:
        """It works again: the next pause is a short one."""
        self._failures = 0


class ConnectLimit:
    """At most so many connects in any window, for all connections that leave from one address.

    Parameters
    ----------
    most, window_s
        300 in 300 s at Binance.
    """

    def __init__(self, most: int = 300, window_s: float = 300.0) -> None:
        self._window_ns = round(window_s * SECOND)
        self._times: deque[int] = deque(maxlen=most)

    def reserve(self, now_ns: int) -> int:
        """Take the next free place; returns the nanoseconds to wait until it."""
        times = self._times
        at_ns = now_ns
        if len(times) == times.maxlen:
            at_ns = max(now_ns, times[0] + self._window_ns)
        times.append(at_ns)
        return at_ns - now_ns


class Watchdog:
    """Tells a dead connection from a quiet market by the source's own pace.

    The usual interval is the longest recent silence, forgotten by half every ten minutes: markets come in bursts, and a
    mean says nothing about their pauses. A silence that was cut short counts half, so that a symbol which hardly trades
    costs a few reconnects and not one every five seconds.

    Parameters
    ----------
    usual_interval_s
        What is known beforehand about the pace; 0 for nothing. It counts in full, beyond ``most_s`` too.
    factor, least_s, most_s
        Silence is death after ``factor`` usual intervals, within these bounds.

    Notes
    -----
    Only this finds a server that answers pings and sends no data. Played over the 80,641 depth messages and
    trades of 24 hours of spot NEXOUSDT (longest silence 43.5 s), five times an exponentially weighted mean (1 % a
    message) cuts a healthy connection 2,679 times, this rule never (``tests/feeds/test_reconnect.py``).
    """

    def __init__(
        self, usual_interval_s: float = 0.0, *, factor: float = 5.0, least_s: float = 5.0, most_s: float = 120.0
    ) -> None:
        self._usual_ns = usual_interval_s * SECOND
        self._factor = factor
        self._least_ns = least_s * SECOND
        self._most_ns = max(most_s, factor * usual_interval_s) * SECOND
        self._last_ns = 0
        self._has_data = False

    @property
    def patience_ns(self) -> float:
        """Silence that is still taken for a quiet market."""
        return min(max(self._least_ns, self._factor * self._usual_ns), self._most_ns)

    def started(self, now_ns: int) -> None:
        """A connection was opened."""
        self._last_ns = now_ns
        self._has_data = False

    def saw(self, now_ns: int) -> None:
        """Data came."""
        silence_ns = now_ns - self._last_ns
        if self._has_data:
            self._usual_ns = max(silence_ns, self._usual_ns * 0.5 ** (silence_ns / _HALF_LIFE_NS))
        self._last_ns = now_ns
        self._has_data = True

    def is_due(self, now_ns: int) -> bool:
        """Whether to cut the connection now."""
        return now_ns - self._last_ns > self.patience_ns

    def cut(self) -> None:
        """The connection was cut for its silence."""
        self._usual_ns = max(self._usual_ns, self.patience_ns / 2)
