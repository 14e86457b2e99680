"""The order book around a trade: what rested at which price and when, from the tape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND
from msray.backtest.page.charts import Period, Times
from msray.backtest.page.svg import Floats
from msray.backtest.portfolio import Trade
from msray.backtest.tape import Tape
from msray.book import L2Book
from msray.market import GAP, REFRESH, REGRID, SNAPSHOT, Instrument, Levels

COLUMNS, MOST_ROWS, MARGIN_STEPS = 240, 120, 40
LEAST_S, MOST_S = 60.0, 900.0
"""Shortest and longest time that is shown."""
MOST_LEVELS = 5000
"""Of a side that are looked at, best first: what lies farther away is not drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class BookHistory:
    """A piece of a book's past on a raster.

    Attributes
    ----------
    period
        Cut into ``COLUMNS`` equal parts; a column is the book at its end.
    low, high
        Prices at the lower edge of the first row and the upper edge of the last.
    steps_a_row
        Price steps of the venue in a row.
    bids, asks
        ``(rows, COLUMNS)``: sizes in the venue's units, lowest price first.
    best_bid, best_ask
        ``(COLUMNS,)``: NaN where a side is empty or the book is not known.
    is_known
        ``(COLUMNS,)``: False in a gap of the recording.
    """

    period: Period
    low: float
    high: float
    steps_a_row: int
    bids: Floats
    asks: Floats
    best_bid: Floats
    best_ask: Floats
    is_known: NDArray[np.bool_]


def around(trade: Trade) -> Period:
    """The time that is shown of a trade: with room on both sides; of a very long one, its end."""
    held = (trade.exit_ns - trade.entry_ns) / SECOND
    room_ns = round(max((LEAST_S - held) / 2, 0.15 * held) * SECOND)
    end_ns = trade.exit_ns + min(room_ns, round(LEAST_S * SECOND))
    return Period(max(trade.entry_ns - room_ns, end_ns - round(MOST_S * SECOND)), end_ns)


def book_history(tape: Tape, known_ns: Times, trade: Trade) -> BookHistory | None:
    """Play a tape from the last whole book before a trade to some time after it; None where no book is known there.

    Parameters
    ----------
    tape
        Of the trade's instrument.
    known_ns
        When each of its messages was known.
    trade
        What to look at.
    """
    period = around(trade)
    ends = np.linspace(period.begin_ns, period.end_ns, COLUMNS + 1).astype(np.int64)[1:]
    player = _Player(tape, int(np.searchsorted(known_ns, period.begin_ns)))
    seen = []
    for end in np.searchsorted(known_ns, ends, side="right").tolist():
        player.play(end)
        seen.append(player.look())
    best_bid, best_ask = (np.array(best) for best in zip(*(bests for _, bests in seen), strict=True))
    if np.isnan(best_bid).all() and np.isnan(best_ask).all():
        return None
    prices = np.concatenate([best_bid, best_ask, [trade.entry_price, trade.exit_price]])
    raster = _Raster.around(player.first, float(np.nanmin(prices)), float(np.nanmax(prices)))
    sizes = raster.sizes([levels for levels, _ in seen])
    return BookHistory(
        period=period,
        low=raster.lowest * raster.unit,
        high=(raster.lowest + raster.rows * raster.ticks_a_row) * raster.unit,
        steps_a_row=raster.ticks_a_row // player.first.ticks_per_step,
        bids=sizes[0],
        asks=sizes[1],
        best_bid=best_bid,
        best_ask=best_ask,
        is_known=np.array([len(levels) > 0 for levels, _ in seen]),
    )


class _Player:
    """A book that goes through a tape, with prices in the grid that it began with."""

    def __init__(self, tape: Tape, until: int) -> None:
        messages = tape.records.messages
        kinds = messages["kind"][:until]
        whole = np.flatnonzero((kinds == SNAPSHOT) | (kinds == REFRESH))
        self._at = int(whole[-1]) if len(whole) else 0
        instrument = tape.instrument
        for message in messages[: self._at][kinds[: self._at] == REGRID]:
            instrument = instrument.regridded(int(message["first_id"]), int(message["last_id"]))
        epochs = np.flatnonzero((kinds[: self._at] == SNAPSHOT) | (kinds[: self._at] == GAP))
        self._is_synced = bool(len(epochs)) and kinds[epochs[-1]] == SNAPSHOT
        self._records, self._book, self._factor = tape.records, L2Book(instrument), 1
        self._special = np.flatnonzero(np.isin(messages["kind"], (SNAPSHOT, REFRESH, GAP, REGRID)))
        self.first = instrument

    def play(self, end: int) -> None:
        """Go on to a message, not included."""
        specials = self._special[np.searchsorted(self._special, self._at) : np.searchsorted(self._special, end)]
        for at in specials.tolist():
            self._apply(at)
            self._take(at)
            self._at = at + 1
        self._apply(end)
        self._at = max(end, self._at)

    def look(self) -> tuple[Levels, tuple[float, float]]:
        """The levels next to the touch, and the best prices; none where the book is not known."""
        if not self._is_synced:
            return self._book.levels(limit=1)[:0], (np.nan, np.nan)
        levels, best = self._book.levels(limit=MOST_LEVELS), self._book.best()
        levels["tick"] //= self._factor
        return levels, (self._price(best.bid_tick), self._price(best.ask_tick))

    def _apply(self, end: int) -> None:
        if self._is_synced and end > self._at:
            self._book.replay(self._records[self._at : end])

    def _take(self, at: int) -> None:
        message = self._records.messages[at]
        kind = message["kind"]
        if kind == GAP:
            self._is_synced = False
        elif kind == SNAPSHOT or (kind == REFRESH and self._is_synced):
            self._book.load(self._records.levels[message["begin"] : message["end"]], int(message["first_id"]))
            self._is_synced = True
        elif kind == REGRID:
            self._factor *= int(message["prev_id"])
            finer = self._book.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
            self._book.regrid(finer, int(message["prev_id"]))

    def _price(self, tick: int | None) -> float:
        return np.nan if tick is None else float(self._book.instrument.price(tick))


@dataclass(frozen=True, slots=True)
class _Raster:
    """Rows of prices, in ticks of one grid."""

    instrument: Instrument
    lowest: int
    rows: int
    ticks_a_row: int

    @classmethod
    def around(cls, instrument: Instrument, low: float, high: float) -> "_Raster":
        """Rows from some steps below a price to as many above another, each of the same whole number of steps."""
        unit, step = float(instrument.price(1)), instrument.ticks_per_step
        lowest = max(int(low / unit) - MARGIN_STEPS * step, 0) // step * step
        ticks = int(high / unit) + MARGIN_STEPS * step - lowest
        ticks_a_row = step * -(-ticks // (step * MOST_ROWS))
        return cls(instrument, lowest, ticks // ticks_a_row + 1, ticks_a_row)

    @property
    def unit(self) -> float:
        """Price of a tick."""
        return float(self.instrument.price(1))

    def sizes(self, seen: Sequence[Levels]) -> Floats:
        """Size in each row of bids and asks of each book; ``(2, rows, books)``."""
        found = np.zeros((2, self.rows, len(seen)))
        for column, levels in enumerate(seen):
            row = (levels["tick"].astype(np.int64) - self.lowest) // self.ticks_a_row
            inside = (row >= 0) & (row < self.rows)
            cell = (levels["flags"][inside] & 1) * self.rows + row[inside]
            rests = np.bincount(cell, self.instrument.size(levels["size"][inside]), minlength=2 * self.rows)
            found[:, :, column] = rests.reshape(2, self.rows)
        return found
