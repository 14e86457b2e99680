"""Every column of a feature row, written down once more from its formula: numpy, polars, and a loop where it recurs.

Slow and plain. One epoch at a time: a log that begins with its snapshot.
"""

import math

import numpy as np
import polars as pl

from msray.market import Instrument, Records
from tests.naive.features_book import book_shape, order_flow
from tests.naive.features_path import price_path, seconds
from tests.naive.features_raw import SECOND, Columns, Row, raw
from tests.naive.features_trades import trade_flow


def oracle(instrument: Instrument, records: Records, vwap_notional: float = 10_000.0) -> pl.DataFrame:
    """All columns of one epoch, in no particular order, a row for each DEPTH message."""
    rows, trades, start = raw(instrument, records)
    parts: list[Columns] = [
        book_shape(instrument, rows, vwap_notional),
        order_flow(instrument, rows, trades, start),
        trade_flow(instrument, rows, trades, start),
        price_path(rows),
        seconds(instrument, rows),
        feed(rows),
    ]
    return pl.DataFrame({name: np.asarray(column, float) for part in parts for name, column in part.items()})


def feed(rows: list[Row]) -> Columns:
    late, least = [], math.inf
    for row in rows:
        has_both = row.local_ns > 0 and row.event_ns > 0
        least = min(least, row.local_ns - row.event_ns) if has_both else least
        late.append((row.local_ns - row.event_ns - least) / 1e6 if has_both else math.nan)
    time = np.array([row.time for row in rows])
    day = 2 * np.pi * (time % (86_400 * SECOND)) / (86_400 * SECOND)
    return {
        "feed_latency_ms": late,
        "staleness_ms": np.concatenate([[math.nan], np.diff(time) / 1e6]),
        "seconds_of_day_sin": np.sin(day),
        "seconds_of_day_cos": np.cos(day),
    }
