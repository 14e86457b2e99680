"""What a feed is worth: counters an instrument, shown wherever its book is shown.

Only this file reads local time against exchange time. Its figures describe a feed; none of them enters a detector,
since a replay elsewhere would see other local times.
"""

from dataclasses import dataclass, fields

import numpy as np

from msray.book import kernels_quality as k
from msray.book.pace import SECOND
from msray.market import Messages

LATE_NS = SECOND
STALE_NS = 5 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The figures of one instrument at one moment.

    Attributes
    ----------
    depth_messages, trades, level_changes
        Records seen, before sequence rules.
    gaps
        Times the book became unknown.
    crossed
        Depth messages after which the best bid was at or above the best ask.
    stale
        Silences between depth messages longer than 5 s and than five times the usual interval.
    old_messages, repeated_trades
        Records the sequence rules ignored.
    out_of_order
        Records whose exchange time lies before one already seen.
    late
        Records that took over a second longer than the depth message before them.
    negative_latency
        Records received before they happened: a clock is wrong.
    missing_trades
        Holes in the trade ids.
    regrids
        Prices that needed a finer grid.
    audits, audit_differences
        Books compared with a fresh snapshot, and levels of the best 100 a side that differed.
    refused
        Messages that could not be read exactly.
    clock_offset_ms
        Median of local minus exchange time over the last 1,024 depth messages; None before the first.
    latency_spread_ms
        95th minus 5th percentile of the same.
    """

    depth_messages: int
    trades: int
    level_changes: int
    gaps: int
    crossed: int
    stale: int
    old_messages: int
    repeated_trades: int
    out_of_order: int
    late: int
    negative_latency: int
    missing_trades: int
    regrids: int
    audits: int
    audit_differences: int
    refused: int
    clock_offset_ms: float | None
    latency_spread_ms: float | None

    def as_dict(self) -> dict[str, int | float | None]:
        """Name to figure, in the order above."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class FeedFigures:
    """Counts what a feed does, message by message.

    Parameters
    ----------
    late_ns, stale_ns
        Bounds of "late" and "stale"; see :class:`Quality`.
    """

    def __init__(self, late_ns: int = LATE_NS, stale_ns: int = STALE_NS) -> None:
        self._late_ns = late_ns
        self._stale_ns = stale_ns
        self._words = np.zeros(k.WORDS, np.int64)

    def observe(self, messages: Messages) -> None:
        """Add messages of this instrument, as they arrived."""
        k.observe(self._words, messages, self._late_ns, self._stale_ns)

    @property
    def depth_messages(self) -> int:
        """Depth messages so far."""
        return int(self._words[k.DEPTHS])

    @property
    def trades(self) -> int:
        """Trades so far."""
        return int(self._words[k.TRADES])

    @property
    def last_event_ns(self) -> int:
        """Latest exchange time seen, 0 before the first."""
        return int(self._words[k.LAST_EVENT])

    @property
    def last_local_ns(self) -> int:
        """Latest local time seen, 0 before the first."""
        return int(self._words[k.LAST_LOCAL])

    @property
    def usual_interval_ns(self) -> int:
        """Usual pause between depth messages, 0 before the second."""
        return int(self._words[k.USUAL_INTERVAL])

    def as_of(self, counts: "dict[str, int]") -> Quality:
        """The figures now.

        Parameters
        ----------
        counts
            What others counted: ``gaps, crossed, old_messages, repeated_trades, regrids, audits, audit_differences,
            refused``.
        """
        words = self._words
        ring = np.sort(words[k.RING_AT : k.RING_AT + min(int(words[k.LATENCIES]), k.RING)])
        last = len(ring) - 1
        low, middle, high = (ring[last * share // 100] / 1e6 for share in (5, 50, 95)) if last >= 0 else (None,) * 3
        return Quality(
            depth_messages=self.depth_messages,
            trades=self.trades,
            level_changes=int(words[k.CHANGES]),
            stale=int(words[k.STALE]),
            out_of_order=int(words[k.OUT_OF_ORDER]),
            late=int(words[k.LATE]),
            negative_latency=int(words[k.NEGATIVE_LATENCY]),
            missing_trades=int(words[k.TRADE_GAPS]),
            clock_offset_ms=None if middle is None else round(float(middle), 3),
            latency_spread_ms=None if low is None or high is None else round(float(high - low), 3),
            **counts,
        )
