"""``Prices``: what a position could be closed at, over time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_numbers, checked_times
from msray.errors import UsageError
from msray.labels.kernels import rows_after

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PricePath:
    """One side's price in each row: ``float64`` arrays, three times the same one where rows are quotes."""

    low: Floats
    high: Floats
    close: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """Bid and ask over time, as quotes or as bars of them; made by :meth:`of_quotes` or :meth:`of_bars`.

    A row in which bid and ask are NaN begins a gap: from then on no price is known, until the next row. At the end such
    a row says how long the last quote is known to have stood.

    Attributes
    ----------
    at_ns
        ``int64``, non-decreasing: when a quote came, or a bar ended. Of rows at one time the last is in force.
    bid, ask
        A long position is closed at the bid, a short one at the ask. In quote units or ticks, positive.
    are_bars
        Whether a row has seen more than its close.
    """

    at_ns: NDArray[np.int64]
    bid: PricePath
    ask: PricePath
    are_bars: bool

    @staticmethod
    def of_quotes(at_ns: ArrayLike, bid: ArrayLike, ask: ArrayLike) -> "Prices":
        """Best bid and ask after each change; ``float64`` arrays are not copied.

        Raises
        ------
        UsageError
            If times go back, lengths differ, a price is not positive and finite, only one of bid and ask is NaN, or a
            bid is above its ask.

        Examples
        --------
        >>> prices = Prices.of_quotes([10, 20, 30], [99.0, 100.0, float("nan")], [101.0, 101.0, float("nan")])
        >>> prices.row_at(np.array([9, 10, 29, 30]))
        array([-1,  0,  1, -1])
        """
        times = checked_times("at_ns", at_ns)
        bids, asks = _side("bid", bid, len(times)), _side("ask", ask, len(times))
        _check_sides(bids, asks)
        return Prices(at_ns=times, bid=PricePath(*[bids] * 3), ask=PricePath(*[asks] * 3), are_bars=False)

    @staticmethod
    def of_bars(at_ns: ArrayLike, bid: Sequence[ArrayLike], ask: Sequence[ArrayLike]) -> "Prices":
        """Bars that do not overlap.

        Parameters
        ----------
        at_ns
            When each bar ended; it holds what came after the end of the bar before it.
        bid, ask
            Low, high and close of each, three arrays. Where only trades are known, give them for both: labels then
            leave out the spread.

        Raises
        ------
        UsageError
            As :meth:`of_quotes` does, for lows, highs and closes, or if a close is not between low and high.
        """
        times = checked_times("at_ns", at_ns)
        bids, asks = _bar_path("bid", bid, len(times)), _bar_path("ask", ask, len(times))
        for column in ("low", "high", "close"):
            _check_sides(getattr(bids, column), getattr(asks, column), f" ({column})")
        return Prices(at_ns=times, bid=bids, ask=asks, are_bars=True)

    def __len__(self) -> int:
        return len(self.at_ns)

    @property
    def mid(self) -> Floats:
        """Middle of bid and ask at the close of each row; NaN in gaps."""
        return np.asarray((self.bid.close + self.ask.close) / 2.0)

    def row_at(self, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row in force at each time, -1 before the first one and in a gap."""
        row = self.row_after(at_ns) - 1
        if len(self):
            row[np.isnan(self.bid.close[row])] = -1
        return row

    def row_after(self, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first row that is later than each time; one more than there are where none is."""
        out = np.empty(len(at_ns), np.int64)
        rows_after(self.at_ns, at_ns, out)
        return out

    def known_until_ns(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """Until when the prices after each row are known: just before the next gap, or the time of the last row."""
        if not len(self):
            return np.full(len(row), -1)
        gaps = np.flatnonzero(np.isnan(self.bid.close))
        ends = np.append(self.at_ns[gaps] - 1, self.at_ns[-1])
        return np.asarray(ends[np.searchsorted(gaps, row)])


def _side(name: str, prices: ArrayLike, rows: int) -> Floats:
    return checked_numbers(name, prices, rows=rows, above=0, may_be_nan=True)


def _bar_path(side: str, columns: Sequence[ArrayLike], length: int) -> PricePath:
    if len(columns) != 3:
        raise UsageError(f"{side} must be low, high and close, got {len(columns)} arrays")
    named = zip(("low", "high", "close"), columns, strict=True)
    path = PricePath(*(_side(f"{side} ({name})", values, length) for name, values in named))
    gap = np.isnan(path.low) & np.isnan(path.high) & np.isnan(path.close)
    wrong = np.flatnonzero(~gap & ~((path.low <= path.close) & (path.close <= path.high)))
    if wrong.size:
        raise UsageError(f"{side} must close between its low and its high, in row {wrong[0]} it does not")
    return path


def _check_sides(bid: Floats, ask: Floats, which: str = "") -> None:
    gap = np.isnan(bid)
    if not np.array_equal(gap, np.isnan(ask)):
        row = np.flatnonzero(gap != np.isnan(ask))[0]
        raise UsageError(f"bid and ask{which} must be NaN together, in row {row} they are not", hint="NaN means a gap")
    crossed = np.flatnonzero(bid > ask)
    if crossed.size:
        row = crossed[0]
        raise UsageError(
            f"bid{which} must not be above ask{which}, in row {row} {bid[row]} is above {ask[row]}",
            hint="leave out the rows of a crossed book",
        )
