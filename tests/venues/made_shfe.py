"""Snapshots as SHFE's recorders write them, made up: every few orders of a made-up day, a row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.venues import SHFE_COLUMNS
from tests.venues.made_lobster import NOTHING_THERE, made_day

Columns = dict[str, NDArray[Any]]
CHINA_S = 8 * 3600
RANKS = 5
EVENING_S = 1_749_042_000
"""2025-06-04 21:00 in China."""
NIGHT_S = 10 * 3600


def made_snapshots(seed: int, rows: int, *, orders: int = 3, breaks: tuple[int, ...] = (), depth: int = 8) -> Columns:
    """Columns of a file; before the rows ``breaks`` lies a night."""
    events, books = made_day(seed, rows * orders, RANKS, depth=depth)
    executed = np.where(events[:, 1] == 4, events[:, 3], 0)
    moments = EVENING_S * 1000 + 500 * np.arange(rows)
    for at in breaks:
        moments[at:] += NIGHT_S * 1000
    return columns_of(
        books[orders - 1 :: orders],
        volume=np.cumsum(executed)[orders - 1 :: orders],
        turnover=np.cumsum(executed * events[:, 4])[orders - 1 :: orders],
        moments_ms=moments,
    )


def columns_of(books: Any, *, volume: Any, turnover: Any, moments_ms: Any, late_us: int = 6000) -> Columns:
    """Columns of rows whose books are as LOBSTER has them."""
    books = np.asarray(books, np.int64)
    moments_ms = np.asarray(moments_ms, np.int64)
    since_ms = (moments_ms + CHINA_S * 1000) % 86_400_000
    columns: Columns = {
        "instrumentID": np.array(["rb2510"] * len(books), object),
        "updateTime": np.array([as_time(at) for at in since_ms.tolist()], object),
        "epochTime": moments_ms * 1000 + late_us,
        "volume": np.asarray(volume, float),
        "amount": np.asarray(turnover, float) * 10,
        "lowerLimitPrice": np.full(len(books), 1.0),
        "upperLimitPrice": np.full(len(books), 10_000.0),
    }
    for rank in range(RANKS):
        for side, first in (("ask", 0), ("bid", 2)):
            prices, sizes = books[:, 4 * rank + first], books[:, 4 * rank + first + 1]
            columns[f"{side}{rank + 1}"] = np.where(np.abs(prices) == NOTHING_THERE, 0, prices).astype(float)
            columns[f"{side}Size{rank + 1}"] = sizes.astype(float)
    return {name: columns[name] for name in SHFE_COLUMNS}


def as_time(since_midnight_ms: int) -> str:
    """As recorders put it together: the milliseconds are a number behind a point."""
    seconds, milliseconds = divmod(since_midnight_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds}"


def part(columns: Columns, rows: slice) -> Columns:
    """Some of the rows."""
    return {name: values[rows] for name, values in columns.items()}
