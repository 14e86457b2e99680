"""The whole row against its formulas, written down a second time; and what must hold for every column."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from msray.book import L2Book
from msray.features import FEATURES, NAMES, FeatureEngineering, FeatureTable, grow, kernels, new_state
from msray.market import DEPTH, GAP, LEVEL, MESSAGE, TRADE, Instrument, Records
from tests.features.logs import RANDOM, START_NS, Market, asks, bids, random_log, recorded
from tests.naive.features import oracle

NOTIONAL = {"usdm": 10_000.0, "spot": 1_000_000.0, "nexo": 10_000.0}
FILES = {
    "usdm": ("binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz", 21_000),
    "spot": ("binance_2024-08-08_multi_venue/spot/btcusdt_20240808.gz", 9_000),
    "nexo": ("binance_spot_nexousdt_24h/nexousdt_20240723.dat.gz", 2_000),
}
SEEDS = {"known to the end": (1, 0), "12 levels known": (2, 12), "30 levels known": (3, 30)}

# Where a formula subtracts prices the size of the result's error is that of a price's last digit, in bps.
ROUNDING = {"bps": 1e-10}


@cache
def compared(source: str, data_dir: Path | None) -> tuple[FeatureTable, pl.DataFrame]:
    """Rows from the kernels, and from the formulas."""
    if data_dir is not None:
        file, lines = FILES[source]
        instrument, records = recorded(data_dir / file, lines)
        notional = NOTIONAL[source]
    else:
        seed, asked = SEEDS[source]
        instrument, records = RANDOM, random_log(seed, 2_500, asked=asked)
        notional = 300.0
    table = FeatureEngineering(instrument, vwap_notional=notional).transform(records)
    return table, oracle(instrument, records, notional)


def assert_same(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    unit = FEATURES[NAMES.index(name)].unit
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert not np.isnan(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=ROUNDING.get(unit, 1e-13))


@pytest.mark.parametrize(
    ("source", "name"),
    # only the prefix of one recording is longer than 300 s
    [(source, name) for source in FILES for name in NAMES if name != "return_300s" or source == "nexo"],
)
def test_a_recording_gives_the_column_its_formula_says(source: str, name: str, data_dir: Path) -> None:
    table, expected = compared(source, data_dir)

    assert_same(name, table[name], expected[name].to_numpy())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", SEEDS)
def test_a_random_log_gives_the_column_its_formula_says(source: str, name: str) -> None:
    table, expected = compared(source, None)

    assert_same(name, table[name], expected[name].to_numpy())


@pytest.mark.parametrize("source", SEEDS)
def test_nothing_is_ever_infinite(source: str) -> None:
    table, _ = compared(source, None)

    assert not np.isinf(table.values).any()


@pytest.mark.parametrize("cut", [1, 2, 700, 1_999])
def test_rows_up_to_a_record_do_not_change_when_the_log_ends_there(cut: int) -> None:
    records = random_log(5, 2_000)
    whole = FeatureEngineering(RANDOM).transform(records)

    part = FeatureEngineering(RANDOM).transform(records[:cut])

    assert np.array_equal(part.values.view(np.int64), whole.values[: len(part)].view(np.int64))


def test_local_time_moves_the_latency_and_nothing_else() -> None:
    records = random_log(6, 1_500)
    elsewhere = records.copy()
    elsewhere.messages["local_ns"] += np.random.default_rng(1).integers(0, 10**9, len(records))

    here, there = (FeatureEngineering(RANDOM).transform(r) for r in (records, elsewhere))

    moved = [
        name
        for name in NAMES
        if not np.array_equal(here[name].view(np.int64), there[name].view(np.int64), equal_nan=True)
    ]
    assert moved == ["feed_latency_ms"]


def test_a_mirrored_market_turns_the_signed_columns_round() -> None:
    records = random_log(7, 2_000, asked=0)
    mirrored = records.copy()
    mirrored.levels["tick"] = 4_000 - mirrored.levels["tick"]
    mirrored.levels["flags"] ^= 1

    here, there = (FeatureEngineering(RANDOM).transform(r) for r in (records, mirrored))

    turned = ["imbalance_l1", "imbalance_l5", "imbalance_l10", "imbalance_weighted", "queue_imbalance_log", "ofi_l1"]
    turned += ["ofi_ew_1s", "ofi_ew_10s", "ofi_multilevel", "trade_imbalance_1s", "trade_imbalance_10s"]
    turned += ["signed_volume_ew_10s"]
    for name in turned:
        np.testing.assert_allclose(there[name], -here[name], rtol=1e-12, atol=1e-15)
    for name in ["spread", "gap_l1_l2_ticks", "add_rate_10s", "cancel_rate_10s", "volume_burst", "cancel_to_trade_10s"]:
        assert np.array_equal(there[name], here[name], equal_nan=True)
    assert np.array_equal(there["depth_bid_l10"], here["depth_ask_l10"], equal_nan=True)


def test_time_that_runs_back_stands_still() -> None:
    market = Market(bids((99, 5)) + asks((101, 5)))
    for at_s in (0.0, 2.0, 1.5, 2.0, 3.0):
        market.depth(at_s)

    table = market.table()

    assert table["staleness_ms"][1:].tolist() == [2_000.0, 0.0, 0.0, 1_000.0]
    assert table["quote_rate_1s"][1:].tolist() == [1.0, 2.0, 3.0, 1.0]
    assert table.event_ns[2] < table.event_ns[1]


def test_a_message_without_times_is_a_row_without_latency() -> None:
    market = Market(bids((99, 5)) + asks((101, 5)))
    market.add(DEPTH, event_ns=START_NS)
    market.depth(1.0, late_ms=-30)
    market.depth(2.0, late_ms=10)

    assert market.table()["feed_latency_ms"].tolist()[1:] == [0.0, 40.0]


# ---------------------------------------------------------------- one record at a time


def opening_book(records: Records) -> L2Book:
    """The book of the snapshot that a log begins with."""
    book = L2Book(RANDOM)
    first = records.messages[0]
    book.load(records.levels[first["begin"] : first["end"]], 0)
    return book


def test_a_step_is_counted_once_however_often_it_had_to_grow() -> None:
    """A book and rings that start as small as they can be: the same rows as with room for everything."""
    records = random_log(8, 1_200, asked=0)
    expected = FeatureEngineering(RANDOM).transform(records)
    book = opening_book(records)
    state = new_state(RANDOM, capacities=(2, 2, 2))
    rows = []
    grown = 0

    for at in range(1, len(records)):
        while (status := kernels.step(book.arena, state, records.messages, records.levels, at)) != kernels.DONE:
            assert status == kernels.STATE_FULL
            assert kernels.step(book.arena, state, records.messages, records.levels, at) == kernels.STATE_FULL
            state = grow(state)
            grown += 1
        if records.messages["kind"][at] == DEPTH:
            rows.append(state[kernels.ROW : kernels.ROW + kernels.COLUMNS].copy())

    assert grown > 10
    assert np.array_equal(np.array(rows), expected.values.view(np.int64))


def test_a_step_waits_for_a_book_that_is_full() -> None:
    instrument = Instrument(venue="test", symbol="X", price_decimals=2, size_decimals=0, tick=1, grid=1)
    book = L2Book(instrument)
    state = new_state(instrument)
    levels = np.array(bids(*((tick, 7) for tick in range(64, 400_000, 64))) + asks((400_000, 3)), LEVEL)
    messages = np.zeros(1, MESSAGE)
    messages["kind"], messages["end"] = DEPTH, len(levels)
    waits = 0

    while kernels.step(book.arena, state, messages, levels, 0) == kernels.BOOK_FULL:
        waits += 1
        book.make_room(levels, 0, len(levels))

    assert waits > 1
    assert book.changes == len(levels)
    assert state[kernels.ROW :].view(np.float64)[2] == pytest.approx(2e4 * 64 / (2 * 400_000 - 64), rel=0.1)


def test_on_trade_and_on_depth_are_the_step_in_two_parts() -> None:
    records = random_log(9, 600, asked=0)
    expected = FeatureEngineering(RANDOM).transform(records)
    book = opening_book(records)
    state = new_state(RANDOM, capacities=(1024, 1024, 1024))
    rows = []

    for message in records.messages[1:]:
        if message["kind"] == TRADE:
            level = records.levels[message["begin"]]
            assert kernels.on_trade(state, message["event_ns"], int(level["tick"]), level["size"], int(level["flags"]))
        else:
            book.apply(records.levels, int(message["begin"]), int(message["end"]))
            assert kernels.on_depth(book.arena, state, message["event_ns"], message["local_ns"])
            rows.append(state[kernels.ROW : kernels.ROW + kernels.COLUMNS].copy())

    assert np.array_equal(np.array(rows), expected.values.view(np.int64))


def test_a_fold_stops_where_there_is_no_room_for_a_row() -> None:
    records = random_log(10, 300, asked=0)
    is_depth = records.messages["kind"] == DEPTH
    book = L2Book(RANDOM)
    state = new_state(RANDOM)

    stop = kernels.fold(book.arena, state, records.messages, records.levels, 1, len(records), np.empty((3, 65)))

    assert stop == np.flatnonzero(is_depth)[3]
    assert state[kernels.STATUS] == kernels.DONE


def test_a_fold_stops_at_a_message_it_does_not_know() -> None:
    market = Market()
    market.depth(0.0)
    market.add(GAP)
    market.depth(1.0)
    records = market.records()

    stop = kernels.fold(
        L2Book(RANDOM).arena, new_state(RANDOM), records.messages, records.levels, 1, 4, np.empty((4, 65))
    )

    assert stop == 2
