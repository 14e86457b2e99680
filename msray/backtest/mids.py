"""``Mids``: the middle of one instrument's market over exchange time, by which fills are judged afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.backtest.config import BacktestConfig
from msray.backtest.quotes import is_quote
from msray.backtest.tape import Tape, TwoClocks
from msray.errors import UsageError
from msray.market import Instrument

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Mids:
    """Middles of the best prices.

    Attributes
    ----------
    instrument
        With the grid of the ticks.
    at_ns
        ``(n,)`` int64, at least one: exchange time from which each held; it never goes back.
    half_ticks
        ``(n,)`` int64: best bid plus best ask, in grid ticks.

    Raises
    ------
    UsageError
        If the arrays differ in length, are empty, or time goes back.

    Examples
    --------
    >>> x = Instrument(venue="test", symbol="X", price_decimals=1, size_decimals=0, tick=1, grid=1)
    >>> mids = Mids(x, np.array([10, 20]), np.array([201, 205]))
    >>> mids.prices(mids.until([10, 19, 20])).tolist()
    [10.05, 10.05, 10.25]
    """

    instrument: Instrument
    at_ns: Integers
    half_ticks: Integers

    def __post_init__(self) -> None:
        if len(self.at_ns) == 0 or len(self.at_ns) != len(self.half_ticks):
            raise UsageError(
                f"at_ns and half_ticks must have one length above 0, got {len(self.at_ns)} and {len(self.half_ticks)}"
            )
        if (np.diff(self.at_ns) < 0).any():
            raise UsageError("at_ns of mids must never go back")

    def before(self, at_ns: ArrayLike) -> NDArray[np.intp]:
        """Number of the last mid that held before an instant, -1 where there is none."""
        return np.searchsorted(self.at_ns, at_ns, side="left") - 1

    def until(self, at_ns: ArrayLike) -> NDArray[np.intp]:
        """Number of the last mid up to an instant, included; -1 where there is none."""
        return np.searchsorted(self.at_ns, at_ns, side="right") - 1

    def prices(self, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mids of these numbers, quote units."""
        price: NDArray[np.float64] = self.instrument.price(self.half_ticks[numbers]) / 2
        return price

    def exact_prices(self, numbers: NDArray[np.intp]) -> list[int]:
        """Mids of these numbers, integers of ``10**-18``, as a backtest marks positions by them."""
        unit = self.instrument.exact_price(1)
        return [half_ticks * unit // 2 for half_ticks in self.half_ticks[numbers].tolist()]


def mids_of(tapes: Sequence[Tape], config: BacktestConfig) -> Mids:
    """Mids of one instrument's tapes, which follow each other; rows with an empty side of the book are passed over.

    Raises
    ------
    UsageError
        If no row has both sides.
    """
    clocks = TwoClocks(config)
    parts = [part for tape in tapes for part in tape.by_grid()]
    found = []
    for part in parts:
        at_ns = clocks.read(part.records)[0][part.row_message]
        whole = is_quote(part.bests)
        found.append((at_ns[whole], (part.bests[:, 0] + part.bests[:, 2])[whole]))
    if not any(len(at_ns) for at_ns, _ in found):
        raise UsageError("tapes must have a row with both sides of the book")
    last = parts[-1].instrument
    finer = [part.instrument.exact_price(1) // last.exact_price(1) for part in parts]
    return Mids(
        last,
        np.concatenate([at_ns for at_ns, _ in found]),
        np.concatenate([half_ticks * factor for (_, half_ticks), factor in zip(found, finer, strict=True)]),
    )
