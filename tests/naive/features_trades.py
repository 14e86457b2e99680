"""The columns of ``trade_flow.py``, from their formulas; windows and decaying sums of anything."""

import math
from typing import Any

import numpy as np
import polars as pl

from msray.market import Instrument
from tests.naive.features_raw import SECOND, Columns, Row, Trades


def trade_flow(instrument: Instrument, rows: list[Row], trades: Trades, start: int) -> Columns:
    unit = 10**instrument.size_decimals
    time = np.array([row.time for row in rows])
    mids = np.array([row.mid for row in rows])
    seen = np.searchsorted(trades.place, [row.place for row in rows])
    ones = np.ones(len(trades.time), np.int64)

    def inside(values: Any, length_s: int) -> Any:
        return window(trades.time, values, time, seen, length_s)

    def decayed(values: Any, tau_s: int) -> Any:
        return ew_sum(trades.time, values, time, seen, tau_s)

    def lasted(values: Any, length_s: int) -> Any:
        return masked(values, time - start >= length_s * SECOND)

    signed = trades.sign * trades.size
    rest = 60 * (1 - np.exp(-(time - start) / (60 * SECOND)))
    value = window(trades.time, trades.tick.astype(object) * trades.size.astype(object), time, seen, 60)
    with np.errstate(divide="ignore", invalid="ignore"):
        vwap = value.astype(float) / inside(trades.size, 60)
        columns = {
            "trade_imbalance_1s": lasted(inside(signed, 1) / inside(trades.size, 1), 1),
            "trade_imbalance_10s": lasted(inside(signed, 10) / inside(trades.size, 10), 10),
            "signed_volume_ew_10s": lasted(decayed(signed, 10) / unit, 10),
            "volume_1s": lasted(inside(trades.size, 1) / unit, 1),
            "volume_10s": lasted(inside(trades.size, 10) / unit, 10),
            "volume_burst": lasted(inside(trades.size, 1) / (decayed(trades.size, 60) / rest), 1),
            "trade_rate_1s": lasted(inside(ones, 1), 1),
            "arrival_burst": lasted(inside(ones, 1) / (decayed(ones, 60) / rest), 1),
            "mean_trade_size_10s": lasted(inside(trades.size, 10) / inside(ones, 10) / unit, 10),
            "vwap_deviation_bps": lasted(1e4 * (mids - vwap) / vwap, 60),
            "hawkes_intensity": lasted(decayed(ones, 1), 1),
        }
    return columns | spreads(rows, trades)


def spreads(rows: list[Row], trades: Trades) -> Columns:
    """Effective and realised spread, over the trades that have a sign and had a mid before them."""
    valid = [row for row in rows if row.is_valid]
    known = np.searchsorted([row.place for row in valid], trades.place) - 1
    counts = (known >= 0) & (trades.sign != 0)
    place, time, tick, sign = (x[counts] for x in (trades.place, trades.time, trades.tick, trades.sign))
    mids = np.array([row.mid for row in valid])
    before = mids[known[counts]]
    paid = 2e4 * sign * (tick - before) / before
    later = pl.DataFrame({"t": time + 5 * SECOND}).join_asof(
        pl.DataFrame({"t": np.array([row.time for row in valid]), "m": mids}), on="t", strategy="backward"
    )["m"]
    kept = 2e4 * sign * (tick - later.to_numpy()) / before
    effective, realised = [], []
    for row in rows:
        n = int(np.searchsorted(place, row.place))
        effective.append(ew_mean(time[:n], paid[:n]))
        n = int(np.searchsorted(time + 5 * SECOND, row.time))
        realised.append(ew_mean(time[:n], kept[:n]))
    return {"effective_spread_bps": effective, "realised_spread_bps": realised}


def ew_mean(times: Any, values: Any) -> float:
    """Mean weighted by exp(-age / 10 s), age as seen from the last value."""
    if len(times) == 0:
        return math.nan
    weights = np.exp(-(times[-1] - times) / (10 * SECOND))
    return float((weights * values).sum() / weights.sum())


def window(times: Any, values: Any, row_times: Any, row_counts: Any, length_s: float) -> Any:
    """Sum of the first ``row_counts`` values that lie in (t - W, t], for every row."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[row_counts] - total[np.searchsorted(times, row_times - length_s * SECOND, "right")]


def ew_sum(times: Any, values: Any, row_times: Any, row_counts: Any, tau_s: float) -> Any:
    """Sum of value times exp(-age / tau) over the first ``row_counts`` values, for every row; 50 tau ago is nothing."""
    first = np.searchsorted(times, row_times - 50 * tau_s * SECOND)
    return np.array(
        [
            (values[a:b] * np.exp(-(t - times[a:b]) / (tau_s * SECOND))).sum()
            for t, a, b in zip(row_times, first, row_counts, strict=True)
        ]
    )


def masked(values: Any, where: Any) -> Any:
    return np.where(where, values, math.nan)
