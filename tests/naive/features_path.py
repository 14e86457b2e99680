"""The columns of ``price_path.py`` and ``technical.py``, from their formulas."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from msray.market import Instrument
from tests.naive.features_raw import SECOND, Columns, Row


def price_path(rows: list[Row]) -> Columns:
    frame = pl.DataFrame({"t": [row.time for row in rows], "m": [row.mid for row in rows]}).with_row_index("i")
    valid = frame.filter(pl.col("m").is_not_nan())
    found: Columns = {}
    for length_s in (1, 5, 30, 300):
        past = valid.select(t="t", past="m")
        lagged = frame.with_columns(now="t", t=pl.col("t") - length_s * SECOND).join_asof(
            past, on="t", strategy="backward"
        )
        ratio = (pl.col("m") / pl.col("past")).fill_null(math.nan)
        lagged = lagged.select(r=ratio.log(), momentum=1e4 * (ratio - 1))
        found[f"return_{length_s}s"] = lagged["r"].to_numpy()
        if length_s == 30:
            found["momentum_30s"] = lagged["momentum"].to_numpy()
    time, mids, at = (valid[name].to_numpy() for name in ("t", "m", "i"))
    spread, score = np.full((2, len(rows)), math.nan)
    mean = var = 0.0  # of distances from the first mid, which keeps digits
    for j in range(len(valid)):
        w = 1 - math.exp(-(time[j] - time[max(j - 1, 0)]) / (60 * SECOND))
        d = mids[j] - mids[0] - mean
        mean, var = mean + w * d, (1 - w) * (var + w * d * d)
        first = int(np.searchsorted(time, time[j] - 60 * SECOND, "right")) - 1
        if first >= 0:
            spread[at[j]] = 1e4 * math.log(mids[first : j + 1].max() / mids[first : j + 1].min())
            score[at[j]] = (mids[j] - mids[0] - mean) / math.sqrt(var) if var > 0 else math.nan
    return found | {"range_60s_bps": spread, "zscore_60s": score}


def seconds(instrument: Instrument, rows: list[Row]) -> Columns:
    """Columns of whole seconds: bars of each stretch without a long silence, looked up by every row's second."""
    at = np.array([row.time // SECOND for row in rows])
    cuts = [0, *(np.flatnonzero(np.diff(at) > 300) + 1), len(rows)]
    found: dict[str, list[Any]] = {}
    for a, b in pairwise(cuts):
        mids = [(int(s), int(2 * row.mid)) for s, row in zip(at[a:b], rows[a:b], strict=True) if row.is_valid]
        first = mids[0][0] if mids else 0
        columns = bar_columns(instrument, bars(mids, int(at[b - 1]))) if mids else {}
        for name in columns or found:
            closed = at[a:b] - first - 1
            column = columns.get(name, np.zeros(0))
            known = [column[n] if 0 <= n < len(column) else math.nan for n in closed]
            found.setdefault(name, []).append(known)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def bars(mids: list[tuple[int, int]], last: int) -> NDArray[np.int64]:
    """Close, high and low in half ticks of every second from the first mid's to before ``last``."""
    found = []
    close = mids[0][1]
    for second in range(mids[0][0], last):
        inside = [close, *(mid for s, mid in mids if s == second)]
        close = inside[-1]
        found.append((close, max(inside), min(inside)))
    return np.array(found, np.int64).reshape(-1, 3)


def bar_columns(instrument: Instrument, table: NDArray[np.int64]) -> Columns:
    bar = pl.DataFrame({name: table[:, i].astype(float) for i, name in enumerate(("close", "high", "low"))})
    bar = bar.with_row_index("n").with_columns(
        r=(pl.col("close") / pl.col("close").shift()).log(), x=pl.col("close") - pl.col("close").first()
    )
    close, r, x = pl.col("close"), pl.col("r"), pl.col("x")
    w = 1 - math.exp(-1 / 60)
    rise, fall = x.diff().clip(0, None), (-x.diff()).clip(0, None)
    ew = {n: x.ewm_mean(span=n, adjust=False) for n in (5, 12, 20, 26)}
    macd = ew[12] - ew[26]

    def wilder(value: pl.Expr) -> pl.Series:
        values = bar.select(value.alias("v"))["v"].to_numpy()[1:]
        means = [math.nan] * min(len(table), 14)
        if len(values) >= 14:
            means.append(values[:14].mean())
            for v in values[14:]:
                means.append(means[-1] + (v - means[-1]) / 14)
        return pl.Series(means, dtype=pl.Float64)

    def pair_mean(value: pl.Expr) -> pl.Expr:
        return value.ewm_mean(alpha=w, adjust=True, ignore_nulls=True)

    up, down = wilder(rise), wilder(fall)
    before = r.shift()
    n = pl.col("n")
    rv10, rv60 = (r * r).rolling_map(pl.Series.sum, 10).sqrt(), (r * r).rolling_map(pl.Series.sum, 60).sqrt()
    bv60 = pl.when(n >= 60).then((math.pi / 2 * (r * before).abs().rolling_map(pl.Series.sum, 59)).sqrt())
    pairs = pl.when(before.is_not_null())
    auto = (
        pair_mean(pairs.then(r * before))
        / (pair_mean(pairs.then(r * r)) * pair_mean(pairs.then(before * before))).sqrt()
    )
    low, high = pl.col("low").rolling_min(14), pl.col("high").rolling_max(14)
    frame = bar.select(
        realised_vol_10s=rv10,
        realised_vol_60s=rv60,
        bipower_vol_60s=bv60,
        jump_share_60s=pl.when(rv60 > 0).then((1 - (bv60 / rv60) ** 2).clip(0, None)),
        vol_ratio=pl.when(rv60 > 0).then(rv10 * math.sqrt(6) / rv60),
        autocorr_r_60s=pl.when((n >= 60) & auto.is_finite()).then(auto),
        rsi_14=100 * up / (up + down),
        macd=pl.when(n >= 25).then(1e4 * macd / close),
        macd_signal=pl.when(n >= 33).then(1e4 * macd.ewm_mean(span=9, adjust=False) / close),
        stochastic_k_14=(close - low) / (high - low),
        atr_14_bps=1e4 * wilder(pl.col("high") - pl.col("low")) / close,
    )
    found: Columns = {name: frame[name].fill_null(math.nan).to_numpy() for name in frame.columns}
    gap = bar.select(g=ew[5] - ew[20])["g"].to_numpy()
    return found | {
        "bollinger_position": bands(table[:, 0]),
        "ema_cross": crosses(gap, 2e-6 * instrument.ticks_per_step),
    }


def bands(close: NDArray[np.int64]) -> list[float]:
    found = [math.nan] * len(close)
    for n in range(19, len(close)):
        last = close[n - 19 : n + 1] - close[n]
        if last.any():
            found[n] = -last.mean() / (2 * last.std())
    return found


def crosses(gap: NDArray[np.float64], least: float) -> list[float]:
    found, sign, age, has_crossed = [], 0, 0, False
    for n, value in enumerate(gap):
        age += 1
        now = 0 if abs(value) <= least else 1 if value > 0 else -1
        if now and now == -sign:
            age, has_crossed = 0, True
        sign = now or sign
        found.append(float(age) if n >= 19 and has_crossed else math.nan)
    return found
