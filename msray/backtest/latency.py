"""How long an order travels to the venue, and an answer back."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import MS, LatencyConfig
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
    """Delays measured with real orders, interpolated in time; before the first and after the last they stay.

    Parameters
    ----------
    at_ns
        When each order was sent, rising; int64, nanoseconds UTC.
    entry_ns, response_ns
        What its two ways took, as many, not negative.
    """

    def __init__(self, at_ns: NDArray[np.int64], entry_ns: NDArray[np.int64], response_ns: NDArray[np.int64]) -> None:
        if len(at_ns) == 0 or not len(at_ns) == len(entry_ns) == len(response_ns):
            raise UsageError(
                "at_ns, entry_ns and response_ns must have one length above 0, "
                f"got {len(at_ns)}, {len(entry_ns)} and {len(response_ns)}"
            )
        if (np.diff(at_ns) <= 0).any():
            raise UsageError("at_ns of a latency log must rise")
        least = int(min(entry_ns.min(), response_ns.min()))
        if least < 0:
            raise UsageError(f"latencies of a log must not be negative, got {least}")
        self._at_ns, self._entry_ns, self._response_ns = at_ns, entry_ns, response_ns
        self._least_response_ns = max(int(response_ns.min()) - 1, 0)  # what is interpolated may be rounded down

    @property
    def least_response_ns(self) -> int:
        """See :class:`Latency`."""
        return self._least_response_ns

    def entry_ns(self, sent_ns: int) -> int:
        """See :meth:`Latency.entry_ns`."""
        return self._at(sent_ns, self._entry_ns)

    def response_ns(self, at_ns: int) -> int:
        """See :meth:`Latency.response_ns`."""
        return self._at(at_ns, self._response_ns)

    def _at(self, now_ns: int, values: NDArray[np.int64]) -> int:
        # Relative to the first, times are small enough for a float to hold them exactly.
        first = self._at_ns[0]
        return int(np.interp(now_ns - int(first), self._at_ns - first, values))


def latency_of(config: LatencyConfig, rng: np.random.Generator) -> Latency:
    """The model that a configuration asks for."""
    entry_ns, response_ns = round(config.entry_ms * MS), round(config.response_ms * MS)
    if config.jitter_ms == 0:
        return ConstantLatency(entry_ns, response_ns)
    return JitteredLatency(entry_ns, response_ns, round(config.jitter_ms * MS), rng)
