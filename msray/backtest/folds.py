"""Folds of a time: signals raised in one of them are traded by themselves."""

from collections.abc import Iterable
from itertools import pairwise

from msray.backtest.risk import DAY_NS
from msray.backtest.tape import Tape
from msray.errors import UsageError

Fold = tuple[int, int]
"""Exchange times of signals, nanoseconds UTC: from the first on, before the second."""


def cut_time(begin_ns: int, end_ns: int, count: int) -> list[Fold]:
    """A time as so many folds of equal length, to the nanosecond.

    Examples
    --------
    >>> cut_time(0, 10, 3)
    [(0, 3), (3, 6), (6, 10)]
    """
    if not 1 <= count <= end_ns - begin_ns:
        raise UsageError(f"count must be 1 to {end_ns - begin_ns}, the nanoseconds to be cut, got {count}")
    return list(pairwise(begin_ns + (end_ns - begin_ns) * number // count for number in range(count + 1)))


def utc_days(begin_ns: int, end_ns: int) -> list[Fold]:
    """A time as its days from midnight to midnight UTC; the first and the last may be shorter."""
    midnights = range(begin_ns // DAY_NS * DAY_NS + DAY_NS, end_ns, DAY_NS)
    return list(pairwise([begin_ns, *midnights, end_ns]))


def span_of(tapes: Iterable[Tape]) -> Fold:
    """From the first event of some tapes to just behind the last, exchange time; (0, 1) where there is none."""
    found = [event_ns[event_ns > 0] for event_ns in (tape.records.messages["event_ns"] for tape in tapes)]
    first = min((int(times.min()) for times in found if len(times)), default=0)
    return first, max((int(times.max()) for times in found if len(times)), default=0) + 1
