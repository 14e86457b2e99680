"""``create_synthetic_order_book_data``: a seeded market with regime changes whose times are known.

A :class:`SyntheticMarket` makes the records of one instrument, endlessly and always the same from one seed. It is a
model, not market data; ``book/kernels_synthetic.py`` says how orders flow in it. Four kinds of change can be planted,
each in the measure it is named after:

==============  ==================================================  =================
kind            what is multiplied by ``factor ** direction``       default
==============  ==================================================  =================
``volatility``  size of the moves of the fair price                 4, up
``imbalance``   size of new bids over size of new asks              5, to either side
``intensity``   rates of market orders, limit orders, cancels       3, up
``liquidity``   size of new limit orders                            3, down
==============  ==================================================  =================
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msray.book import kernels_synthetic as k
from msray.book.sync import SequenceRule
from msray.errors import UnknownNameError, UsageError
from msray.extras import from_extra
from msray.market import ASK, LEVEL, MAX_TICK, MESSAGE, SNAPSHOT, TRADE, Instrument, Records, concatenate

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("volatility", "imbalance", "intensity", "liquidity")
"""Kinds of change; ``kind`` in ``TRUTH`` is an index into this."""

TRUTH = np.dtype([("begin_ns", "i8"), ("end_ns", "i8"), ("kind", "i4"), ("direction", "i4"), ("factor", "f8")])
"""A planted change, from ``begin_ns`` up to, not including, ``end_ns`` in exchange time, acting on whole milliseconds.
What the kind is about is multiplied (``direction`` 1) or divided (-1) by ``factor``, 1 to 20."""

USDM = Instrument(venue="binance_usdm", symbol="SYNUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
"""A made-up perpetual future near 60,000, tick 0.1; ids jump and are linked."""
SPOT = Instrument(venue="binance_spot", symbol="SYNUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1)
"""A made-up spot pair near 3,000, tick 0.01, sizes of 8 decimals; ids without gaps."""

DEFAULT_START_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00:00 UTC."""

Changes = NDArray[np.void]

_FACTORS = {"volatility": 4.0, "imbalance": 5.0, "intensity": 3.0, "liquidity": 3.0}
_DIRECTIONS = {"volatility": 1, "intensity": 1, "liquidity": -1}
_BATCH_MESSAGES, _BATCH_LEVELS = 2048, 1 << 17


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{name} must be {least} to {most}, got {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketProfile:
    """The scale of a market.

    Attributes
    ----------
    price_steps
        Price at the start, in price steps of the instrument.
    lot
        Smallest size, in the instrument's size units.
    order_lots, trade_lots
        Mean size of a limit order and of a market order, in lots. A price level holds two limit orders on average.
    volatility_bps
        Standard deviation of the price over one second, in basis points.
    trades_per_s, orders_per_s
        Market orders a second, of which come a tenth more trades; and limit orders, with as many tries to cancel one.
    """

    price_steps: int = 600_000
    lot: int = 1
    order_lots: float = 250.0
    trade_lots: float = 50.0
    volatility_bps: float = 0.5
    trades_per_s: float = 10.0
    orders_per_s: float = 300.0

    def __post_init__(self) -> None:
        _check("price_steps", self.price_steps, 4 * k.RING, MAX_TICK - k.RING)
        _check("lot", self.lot, 1, 1_000_000)
        _check("order_lots", self.order_lots, 10, 1_000_000)
        _check("trade_lots", self.trade_lots, 0, 1_000_000)
        _check("volatility_bps", self.volatility_bps, 0, 100)
        _check("trades_per_s", self.trades_per_s, 0, 100)
        _check("orders_per_s", self.orders_per_s, 10, 10_000)


_PROFILES = {SPOT.venue: MarketProfile(price_steps=300_000, lot=1000, order_lots=50_000, trade_lots=10_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimePlan:
    """An endless, seeded schedule of changes.

    Attributes
    ----------
    first_s
        Quiet seconds before the first change.
    every_s, jitter_s
        Seconds from the begin of one change to that of the next; each is later by a uniform part of the jitter.
    last_s
        How long a change lasts.
    kinds, factors
        Kinds in turn, and the factor of each for which the default is not wanted.
    """

    first_s: float = 120.0
    every_s: float = 60.0
    jitter_s: float = 10.0
    last_s: float = 20.0
    kinds: Sequence[str] = KINDS
    factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check("first_s", self.first_s, 0, 1e9)
        _check("jitter_s", self.jitter_s, 0, 1e9)
        _check("last_s", self.last_s, 0.001, 1e9)
        _check("every_s", self.every_s, self.last_s + self.jitter_s, 1e9)
        _check("number of kinds", len(self.kinds), 1, 1000)
        for kind in (*self.kinds, *self.factors):
            if kind not in KINDS:
                raise UnknownNameError("kind of change", kind, KINDS)
        for kind, factor in self.factors.items():
            _check(f"factor of {kind}", factor, 1, 20)

    def change(self, number: int, *, seed: int, start_ns: int) -> tuple[int, int, int, int, float]:
        """The change of a number from 0 on, as in ``TRUTH``; it depends on nothing but the arguments."""
        kind = self.kinds[number % len(self.kinds)]
        late_s = self.jitter_s * float(k.uniform_at(seed, 2 * number))
        begin_ns = start_ns + _whole_ms(self.first_s + number * self.every_s + late_s)
        side = 1 if k.uniform_at(seed, 2 * number + 1) < 0.5 else -1
        factor = self.factors.get(kind, _FACTORS[kind])
        return (begin_ns, begin_ns + _whole_ms(self.last_s), KINDS.index(kind), _DIRECTIONS.get(kind, side), factor)


class SyntheticMarket:
    """An endless made-up market of one instrument, the same stream from the same seed however it is asked for.

    Parameters
    ----------
    seed
        0 to ``2**63 - 1``.
    instrument
        Whose records to make. Ids follow the venue: contiguous on a spot venue, linked on any other.
    start_ns
        Exchange time at which it opens, a whole millisecond.
    cadence_ms
        Time between two depth messages, at most 10,000.
    index
        Which of several markets of one seed; ``instrument`` of each message says it too.
    regimes
        A plan, by default ``RegimePlan()``; or ``TRUTH`` rows, in order and apart, of which none make a quiet market.
    profile
        Scale of the market; by default one that suits the instrument's venue.

    Raises
    ------
    UsageError
        If an argument is out of its range, or changes overlap or begin before the start.

    Examples
    --------
    >>> market = SyntheticMarket(7, start_ns=DEFAULT_START_NS)
    >>> records = market.advance(DEFAULT_START_NS + 1_000_000_000)
    >>> int((records.messages["kind"] == 1).sum())
    10
    """

    def __init__(
        self,
        seed: int,
        instrument: Instrument = USDM,
        *,
        start_ns: int,
        cadence_ms: int = 100,
        index: int = 0,
        regimes: RegimePlan | Changes | None = None,
        profile: MarketProfile | None = None,
    ) -> None:
        _check("seed", seed, 0, 2**63 - 1)
        _check("start_ns", start_ns, 0, 2**62)
        _check("cadence_ms", cadence_ms, 1, 10_000)
        _check("index", index, 0, 2**31 - 1)
        if start_ns % k.MS:
            raise UsageError(f"start_ns must be a whole millisecond, got {start_ns}")
        self.instrument, self.start_ns = instrument, start_ns
        self.regimes = _in_order(regimes, start_ns)
        self._changes_over = 0
        self._seed = int(k.derived_seed(seed, index))
        self._words = words = np.zeros(k.WORDS, np.int64)
        words[k.RNG], words[k.IS_LINKED] = self._seed, self.rule == SequenceRule.LINKED
        words[k.START_NS], words[k.CADENCE_MS], words[k.INSTRUMENT] = start_ns, cadence_ms, index
        self._reals = np.zeros(k.REALS, np.float64)
        self._open(profile or _PROFILES.get(instrument.venue, MarketProfile()))

    @property
    def rule(self) -> SequenceRule:
        """How its depth messages are numbered."""
        return SequenceRule.CONTIGUOUS if "spot" in self.instrument.venue else SequenceRule.LINKED

    @property
    def now_ns(self) -> int:
        """Exchange time up to which records were handed out."""
        return self.start_ns + int(self._words[k.DONE_MS]) * k.MS

    def advance(self, until_ns: int) -> Records:
        """The DEPTH and TRADE messages after those handed out before, in event order.

        Parameters
        ----------
        until_ns
            Exchange time of the last millisecond that is in; one in the past gives no records.
        """
        until_ms = (until_ns - self.start_ns) // k.MS
        parts: list[Records] = []
        while (done_ms := int(self._words[k.DONE_MS])) < until_ms:
            edge_ms = self._enter_regime(done_ms + 1)
            parts += self._run(until_ms if edge_ms is None else min(until_ms, edge_ms - 1))
        return concatenate(parts) if parts else Records(np.zeros(0, MESSAGE), np.zeros(0, LEVEL))

    def snapshot(self) -> Records:
        """The whole book at the id of the last depth message, as one SNAPSHOT message."""
        levels = np.zeros(2 * k.REACH, LEVEL)
        levels = levels[: k.shown_book(self._words, levels)].copy()
        row = np.zeros(1, MESSAGE)
        row["kind"], row["instrument"] = SNAPSHOT, self._words[k.INSTRUMENT]
        row["event_ns"] = row["trade_ns"] = row["local_ns"] = self.now_ns
        row["last_id"], row["prev_id"], row["end"] = self._words[k.LAST_ID], -1, len(levels)
        return Records(row, levels)

    def truth(self) -> Changes:
        """Array of ``TRUTH``: the changes so far. One that is still on ends at :attr:`now_ns`."""
        rows: list[tuple[int, int, int, int, float]] = []
        while (change := self._change(len(rows))) is not None and change[0] < self.now_ns:
            rows.append((change[0], min(change[1], self.now_ns), *change[2:]))
        return np.array(rows, TRUTH)

    def _open(self, profile: MarketProfile) -> None:
        words, reals = self._words, self._reals
        ticks_per_step = self.instrument.ticks_per_step
        highest = MAX_TICK // ticks_per_step - k.RING
        _check(f"price_steps on the grid of {self.instrument.id}", profile.price_steps, 4 * k.RING, highest)
        words[k.FAIR], words[k.LOWEST], words[k.HIGHEST] = profile.price_steps, k.RING, highest
        words[k.UNITS_PER_LOT], words[k.TICKS_PER_STEP] = profile.lot, ticks_per_step
        reals[k.VOLATILITY_STEPS] = profile.volatility_bps * 1e-4 * profile.price_steps
        reals[k.TRADES_PER_MS], reals[k.ORDERS_PER_MS] = profile.trades_per_s / 1000, profile.orders_per_s / 1000
        reals[k.ORDER_LOTS], reals[k.TRADE_LOTS] = profile.order_lots, profile.trade_lots
        reals[k.FACTORS_AT :] = 1.0
        k.open_market(words, reals)

    def _change(self, number: int) -> tuple[int, int, int, int, float] | None:
        if isinstance(self.regimes, RegimePlan):
            return self.regimes.change(number, seed=self._seed, start_ns=self.start_ns)
        return self.regimes[number].item() if number < len(self.regimes) else None

    def _enter_regime(self, ms: int) -> int | None:
        """Set what holds in a millisecond; returns the first one in which it no longer does."""
        now_ns = self.start_ns + ms * k.MS
        self._reals[k.FACTORS_AT :] = 1.0
        while (change := self._change(self._changes_over)) is not None and change[1] <= now_ns:
            self._changes_over += 1
        if change is None:
            return None
        begin_ns, end_ns, kind, direction, factor = change
        if begin_ns > now_ns:
            return -((self.start_ns - begin_ns) // k.MS)
        self._reals[k.FACTORS_AT + kind] = factor if direction > 0 else 1.0 / factor
        return -((self.start_ns - end_ns) // k.MS)

    def _run(self, until_ms: int) -> list[Records]:
        messages, levels = np.zeros(_BATCH_MESSAGES, MESSAGE), np.zeros(_BATCH_LEVELS, LEVEL)
        parts: list[Records] = []
        while self._words[k.DONE_MS] < until_ms:
            k.advance(self._words, self._reals, until_ms, messages, levels)
            if used := int(self._words[k.MESSAGES]):
                parts.append(Records(messages[:used].copy(), levels[: self._words[k.LEVELS]].copy()))
        return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticData:
    """A stretch of a synthetic market and the truth about it.

    Attributes
    ----------
    records
        An input log: one SNAPSHOT, then DEPTH and TRADE.
    truth
        Array of ``TRUTH``: the planted changes, by time.
    instrument, seed
        What the integers mean, and where they came from.
    kinds
        Names of ``truth["kind"]``.
    """

    records: Records
    truth: Changes
    instrument: Instrument
    seed: int
    kinds: tuple[str, ...] = KINDS

    def to_pandas(self) -> "pd.DataFrame":
        """One row a level: ``time, kind, id, side, price, size, regime``.

        ``kind`` is snapshot, depth or trade; ``id`` the update id, a trade's own in a trade; ``side`` the book's (bid,
        ask) or the aggressor's (buy, sell); ``size`` absolute, 0 where a level went; ``regime`` the change that is on,
        or empty. Prices and sizes are floats in quote and base units.
        """
        with from_extra("research", "to_pandas"):
            import pandas as pd
        messages, levels = self.records.messages, self.records.levels
        row = np.repeat(np.arange(len(messages)), messages["end"] - messages["begin"])
        kind, event_ns = messages["kind"][row], messages["event_ns"][row]
        regime = np.full(len(row), "", object)
        for change in self.truth:
            regime[(event_ns >= change["begin_ns"]) & (event_ns < change["end_ns"])] = self.kinds[change["kind"]]
        return pd.DataFrame(
            {
                "time": pd.to_datetime(event_ns, unit="ns", utc=True),
                "kind": np.where(kind == TRADE, "trade", np.where(kind == SNAPSHOT, "snapshot", "depth")),
                "id": messages["last_id"][row],
                "side": np.array(["bid", "ask", "buy", "sell"])[2 * (kind == TRADE) + (levels["flags"] & ASK)],
                "price": self.instrument.price(levels["tick"].astype(np.int64)),
                "size": self.instrument.size(levels["size"]),
                "regime": regime,
            }
        )


def create_synthetic_order_book_data(
    seed: int = 0,
    *,
    duration_s: float = 600.0,
    instrument: Instrument | None = None,
    start_ns: int = DEFAULT_START_NS,
    cadence_ms: int = 100,
    regimes: RegimePlan | Changes | None = None,
    profile: MarketProfile | None = None,
) -> SyntheticData:
    """Order book and trade records of a made-up market, and the times of the changes planted in it.

    Parameters
    ----------
    seed
        The same seed gives the same bytes.
    duration_s
        Length in seconds of market time, at most a week.
    instrument
        Whose records; by default a perpetual future near 60,000 with tick 0.1 (``USDM``).
    start_ns, cadence_ms, regimes, profile
        As in :class:`SyntheticMarket`. The default plan changes something about every minute after two quiet ones.

    Raises
    ------
    UsageError
        If an argument is out of its range.

    Examples
    --------
    >>> data = create_synthetic_order_book_data(seed=1, duration_s=210)
    >>> [data.kinds[kind] for kind in data.truth["kind"]]
    ['volatility', 'imbalance']
    """
    _check("duration_s", duration_s, 0.001, 7 * 86_400)
    market = SyntheticMarket(
        seed, instrument or USDM, start_ns=start_ns, cadence_ms=cadence_ms, regimes=regimes, profile=profile
    )
    end_ns = start_ns + _whole_ms(duration_s)
    if isinstance(market.regimes, np.ndarray) and len(market.regimes):
        _check("end_ns of the last change", market.regimes["end_ns"][-1], start_ns, end_ns)
    records = concatenate([market.snapshot(), market.advance(end_ns)])
    return SyntheticData(records=records, truth=market.truth(), instrument=market.instrument, seed=seed)


def _in_order(regimes: RegimePlan | Changes | None, start_ns: int) -> RegimePlan | Changes:
    if regimes is None or isinstance(regimes, RegimePlan):
        return regimes or RegimePlan()
    changes, before_ns = np.array(regimes, TRUTH), start_ns
    for begin_ns, end_ns, kind, direction, factor in changes.tolist():
        _check("begin_ns of a change", begin_ns, before_ns, 2**62)
        _check("end_ns of a change", end_ns, begin_ns + 1, 2**62)
        _check("kind of a change", kind, 0, len(KINDS) - 1)
        _check("factor of a change", factor, 1, 20)
        if direction not in (-1, 1):
            raise UsageError(f"direction of a change must be -1 or 1, got {direction}")
        before_ns = end_ns
    return changes


def _whole_ms(seconds: float) -> int:
    """Nanoseconds of a number of seconds, to the nearest millisecond."""
    return round(1000 * seconds) * k.MS
