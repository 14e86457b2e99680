"""What inventory earned: spread captured, positions carried, and how prices moved after each fill.

An evaluation, made afterwards: markouts look ahead of the fill they judge, and nothing here is known to a strategy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msray.backtest.account import Account, as_float
from msray.backtest.config import SECOND
from msray.backtest.mids import Mids
from msray.backtest.result import BacktestResult
from msray.errors import UnknownNameError, UsageError
from msray.extras import from_extra
from msray.market import PRICE_DECIMALS, Fill

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_HORIZON_S = 86_400.0
_PRICE: int = 10**PRICE_DECIMALS


@dataclass(slots=True, kw_only=True)
class Quoted:
    """How often a maker looked at an instrument, and what it did.

    Attributes
    ----------
    looks
        From the first quote of the market on.
    bid, ask, both
        Of these, how often a quote of its own rested on the bid, the ask, and on both.
    placed, moved
        Orders placed, and asked to change their price.
    """

    looks: int = 0
    bid: int = 0
    ask: int = 0
    both: int = 0
    placed: int = 0
    moved: int = 0

    def look(self, has_bid: bool, has_ask: bool) -> None:
        """Count a look."""
        self.looks += 1
        self.bid += has_bid
        self.ask += has_ask
        self.both += has_bid and has_ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """What was earned, exactly: integers of ``10**-45`` quote units.

    Attributes
    ----------
    captured
        Sum over fills of size times how much better its price was than the mid.
    carried
        Sum over moves of the mid of the position held, times the move. ``captured + carried = realized + unrealized``;
        so it is for an inverse future too, whose coins are valued at the mid.
    realized
        What closed positions brought, at average cost.
    unrealized
        What is held at the last mid, less its cost.
    fees, funding
        Paid.
    """

    captured: int
    carried: int
    realized: int
    unrealized: int
    fees: int
    funding: int

    @property
    def net(self) -> int:
        """What the account gained: ``captured + carried - fees - funding``."""
        return self.captured + self.carried - self.fees - self.funding

    def in_quote(self) -> dict[str, float]:
        """Each figure in quote units, ``net`` last."""
        names = (*self.__dataclass_fields__, "net")
        return {name: as_float(getattr(self, name)) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InventoryReport:
    """What a strategy's inventory did in one instrument.

    Attributes
    ----------
    fills
        Of the instrument, in the order of exchange time; all arrays have a row for each.
    position
        int64, units held after each.
    captured, carried
        float64, quote units: what each captured of the spread, and what the position before it earned since the one
        before.
    markouts
        ``(fills, horizons)`` float64, quote units: what the mid's move after each brought its size; negative where it
        was adverse, NaN where the recording ends before.
    horizons_s
        Seconds after a fill.
    earnings
        In all, exactly.
    captured_bps, markout_bps
        Sums over fills as fractions of the value traded, in basis points, markouts for each horizon; NaN without fills.
        Their sum is what the spread really brought, before fees.
    half_life_s
        Seconds in which a position loses half of itself, as an AR(1) about 0 of the position each second; NaN where
        it never held, or changed sides from one second to the next as a rule; infinite where it did not shrink.
    time_at_limit
        Share of the time with a position of at least the limit; NaN without one.
    fill_rate
        Share of the orders placed of which something traded while resting; NaN where unknown.
    uptime
        Share of the maker's looks at which both its quotes rested; NaN where unknown.
    """

    fills: tuple[Fill, ...]
    position: Integers
    captured: Floats
    carried: Floats
    markouts: Floats
    horizons_s: tuple[float, ...]
    earnings: Earnings
    captured_bps: float
    markout_bps: tuple[float, ...]
    half_life_s: float
    time_at_limit: float
    fill_rate: float
    uptime: float

    def to_pandas(self) -> "pd.DataFrame":
        """A row a fill: ``at`` (exchange time), side, price, size (units), position, captured, carried, markouts."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        table = {
            "at": pd.to_datetime([fill.exchange_ns for fill in self.fills], unit="ns", utc=True),
            "side": [fill.side.name.lower() for fill in self.fills],
            "price": [fill.price / _PRICE for fill in self.fills],
            "size": [fill.size for fill in self.fills],
            "is_maker": [fill.is_maker for fill in self.fills],
            "position": self.position,
            "captured": self.captured,
            "carried": self.carried,
        }
        for number, horizon_s in enumerate(self.horizons_s):
            table[f"markout_{horizon_s:g}s"] = self.markouts[:, number]
        return pd.DataFrame(table)


def track_inventory(
    result: BacktestResult,
    mids: Mids,
    *,
    horizons_s: Sequence[float] = (1.0, 5.0, 30.0),
    limit_units: int | None = None,
    quoted: Quoted | None = None,
) -> InventoryReport:
    """Judge what a strategy held of one instrument.

    Parameters
    ----------
    result
        Of its backtest.
    mids
        Of the instrument, over the whole of it; see :func:`~msray.backtest.mids.mids_of`.
    horizons_s
        Seconds after each fill at which the mid is looked at, above 0 to 86,400.
    limit_units
        Position that counts as at the limit.
    quoted
        What :meth:`MarketMaker.quoted` says of the instrument.

    Returns
    -------
    InventoryReport
        A fill is judged by the last mid before its instant: what moves at that instant is already the market's answer.

    Raises
    ------
    UsageError
        If a parameter is out of range, the instrument was not traded in the backtest, or a fill came before all mids.
    """
    name = mids.instrument.id
    if name not in result.accounts:
        raise UnknownNameError("instrument", name, result.accounts)
    _check(horizons_s, limit_units)
    fills = tuple(fill for fill in result.fills if fill.instrument == name)
    at_ns = np.array([fill.exchange_ns for fill in fills], np.int64)
    numbers = mids.before(at_ns)
    if len(fills) and numbers[0] < 0:
        raise UsageError(f"mids must begin before the first fill at {at_ns[0]}, got a first one at {mids.at_ns[0]}")
    ledger = _Ledger(result.accounts[name])
    for fill, mark in zip(fills, mids.exact_prices(numbers), strict=True):
        ledger.book(fill, mark)
    earnings = ledger.close(mids.exact_prices(np.array([len(mids.at_ns) - 1]))[0])
    position = np.array(ledger.position, np.int64)
    captured = np.array(ledger.captured, np.float64)
    bases = np.array([ledger.base(fill) for fill in fills], np.float64)
    markouts = _markouts(mids, at_ns, bases, horizons_s)
    values = np.abs(bases) * mids.prices(numbers)
    return InventoryReport(
        fills=fills,
        position=position,
        captured=captured,
        carried=np.array(ledger.carried, np.float64),
        markouts=markouts,
        horizons_s=tuple(float(horizon_s) for horizon_s in horizons_s),
        earnings=earnings,
        captured_bps=_bps(captured, values),
        markout_bps=tuple(_bps(column, values) for column in markouts.T),
        half_life_s=_half_life(mids, at_ns, position),
        time_at_limit=_time_at_limit(mids, at_ns, position, limit_units),
        fill_rate=_share(len({fill.order_id for fill in fills if fill.is_maker}), quoted.placed if quoted else 0),
        uptime=_share(quoted.both, quoted.looks) if quoted else math.nan,
    )


class _Ledger:
    """An account without costs, and what each fill did to its worth."""

    def __init__(self, traded: Account) -> None:
        self.captured: list[float] = []
        self.carried: list[float] = []
        self.position: list[int] = []
        self._traded = traded
        self._own = Account(traded.instrument, traded.contract)
        self._worth = self._captured = 0

    def base(self, fill: Fill) -> float:
        """Signed size that a move of the price acts on: of an inverse future, the coins that it stands for."""
        worth = as_float(self._own.value(fill.side.sign * fill.size, fill.price))
        return worth / (fill.price / _PRICE)

    def book(self, fill: Fill, mark: int) -> None:
        """A fill, the mid being ``mark`` just before it."""
        own, size = self._own, fill.side.sign * fill.size
        before = own.worth(mark)
        if own.size * size < 0 and abs(size) > abs(own.size):
            size += own.size
            own.book(-own.size, fill.price, 0)
        own.book(size, fill.price, 0)
        after = own.worth(mark)
        self.carried.append(as_float(before - self._worth))
        self.captured.append(as_float(after - before))
        self.position.append(own.size)
        self._captured += after - before
        self._worth = after

    def close(self, mark: int) -> Earnings:
        """What all of it brought, the last mid being ``mark``."""
        worth, traded = self._own.worth(mark), self._traded
        # An inverse future's account is in coins; what they are worth at the last mid is what they brought.
        rate, unit = (mark, _PRICE) if traded.contract else (1, 1)
        realized = self._own.realized * rate // unit
        return Earnings(
            captured=self._captured,
            carried=worth - self._captured,
            realized=realized,
            unrealized=worth - realized,
            fees=traded.fees * rate // unit,
            funding=traded.funding * rate // unit,
        )


def _check(horizons_s: Sequence[float], limit_units: int | None) -> None:
    for horizon_s in horizons_s:
        if not 0.0 < horizon_s <= MOST_HORIZON_S:
            raise UsageError(f"horizons_s must lie above 0 and up to {MOST_HORIZON_S:g}, got {horizon_s}")
    if limit_units is not None and limit_units < 1:
        raise UsageError(f"limit_units must be at least 1, got {limit_units}")


def _markouts(mids: Mids, at_ns: Integers, bases: Floats, horizons_s: Sequence[float]) -> Floats:
    out = np.full((len(at_ns), len(horizons_s)), np.nan)
    before = mids.prices(mids.before(at_ns))
    for number, horizon_s in enumerate(horizons_s):
        then_ns = at_ns + round(horizon_s * SECOND)
        is_known = then_ns <= mids.at_ns[-1]
        moves = mids.prices(mids.until(then_ns)) - before
        out[is_known, number] = (bases * moves)[is_known]
    return out


def _bps(gains: Floats, values: Floats) -> float:
    """Gains as a fraction of the values they were made on, in basis points, where they are known."""
    is_known = ~np.isnan(gains)
    value = float(values[is_known].sum())
    return 1e4 * float(gains[is_known].sum()) / value if value else math.nan


def _half_life(mids: Mids, at_ns: Integers, position: Integers) -> float:
    seconds_ns = np.arange(mids.at_ns[0], mids.at_ns[-1], SECOND)
    held = np.concatenate([[0], position])[np.searchsorted(at_ns, seconds_ns, side="right")].astype(np.float64)
    square = float(held[:-1] @ held[:-1])
    share = float(held[1:] @ held[:-1]) / square if square else math.nan
    if not share > 0.0:
        return math.nan
    return math.inf if share >= 1.0 else -math.log(2.0) / math.log(share)


def _time_at_limit(mids: Mids, at_ns: Integers, position: Integers, limit_units: int | None) -> float:
    if limit_units is None:
        return math.nan
    first_ns, last_ns = mids.at_ns[[0, -1]]
    edges_ns = np.concatenate([[first_ns], np.clip(at_ns, first_ns, last_ns), [last_ns]])
    is_there = np.abs(np.concatenate([[0], position])) >= limit_units
    return _share(int(np.diff(edges_ns)[is_there].sum()), int(last_ns - first_ns))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
