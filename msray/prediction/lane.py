"""One instrument's way from messages to signals: quality, sequence, fold."""

from collections import Counter

from msray.book import BookSync, FeedFigures, Quality
from msray.market import GapReason, Records, Signal
from msray.prediction.engine import PredictionEngine
from msray.venues import Reason


class Lane:
    """The machines of one instrument, in the order in which a message meets them.

    Parameters
    ----------
    sync
        Turns messages into the input log.
    engine
        Folds the log.
    """

    def __init__(self, sync: BookSync, engine: PredictionEngine) -> None:
        self.sync = sync
        self.engine = engine
        self.figures = FeedFigures()
        self.refused: Counter[Reason] = Counter()
        self.busy_ns = 0

    def feed(self, records: Records) -> list[Signal]:
        """Take messages of this instrument in arrival order; returns the signals they raised."""
        self.figures.observe(records.messages)
        signals: list[Signal] = []
        for part in self.sync.feed(records):
            signals += self._fold(part)
        return signals

    def disconnected(self, local_ns: int) -> None:
        """The connection is gone."""
        for gap in self.sync.disconnected(local_ns):
            self.engine.fold(gap)

    def wants_snapshot(self, now_ns: int) -> bool:
        """Whether a driver should fetch a snapshot now; ``now_ns`` is local time."""
        if self.engine.is_synced and self.engine.book.is_near_edge:
            self.sync.wish_audit()
        return self.sync.wants_snapshot(now_ns)

    def begin(self, sync: BookSync, engine: PredictionEngine, local_ns: int) -> None:
        """Start over with new machines; what was counted goes on."""
        self.disconnected(local_ns)
        sync.counts = self.sync.counts
        engine.count_on(self.engine)
        self.sync, self.engine = sync, engine

    def quality(self) -> Quality:
        """The figures of the feed and its book, now."""
        counts = self.sync.counts
        return self.figures.as_of(
            {
                "gaps": counts.gaps,
                "crossed": self.engine.crossed,
                "old_messages": counts.old_messages,
                "repeated_trades": counts.repeated_trades,
                "regrids": counts.regrids,
                "audits": counts.audits,
                "audit_differences": self.engine.counts.audit_differences,
                "refused": self.refused.total(),
            }
        )

    def _fold(self, part: Records) -> list[Signal]:
        signals, folded = self.engine.fold(part)
        if self.engine.stays_crossed:
            self._give_up(part, folded)
        return signals

    def _give_up(self, part: Records, folded: int) -> None:
        """The book stayed crossed: what the venue sent cannot be true, start over behind the last message folded."""
        gap = self.sync.lose(GapReason.CROSSED, part[folded - 1 : folded], rest=part[folded:])
        self.engine.fold(gap)
