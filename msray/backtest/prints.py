"""What a strategy knows of the market's trades: those that have become known since it last asked."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.market import SELL, TRADE, UNSIGNED, Instrument, Records

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """Trades of the market, oldest first; those of which nobody says who was the aggressor are left out.

    Attributes
    ----------
    instrument
        With the grid of the ticks.
    ticks, sizes
        ``(n,)`` int64: price and size of each.
    is_sell
        ``(n,)`` bool: whether its aggressor sold.
    """

    instrument: Instrument
    ticks: Integers
    sizes: Integers
    is_sell: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ticks)


@dataclass(slots=True)
class _Piece:
    prints: Prints
    known_ns: Integers
    at: int = 0


class PrintQueue:
    """The trades of one instrument in the order in which they become known, each handed out once."""

    def __init__(self, instrument: Instrument) -> None:
        none = np.zeros(0, np.int64)
        self._none = Prints(instrument, none, none, none.astype(bool))
        self._pieces: deque[_Piece] = deque()

    def feed(self, instrument: Instrument, records: Records, known_ns: Integers) -> None:
        """Hand over the next records, on the grid of ``instrument``, and when each becomes known."""
        of_trades = np.flatnonzero(records.messages["kind"] == TRADE)
        levels = records.levels[records.messages["begin"][of_trades]]
        is_signed = (levels["flags"] & UNSIGNED) == 0
        of_trades, levels = of_trades[is_signed], levels[is_signed]
        if len(of_trades):
            is_sell = (levels["flags"] & SELL) != 0
            prints = Prints(instrument, levels["tick"].astype(np.int64), levels["size"].astype(np.int64), is_sell)
            self._pieces.append(_Piece(prints, known_ns[of_trades]))

    def take(self, now_ns: int) -> Prints:
        """All that is known by then and has not been handed out, on one grid."""
        found = []
        while self._pieces:
            piece = self._pieces[0]
            begin, end = piece.at, int(piece.known_ns.searchsorted(now_ns, side="right"))
            if end > begin:
                whole, piece.at = piece.prints, end
                part = slice(begin, end)
                found.append(Prints(whole.instrument, whole.ticks[part], whole.sizes[part], whole.is_sell[part]))
            if end < len(piece.known_ns):
                break
            self._pieces.popleft()
        if len(found) < 2:
            return found[0] if found else self._none
        return _joined(found)


def _joined(parts: list[Prints]) -> Prints:
    """Prints of one instrument whose grid becomes finer, on the last one's."""
    last = parts[-1].instrument
    unit = last.exact_price(1)
    return Prints(
        last,
        np.concatenate([part.ticks * (part.instrument.exact_price(1) // unit) for part in parts]),
        np.concatenate([part.sizes for part in parts]),
        np.concatenate([part.is_sell for part in parts]),
    )
