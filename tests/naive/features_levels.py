"""The columns of ``levels.py``, from their formulas: row by row, each window added up anew."""

import math
from fractions import Fraction

import polars as pl

from msray.market import Instrument, Records
from tests.naive.features_book import imbalance_at
from tests.naive.features_raw import Row, Side, Trades, raw


def levels(instrument: Instrument, records: Records) -> pl.DataFrame:
    """The family's columns of one epoch, a row for each DEPTH message."""
    rows, trades, _ = raw(instrument, records)
    unit = 10**instrument.size_decimals
    flows = [[came(rows, i, rank) for i in range(len(rows))] for rank in range(5)]
    return pl.DataFrame(
        [
            ladder(row, unit)
            | {"imbalance_l3": top_three(row)}
            | order_flow(rows, i, flows, unit)
            | deviations(rows, i)
            | pace(rows, i, trades, unit)
            for i, row in enumerate(rows)
        ]
    )


def slog(size: int, unit: int) -> float:
    return math.copysign(math.log(1 + abs(size) / unit), size) if size else 0.0


def ladder(row: Row, unit: int) -> dict[str, float]:
    found = {}
    for rank in range(10):
        for name, side in (("ask", row.asks), ("bid", row.bids)):
            is_there = row.is_valid and rank < len(side.ticks)
            offset = 1e4 * (side.ticks[rank] - row.mid) / row.mid if is_there else math.nan
            found[f"{name}_price_bps_l{rank + 1}"] = float(offset)
            found[f"{name}_size_log_l{rank + 1}"] = slog(side.sizes[rank], unit) if is_there else math.nan
    return found


def shows(row: Row, count: int) -> bool:
    return row.is_valid and row.bids.top(count) is not None and row.asks.top(count) is not None


def top_three(row: Row) -> float:
    if not shows(row, 3):
        return math.nan

    def size(side: Side) -> int:
        return int(side.sizes[:3].sum())

    return (size(row.bids) - size(row.asks)) / (size(row.bids) + size(row.asks))


def came(rows: list[Row], i: int, rank: int) -> int | None:
    """What flowed to a level with a row; None where nobody knows."""
    if i == 0 or not shows(rows[i - 1], rank + 1) or not shows(rows[i], rank + 1):
        return None
    return int(imbalance_at(rows[i - 1], rows[i], rank))


def order_flow(rows: list[Row], i: int, flows: list[list[int | None]], unit: int) -> dict[str, float]:
    found = {}
    for rank, flow in enumerate(flows):
        now = flow[i]
        found[f"ofi_log_l{rank + 1}"] = math.nan if now is None else slog(now, unit)
        for n in (10, 50):
            is_known = i >= n and shows(rows[i], rank + 1)
            total = sum(one or 0 for one in flow[i - n + 1 : i + 1]) if is_known else 0
            found[f"ofi_log_l{rank + 1}_{n}_rows"] = slog(total, unit) if is_known else math.nan
    return found


def deviations(rows: list[Row], i: int) -> dict[str, float]:
    found = {}
    for n in (5, 10, 20, 50, 100):
        value = math.nan
        if rows[i].is_valid and i + 1 >= n:
            mids = [Fraction(row.mid) for row in rows[i - n + 1 : i + 1] if row.is_valid]
            value = float(10_000 * (mids[-1] * len(mids) / sum(mids) - 1))
        found[f"mid_deviation_bps_{n}_rows"] = value
    return found


def pace(rows: list[Row], i: int, trades: Trades, unit: int) -> dict[str, float]:
    found = {}
    for n, words in ((1, "1_row"), (10, "10_rows"), (50, "50_rows")):
        elapsed = traded = math.nan
        if i >= n:
            elapsed = math.log(1 + (rows[i].time - rows[i - n].time) / 1e6)
            since = (trades.place > rows[i - n].place) & (trades.place < rows[i].place)
            traded = slog(int((trades.sign * trades.size)[since].sum()), unit)
        found[f"elapsed_log_{words}"], found[f"signed_volume_log_{words}"] = elapsed, traded
    return found
