"""The columns of ``book_shape.py`` and ``order_flow.py``, from their formulas."""

import math
from fractions import Fraction

import numpy as np
import polars as pl

from msray.market import Instrument
from tests.naive.features_raw import SECOND, WEIGHTS, Columns, Row, Side, Trades
from tests.naive.features_trades import ew_sum, masked, window

RAW = ["b", "a", "qb", "qa", "b5", "a5", "b10", "a10", "bw", "aw", "bend_bid", "bend_ask"]
READY = ["depth_bid_10bps", "depth_ask_10bps", "slope_bid", "slope_ask", "vwap_spread_bps", "gap_l1_l2_ticks"]


def book_shape(instrument: Instrument, rows: list[Row], notional: float) -> Columns:
    table = [shape(instrument, row, notional) if row.is_valid else dict.fromkeys(RAW + READY, math.nan) for row in rows]
    frame = pl.DataFrame(table)
    b, a, qb, qa = (pl.col(name) for name in ("b", "a", "qb", "qa"))
    m = (a + b) / 2
    micro = (b * qa + a * qb) / (qa + qb)
    price = instrument.grid / 10**instrument.price_decimals

    def imbalance(n: str) -> pl.Expr:
        return (pl.col("b" + n) - pl.col("a" + n)) / (pl.col("b" + n) + pl.col("a" + n))

    frame = frame.select(
        *READY,
        mid_price=m * price,
        spread=(a - b) * price,
        spread_bps=1e4 * (a - b) / m,
        spread_ticks=(a - b) / instrument.ticks_per_step,
        microprice=micro * price,
        microprice_offset_bps=1e4 * (micro - m) / m,
        imbalance_l1=(qb - qa) / (qb + qa),
        imbalance_l5=imbalance("5"),
        imbalance_l10=imbalance("10"),
        imbalance_weighted=imbalance("w"),
        depth_bid_l10=pl.col("b10"),
        depth_ask_l10=pl.col("a10"),
        book_convexity=(pl.col("bend_bid") + pl.col("bend_ask")) / 2,
        queue_imbalance_log=qb.log() - qa.log(),
    )
    return {name: frame[name].to_numpy() for name in frame.columns}


def shape(instrument: Instrument, row: Row, notional: float) -> dict[str, float]:
    unit = 10**instrument.size_decimals
    bids, asks = row.bids, row.asks
    found = {
        "b": float(bids.ticks[0]),
        "a": float(asks.ticks[0]),
        "qb": bids.sizes[0] / unit,
        "qa": asks.sizes[0] / unit,
    }
    for name, count, weights in (("5", 5, np.ones(5)), ("10", 10, np.ones(10)), ("w", 10, WEIGHTS)):
        for letter, side in (("b", bids), ("a", asks)):
            top = side.top(count)
            sizes = [math.nan] if top is None else list(top.values())
            found[letter + name] = float((np.array(sizes) * weights[: len(sizes)]).sum()) / unit
    found["slope_bid"], found["bend_bid"] = fits(bids, row.mid, unit)
    found["slope_ask"], found["bend_ask"] = fits(asks, row.mid, unit)
    twice = int(2 * row.mid)
    is_seen = bids.edge is None or 2000 * bids.edge < 999 * twice + 2000
    found["depth_bid_10bps"] = bids.sizes[2000 * bids.ticks >= 999 * twice].sum() / unit if is_seen else math.nan
    is_seen = asks.edge is None or 2000 * asks.edge > 1001 * twice - 2000
    found["depth_ask_10bps"] = asks.sizes[2000 * asks.ticks <= 1001 * twice].sum() / unit if is_seen else math.nan
    value = Fraction(notional) * 10**instrument.price_decimals * unit / instrument.grid
    paid, got = average_price(asks, value), average_price(bids, value)
    found["vwap_spread_bps"] = math.nan if paid is None or got is None else float(20_000 * (paid - got) / twice)
    found["gap_l1_l2_ticks"] = math.nan
    if len(bids.ticks) > 1 and len(asks.ticks) > 1:
        gaps = bids.ticks[0] - bids.ticks[1] + asks.ticks[1] - asks.ticks[0]
        found["gap_l1_l2_ticks"] = gaps / 2 / instrument.ticks_per_step
    return found


def fits(side: Side, m: float, unit: int) -> tuple[float, float]:
    """Slope of the line and quadratic term of the parabola through the top 10."""
    top = side.top(10)
    if top is None or len(top) < 2:
        return math.nan, math.nan
    distance = 1e4 * np.abs(np.array(list(top)) - m) / m
    size = np.cumsum(list(top.values())) / unit
    distance -= distance.mean()  # changes neither, and keeps digits
    return np.polyfit(distance, size, 1)[0], np.polyfit(distance, size, 2)[0] if len(top) > 2 else math.nan


def average_price(side: Side, value: Fraction) -> Fraction | None:
    """Exact average tick of trading ``value`` (ticks times units) against a side."""
    left, size = value, Fraction(0)
    for tick, here in zip(side.ticks.tolist(), side.sizes.tolist(), strict=True):
        if tick * here >= left:
            return value / (size + left / tick)
        left -= tick * here
        size += here
    return None


def order_flow(instrument: Instrument, rows: list[Row], trades: Trades, start: int) -> Columns:
    unit = 10**instrument.size_decimals
    time = np.array([row.time for row in rows])
    is_valid = np.array([row.is_valid for row in rows])
    is_whole = np.array([row.is_whole for row in rows])
    first, weighted = np.full((2, len(rows)), math.nan)
    added, removed = np.zeros((2, len(rows)), np.int64)
    for i in range(1, len(rows)):
        if rows[i].is_valid and rows[i - 1].is_valid:
            first[i] = imbalance_at(rows[i - 1], rows[i], 0)
        if rows[i].is_whole and rows[i - 1].is_whole:
            weighted[i] = sum(WEIGHTS[rank] * imbalance_at(rows[i - 1], rows[i], rank) for rank in range(10))
            for before, now, sign in ((rows[i - 1].bids, rows[i].bids, 1), (rows[i - 1].asks, rows[i].asks, -1)):
                more, less = changes(before.top(10) or {}, now.top(10) or {}, sign)
                added[i] += more
                removed[i] += less
    place = np.array([row.place for row in rows])
    gone = window(time, removed, time, np.arange(1, len(rows) + 1), 10)
    traded = window(trades.time, trades.size, time, np.searchsorted(trades.place, place), 10)
    flowed = np.nan_to_num(first)
    age = time - start
    everything = np.arange(1, len(rows) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        unexplained = np.where(traded > 0, np.maximum(0, gone - traded) / traded, math.nan)
    return {
        "ofi_l1": first / unit,
        "ofi_ew_1s": masked(ew_sum(time, flowed, time, everything, 1) / unit, is_valid & (age >= SECOND)),
        "ofi_ew_10s": masked(ew_sum(time, flowed, time, everything, 10) / unit, is_valid & (age >= 10 * SECOND)),
        "ofi_multilevel": weighted / unit,
        "add_rate_10s": masked(window(time, added, time, everything, 10) / 10 / unit, is_whole & (age >= 10 * SECOND)),
        "cancel_rate_10s": masked(gone / 10 / unit, is_whole & (age >= 10 * SECOND)),
        "quote_rate_1s": masked(window(time, np.ones(len(rows), int), time, everything, 1), age >= SECOND),
        "cancel_to_trade_10s": masked(unexplained, is_whole & (age >= 10 * SECOND)),
    }


def imbalance_at(before: Row, now: Row, rank: int) -> int:
    """Cont, Kukanov, Stoikov at one rank; a missing level is size 0 at the worst price."""

    def level(side: Side, worst: float) -> tuple[float, int]:
        return (side.ticks[rank], side.sizes[rank]) if rank < len(side.ticks) else (worst, 0)

    (b0, qb0), (b, qb) = level(before.bids, -math.inf), level(now.bids, -math.inf)
    (a0, qa0), (a, qa) = level(before.asks, math.inf), level(now.asks, math.inf)
    return (b >= b0) * qb - (b <= b0) * qb0 - (a <= a0) * qa + (a >= a0) * qa0


def changes(before: dict[int, int], now: dict[int, int], sign: int) -> tuple[int, int]:
    """Size added and removed at every price that both tops reach down to."""
    last = [min(sign * tick for tick in top) for top in (before, now) if len(top) == 10]
    differences = [
        now.get(tick, 0) - before.get(tick, 0) for tick in before | now if not last or sign * tick >= max(last)
    ]
    return sum(d for d in differences if d > 0), -sum(d for d in differences if d < 0)
