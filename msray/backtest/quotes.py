"""What a strategy knows of one instrument: the rows that have reached it, and when the next one touches a price."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msray.backtest import kernels_quotes as k
from msray.backtest.agenda import NEVER_NS
from msray.market import MAX_TICK, Instrument, Side


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices that are known, in grid ticks, with the sizes shown there.

    Attributes
    ----------
    instrument
        With the grid of the ticks.
    known_ns
        Since when they are known, local time.
    """

    instrument: Instrument
    known_ns: int
    bid_tick: int
    bid_size: int
    ask_tick: int
    ask_size: int

    @property
    def mid_price(self) -> int:
        """Middle of the best prices, an integer of ``10**-18`` quote units."""
        return (self.instrument.exact_price(self.bid_tick) + self.instrument.exact_price(self.ask_tick)) // 2

    def tick(self, side: Side) -> int:
        """Best price of a side of the book: the bid for buys, the ask for sells."""
        return self.bid_tick if side is Side.BUY else self.ask_tick


def is_quote(bests: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of which rows both sides hold something."""
    whole: NDArray[np.bool_] = (bests[:, 0] >= 0) & (bests[:, 2] <= MAX_TICK)
    return whole


@dataclass(slots=True)
class _Piece:
    instrument: Instrument
    known_ns: NDArray[np.int64]
    bests: NDArray[np.int64]
    values: NDArray[np.float64]
    unit: int = field(init=False)

    def __post_init__(self) -> None:
        self.unit = self.instrument.exact_price(1)


class View(NamedTuple):
    """Rows as a kernel reads them.

    Attributes
    ----------
    known_ns, bests, values
        As they were handed over, of one grid.
    unit
        Price of a tick, an integer of ``10**-18``.
    at
        The newest row that is known.
    gap_ns
        When we learned of the last gap; -1: of none.
    """

    known_ns: NDArray[np.int64]
    bests: NDArray[np.int64]
    values: NDArray[np.float64]
    unit: int
    at: int
    gap_ns: int


class Quotes:
    """The rows of one instrument in the order in which they become known.

    Rows in which a side of the book is empty are passed over: there is nothing to trade against, the last whole one
    stays. :meth:`go_to` forgets what is behind it.
    """

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._at = -1
        self._next_ns = -1
        self._gaps: deque[int] = deque()
        self._gap_ns = -1

    def feed(
        self,
        instrument: Instrument,
        known_ns: NDArray[np.int64],
        bests: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        """Hand over the next rows.

        Parameters
        ----------
        instrument
            With the grid that the ticks are of.
        known_ns
            When each becomes known, local time; it never goes back.
        bests, values
            See :class:`~msray.backtest.tape.Tape`.
        """
        whole = is_quote(bests)
        if not whole.all():
            known_ns, bests, values = known_ns[whole], bests[whole], values[whole]
        if len(known_ns):
            bests = np.ascontiguousarray(bests).view()
            bests.flags.writeable = False  # as it comes from a cluster's memory: the kernel is to see one type
            self._pieces.append(_Piece(instrument, known_ns, bests, np.ascontiguousarray(values)))
            self._next_ns = -1

    def lose(self, known_ns: NDArray[np.int64]) -> None:
        """Hand over when we learn of the next gaps of the recording, in order."""
        self._gaps.extend(known_ns.tolist())
        self._next_ns = -1

    def go_to(self, now_ns: int) -> bool:
        """Learn all that is known by then; says whether there was a quote."""
        if now_ns < self._next_ns:
            return False
        before = self._at
        while self._gaps and self._gaps[0] <= now_ns:
            self._gap_ns = self._gaps.popleft()
        while len(self._pieces) > 1 and self._pieces[1].known_ns[0] <= now_ns:
            self._pieces.popleft()
            before, self._at = -2, -1
        if self._pieces:
            known_ns = self._pieces[0].known_ns
            if self._at + 1 < len(known_ns) and known_ns[self._at + 1] <= now_ns:
                self._at = int(known_ns.searchsorted(now_ns, side="right")) - 1
            self._next_ns = self._next_change_ns
        return self._at != before

    @property
    def _next_change_ns(self) -> int:
        """When the next row or gap is learned of, as far as they were handed over; -1 where that is not known."""
        known_ns, behind = self._pieces[0].known_ns, self._at + 1
        row_ns = known_ns.item(behind) if behind < len(known_ns) else -1
        return min(row_ns, self._gaps[0]) if self._gaps else row_ns

    @property
    def last(self) -> Quote | None:
        """The newest quote that is known; None before the first."""
        if self._at < 0:
            return None
        piece = self._pieces[0]
        bid, bid_size, ask, ask_size = piece.bests[self._at].tolist()
        return Quote(piece.instrument, int(piece.known_ns[self._at]), bid, bid_size, ask, ask_size)

    @property
    def mid_price(self) -> int:
        """That of the newest quote; only where there is one."""
        bests = self._pieces[0].bests
        return (bests.item(self._at, 0) + bests.item(self._at, 2)) * self._pieces[0].unit // 2

    def mid_prices(self, at_ns: NDArray[np.int64]) -> list[int | None]:
        """:attr:`mid_price` as it will be at times from now on, which rise; None before the first quote."""
        found: list[int | None] = [None] * len(at_ns)
        for piece in self._pieces:
            rows = piece.known_ns.searchsorted(at_ns, side="right") - 1
            first = int(np.count_nonzero(rows < 0))
            if first == len(rows):
                break
            sums = piece.bests[rows[first:], 0] + piece.bests[rows[first:], 2]
            found[first:] = [total * piece.unit // 2 for total in sums.tolist()]
        return found

    @property
    def instrument(self) -> Instrument | None:
        """With the grid of the newest quote; None before the first."""
        return self._pieces[0].instrument if self._at >= 0 else None

    @property
    def has_quote(self) -> bool:
        """Whether there has been one."""
        return self._at >= 0

    @property
    def piece_ns(self) -> int:
        """Up to then nothing is known but rows of :attr:`view`."""
        next_ns = int(self._pieces[1].known_ns[0]) if len(self._pieces) > 1 else NEVER_NS
        return min(next_ns, self._gaps[0] if self._gaps else NEVER_NS) - 1

    @property
    def view(self) -> View:
        """The rows on the newest one's grid; only where there is a quote."""
        piece = self._pieces[0]
        return View(piece.known_ns, piece.bests, piece.values, piece.unit, self._at, self._gap_ns)

    @property
    def is_synced(self) -> bool:
        """Whether the last quote is younger than the last gap."""
        return self._at >= 0 and bool(self._pieces[0].known_ns[self._at] > self._gap_ns)

    @property
    def values(self) -> NDArray[np.float64]:
        """The newest values of the columns that the tape has; only where there is a quote."""
        row: NDArray[np.float64] = self._pieces[0].values[self._at]
        return row

    def row_after(self, at_ns: int) -> int:
        """When the first row later than a time is known; :data:`NEVER_NS` if none was handed over."""
        for piece in self._pieces:
            row = int(piece.known_ns.searchsorted(at_ns, side="right"))
            if row < len(piece.known_ns):
                return piece.known_ns.item(row)
        return NEVER_NS

    def next_touch(self, side: Side, low: int, high: int) -> int:
        """Since when the best price of a side is at or beyond one of two prices, from the newest row on.

        Parameters
        ----------
        side
            Whose best price: the bid for ``BUY``.
        low, high
            Integers of ``10**-18``.

        Returns
        -------
        int
            Local time; :data:`NEVER_NS` if no row that was handed over says so.
        """
        column, first = 0 if side is Side.BUY else 2, max(self._at, 0)
        for piece in self._pieces:
            lowest, highest = max(low // piece.unit, -1), min(-(-high // piece.unit), NEVER_NS)
            row = int(k.first_touch(piece.bests, column, first, lowest, highest))
            if row < len(piece.known_ns):
                return int(piece.known_ns[row])
            first = 0
        return NEVER_NS
