"""How long an order travels to the venue, and an answer back."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import MS, LatencyConfig
from msray.backtest.latency_log import LatencyLog
from msray.errors import UsageError


class Latency(Protocol):
    """Delays of both ways, in nanoseconds, never negative; asked once for each order and each answer, in order."""

    @property
    def least_response_ns(self) -> int:
        """No answer comes sooner than so long after what it tells of."""
        ...

    def entry_ns(self, sent_ns: int) -> int:
        """From sending at this local time to the arrival at the venue."""
        ...

    def response_ns(self, at_ns: int) -> int:
        """From an event at this exchange time to our learning of it."""
        ...


class ConstantLatency:
    """The same delays always.

    Parameters
    ----------
    entry_ns, response_ns
        Nanoseconds, not negative.
    """

    def __init__(self, entry_ns: int, response_ns: int) -> None:
        for name, value in (("entry_ns", entry_ns), ("response_ns", response_ns)):
            if value < 0:
                raise UsageError(f"{name} must not be negative, got {value}")
        self._entry_ns, self._response_ns = entry_ns, response_ns

    @property
    def least_response_ns(self) -> int:
        """See :class:`Latency`."""
        return self._response_ns

    def entry_ns(self, sent_ns: int) -> int:
        """See :meth:`Latency.entry_ns`."""
        return self._entry_ns

    def response_ns(self, at_ns: int) -> int:
        """See :meth:`Latency.response_ns`."""
        return self._response_ns


class JitteredLatency:
    """A constant delay and an exponential one on top, drawn anew for each way.

    Parameters
    ----------
    entry_ns, response_ns
        The shortest possible, nanoseconds.
    jitter_ns
        Mean of what is added.
    rng
        Where chance comes from.
    """

    def __init__(self, entry_ns: int, response_ns: int, jitter_ns: int, rng: np.random.Generator) -> None:
        self._least = ConstantLatency(entry_ns, response_ns)
        self._jitter_ns = jitter_ns
        self._rng = rng

    @property
    def least_response_ns(self) -> int:
        """See :class:`Latency`."""
        return self._least.least_response_ns

    def entry_ns(self, sent_ns: int) -> int:
        """See :meth:`Latency.entry_ns`."""
        return self._least.entry_ns(sent_ns) + int(self._rng.exponential(self._jitter_ns))

    def response_ns(self, at_ns: int) -> int:
        """See :meth:`Latency.response_ns`."""
        return self._least.response_ns(at_ns) + int(self._rng.exponential(self._jitter_ns))


class RecordedLatency:
    """Delays measured with real orders, each way interpolated in the time at which it begins.

    Before the first and after the last they stay.

    Parameters
    ----------
    log
        What was measured.
    """

    def __init__(self, log: LatencyLog) -> None:
        self._entry = _Curve(log.sent_ns, log.entry_ns)
        self._response = _Curve(log.sent_ns + log.entry_ns, log.response_ns)
        # What is interpolated may be rounded down.
        self._least_response_ns = max(int(log.response_ns.min()) - 1, 0)

    @property
    def least_response_ns(self) -> int:
        """See :class:`Latency`."""
        return self._least_response_ns

    def entry_ns(self, sent_ns: int) -> int:
        """See :meth:`Latency.entry_ns`."""
        return self._entry.at(sent_ns)

    def response_ns(self, at_ns: int) -> int:
        """See :meth:`Latency.response_ns`."""
        return self._response.at(at_ns)


class _Curve:
    """A delay over time."""

    def __init__(self, at_ns: NDArray[np.int64], delay_ns: NDArray[np.int64]) -> None:
        order = np.argsort(at_ns, kind="stable")  # orders may overtake each other on their way
        self._first_ns = int(at_ns[order[0]])
        # Relative to the first, times are small enough for a float to hold them exactly.
        self._at = (at_ns[order] - self._first_ns).astype(np.float64)
        self._delay = delay_ns[order].astype(np.float64)

    def at(self, now_ns: int) -> int:
        return int(np.interp(now_ns - self._first_ns, self._at, self._delay))


def latency_of(config: LatencyConfig, rng: np.random.Generator) -> Latency:
    """The model that a configuration asks for.

    Raises
    ------
    UsageError
        If it names a log that has not been read.
    """
    if isinstance(config.log, LatencyLog):
        return RecordedLatency(config.log)
    if config.log is not None:
        raise UsageError(
            f"latency.log must have been read, got the name {config.log}", hint="msray.store.latency_log.with_log"
        )
    entry_ns, response_ns = round(config.entry_ms * MS), round(config.response_ms * MS)
    if config.jitter_ms == 0:
        return ConstantLatency(entry_ns, response_ns)
    return JitteredLatency(entry_ns, response_ns, round(config.jitter_ms * MS), rng)


def measured_share(config: LatencyConfig, begin_ns: int, end_ns: int) -> float:
    """The part of a time for which delays were measured; all of it where none have to be.

    Raises
    ------
    UsageError
        If there is a log, and it is of another time.
    """
    return config.log.share_of(begin_ns, end_ns) if isinstance(config.log, LatencyLog) else 1.0
