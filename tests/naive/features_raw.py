"""What a log shows row by row, before any feature: books through ``L2Book`` (tested elsewhere), trades, times."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.book import L2Book
from msray.book import kernels as book_kernels
from msray.market import ASK, DEPTH, SELL, TRADE, UNSIGNED, Instrument, Records

SECOND = 1_000_000_000
WEIGHTS = np.exp(-np.arange(10) / 2)
Columns = dict[str, Any]


@dataclass(slots=True)
class Side:
    """Covered levels of one side, best first; ``edge`` ends the covered range, None where nothing does."""

    ticks: NDArray[np.int64]
    sizes: NDArray[np.int64]
    edge: int | None

    def top(self, count: int) -> dict[int, int] | None:
        """Best levels, tick to size; None where the covered range ends before them."""
        if len(self.ticks) < count and self.edge is not None:
            return None
        return dict(zip(self.ticks[:count].tolist(), self.sizes[:count].tolist(), strict=True))


@dataclass(slots=True)
class Row:
    """What was known after one depth message; ``place`` is its index in the log, ``time`` never runs backwards."""

    place: int
    time: int
    event_ns: int
    local_ns: int
    bids: Side
    asks: Side

    @property
    def is_valid(self) -> bool:
        return len(self.bids.ticks) > 0 and len(self.asks.ticks) > 0 and bool(self.bids.ticks[0] < self.asks.ticks[0])

    @property
    def mid(self) -> float:
        return float(self.bids.ticks[0] + self.asks.ticks[0]) / 2 if self.is_valid else math.nan

    @property
    def is_whole(self) -> bool:
        return self.is_valid and self.bids.top(10) is not None and self.asks.top(10) is not None


@dataclass(slots=True)
class Trades:
    """One value a trade: index in the log, time that never runs backwards, tick, size, sign."""

    place: NDArray[np.int64]
    time: NDArray[np.int64]
    tick: NDArray[np.int64]
    size: NDArray[np.int64]
    sign: NDArray[np.int64]


def raw(instrument: Instrument, records: Records) -> tuple[list[Row], Trades, int]:
    """Rows, trades and first time of an epoch that begins with its snapshot."""
    book = L2Book(instrument)
    first = records.messages[0]
    book.load(records.levels[first["begin"] : first["end"]], int(first["first_id"]))
    rows: list[Row] = []
    trades: list[tuple[int, int, int, int, int]] = []
    time = start = -1
    for place, message in enumerate(records.messages):
        if message["kind"] not in (DEPTH, TRADE):
            continue
        time = max(time, int(message["event_ns"]))
        start = time if start < 0 else start
        if message["kind"] == TRADE:
            level = records.levels[message["begin"]]
            sign = 0 if level["flags"] & UNSIGNED else -1 if level["flags"] & SELL else 1
            trades.append((place, time, level["tick"], level["size"], sign))
        else:
            book.apply(records.levels, int(message["begin"]), int(message["end"]))
            both = covered(book, 0), covered(book, ASK)
            rows.append(Row(place, time, int(message["event_ns"]), int(message["local_ns"]), *both))
    return rows, Trades(*np.array(trades, np.int64).reshape(-1, 5).T), start


def covered(book: L2Book, side: int) -> Side:
    levels = book.levels(side)
    edge = int(book.arena[book_kernels.ASK_EDGE if side else book_kernels.BID_EDGE])
    levels = levels[levels["tick"] <= edge if side else levels["tick"] >= edge]
    ends = edge == (book_kernels.NO_ASK if side else book_kernels.NO_BID)
    return Side(levels["tick"].astype(np.int64), levels["size"].astype(np.int64), None if ends else edge)
