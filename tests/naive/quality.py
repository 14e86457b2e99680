"""The figures of a feed as their descriptions say: everything is kept, and looked at one record after the other."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from msray.market import DEPTH, GAP, TRADE, GapReason, Messages

RING = 1024


@dataclass
class NaiveFigures:
    """Counters of one instrument, by the names of ``Quality``."""

    late_ns: int
    stale_ns: int
    depth_messages: int = 0
    trades: int = 0
    level_changes: int = 0
    stale: int = 0
    out_of_order: int = 0
    late: int = 0
    negative_latency: int = 0
    missing_trades: int = 0
    latencies: deque[int] = field(default_factory=lambda: deque(maxlen=RING))
    event_times: list[int] = field(default_factory=list)
    depth_times: list[int] = field(default_factory=list)
    trade_ids: list[int] = field(default_factory=list)
    usual_ns: int = 0

    def observe(self, messages: Messages) -> None:
        """Add messages."""
        for row in messages:
            if row["kind"] in (DEPTH, TRADE):
                self._one(row)
            elif row["kind"] == GAP and row["prev_id"] == GapReason.CLOSED:
                self.depth_times, self.trade_ids = [], []

    def _one(self, row: np.void) -> None:
        event_ns, local_ns = int(row["event_ns"]), int(row["local_ns"])
        if row["kind"] == DEPTH:
            self._depth(event_ns, int(row["end"] - row["begin"]))
        else:
            self._trade(int(row["first_id"]))
        self.out_of_order += any(event_ns < earlier for earlier in self.event_times[-1:])
        self.event_times.append(max([event_ns, *self.event_times[-1:]]))
        if local_ns:
            latency = local_ns - event_ns
            self.negative_latency += latency < 0
            self.late += any(latency > before + self.late_ns for before in list(self.latencies)[-1:])
            if row["kind"] == DEPTH:
                self.latencies.append(latency)

    def _depth(self, event_ns: int, changes: int) -> None:
        self.depth_messages += 1
        self.level_changes += changes
        if self.depth_times:
            silence = event_ns - self.depth_times[-1]
            self.stale += silence > self.stale_ns and silence > 5 * self.usual_ns
            if silence > 0:
                self.usual_ns += (silence - self.usual_ns) // 64 if self.usual_ns else silence
        self.depth_times.append(max([event_ns, *self.depth_times[-1:]]))

    def _trade(self, number: int) -> None:
        self.trades += 1
        if self.trade_ids:
            self.missing_trades += max(number - max(self.trade_ids) - 1, 0)
        self.trade_ids.append(number)

    def spread(self) -> tuple[float | None, float | None]:
        """Median latency (the lower one), and its 95th minus its 5th percentile, in milliseconds."""
        if not self.latencies:
            return None, None
        low, middle, high = np.percentile(np.array(self.latencies) / 1e6, (5, 50, 95), method="lower")
        return round(float(middle), 3), round(float(high - low), 3)
