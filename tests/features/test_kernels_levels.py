"""The levels family against its formulas, and what must hold for it as for every other column."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.features import (
    BOOK_COLUMNS,
    LEVELS,
    NAMES,
    FeatureEngineering,
    FeatureTable,
    grow,
    kernels_layout,
    new_state,
)
from msray.market import ASK, DEPTH, GAP, REGRID, SNAPSHOT, Instrument, Records, concatenate
from tests.features.logs import RANDOM, Log, Market, asks, bids, random_log, recorded
from tests.naive.features_levels import levels

FAMILY = tuple(feature.name for feature in LEVELS)


def rows_of(records: Records, names: tuple[str, ...] = FAMILY) -> FeatureTable:
    return FeatureEngineering(RANDOM, names).transform(records)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(np.ascontiguousarray(one).view(np.int64), np.ascontiguousarray(other).view(np.int64))


def assert_as_the_formulas_say(instrument: Instrument, records: Records) -> None:
    found, expected = FeatureEngineering(instrument, FAMILY).transform(records), levels(instrument, records)
    assert not np.isinf(found.values).any()
    for name in FAMILY if len(found) else ():
        # an offset in bps has the rounding of a price's last digit
        np.testing.assert_allclose(found[name], expected[name].to_numpy(), rtol=1e-9, atol=1e-10, err_msg=name)


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 260),
    asked=st.sampled_from([0, 5, 12, 30]),
    pause_ms=st.sampled_from([0, 3, 400]),
)
def test_a_random_log_gives_the_columns_their_formulas_say(seed: int, count: int, asked: int, pause_ms: int) -> None:
    assert_as_the_formulas_say(RANDOM, random_log(seed, count, asked=asked or 4, pause_ms=pause_ms))


def test_a_recording_gives_the_columns_their_formulas_say(data_dir: Path) -> None:
    assert_as_the_formulas_say(*recorded(data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz", 3_000))


# ---------------------------------------------------------------- by hand


def steps(count: int, *, each_s: float = 0.01) -> Market:
    """A book of ten levels a side and that many messages, each of which adds 1 unit (0.1) to the best bid."""
    market = Market(bids(*((1999 - i, 10) for i in range(10))) + asks(*((2001 + i, 20) for i in range(10))))
    for row in range(count):
        market.depth(row * each_s, bids((1999, 11 + row)))
    return market


def test_prices_and_sizes_of_a_level() -> None:
    table = rows_of(steps(1).records())

    assert table["ask_price_bps_l1"][0] == pytest.approx(1e4 / 2000)
    assert table["bid_price_bps_l10"][0] == pytest.approx(-1e5 / 2000)
    assert table["ask_size_log_l10"][0] == pytest.approx(math.log1p(2.0))
    assert table["bid_size_log_l1"][0] == pytest.approx(math.log1p(1.1))
    assert table["imbalance_l3"][0] == pytest.approx((31 - 60) / 91)


def test_windows_of_rows_are_unknown_until_they_are_full() -> None:
    table = rows_of(steps(101).records())

    known = {name: int(np.isnan(table[name]).sum()) for name in FAMILY}
    for n in (10, 50):
        assert known[f"ofi_log_l1_{n}_rows"] == known[f"elapsed_log_{n}_rows"] == n
        assert known[f"signed_volume_log_{n}_rows"] == n
    assert known["ofi_log_l1"] == known["elapsed_log_1_row"] == known["signed_volume_log_1_row"] == 1
    assert [known[f"mid_deviation_bps_{n}_rows"] for n in (5, 10, 20, 50, 100)] == [4, 9, 19, 49, 99]
    assert table["ofi_log_l1_50_rows"][-1] == pytest.approx(math.log1p(5.0))
    assert table["elapsed_log_10_rows"][-1] == pytest.approx(math.log1p(100.0))
    assert table["mid_deviation_bps_100_rows"][-1] == 0.0


def test_the_mid_is_held_against_the_mean_of_the_last_rows() -> None:
    market = steps(4)
    market.depth(1.0, bids((2000, 10)))

    assert rows_of(market.records())["mid_deviation_bps_5_rows"][4] == pytest.approx(1e4 * (2000.5 / 2000.1 - 1))


def test_trades_count_in_the_row_behind_them() -> None:
    market = steps(2)
    market.trade(0.02, 2001, 30)
    market.trade(0.02, 1999, 80, sold=True)
    market.depth(0.03)
    market.depth(0.04)

    assert rows_of(market.records())["signed_volume_log_1_row"][1:].tolist() == [0.0, -math.log(1 + 5.0), 0.0]


def test_five_known_levels_leave_the_other_five_unknown() -> None:
    market = Market(bids(*((99 - i, 5) for i in range(5))) + asks(*((101 + i, 7) for i in range(5))), asked=5)
    for row in range(100):
        market.depth(float(row), bids((99, 5 + row % 3)))

    last = dict(zip(FAMILY, rows_of(market.records()).values[-1].tolist(), strict=True))

    unknown = {name for name, value in last.items() if math.isnan(value)}
    assert unknown == {name for name in BOOK_COLUMNS if int(name.rpartition("l")[2]) > 5}


def test_a_side_that_is_wholly_known_flows_where_it_has_no_level() -> None:
    market = Market(bids((99, 5)) + asks((101, 7), (102, 4)))
    market.depth(0.0)
    market.depth(1.0, bids((98, 3)))

    table = rows_of(market.records())

    assert np.isnan(table["bid_price_bps_l2"]).tolist() == [True, False]
    assert table["ofi_log_l2"][1] == pytest.approx(math.log1p(0.3))
    assert table["ofi_log_l5"][1] == 0.0


def test_a_row_without_a_mid_is_left_out_of_the_mean_and_nothing_flows_in_it() -> None:
    market = steps(4)
    market.depth(1.0, bids((2001, 1)))  # locked
    market.depth(2.0, bids((2001, 0)))
    market.depth(3.0, bids((1999, 20)))

    table = rows_of(market.records())

    assert np.isnan(table["mid_deviation_bps_5_rows"][4:]).tolist() == [True, False, False]
    assert table["mid_deviation_bps_5_rows"][6] == 0.0
    assert np.isnan(table["ofi_log_l1"][3:]).tolist() == [False, True, True, False]
    assert not np.isnan(table["elapsed_log_1_row"][1:]).any()


# ---------------------------------------------------------------- what holds for every column


def test_the_65_columns_are_the_same_bits_beside_it() -> None:
    records = random_log(1, 1_500)

    both = rows_of(records, (*NAMES, *FAMILY))

    assert same_bits(both.values[:, :65], rows_of(records, NAMES).values)
    assert same_bits(both.values[:, 65:], rows_of(records).values)


def test_one_name_is_enough_and_costs_no_others() -> None:
    features = FeatureEngineering(RANDOM, ["spread", "bid_size_log_l2"])

    assert features.has_levels
    assert features.units == ("quote", "log(1 + base)")
    assert not FeatureEngineering(RANDOM, ["spread"]).has_levels
    assert len(FeatureEngineering(RANDOM).state) == len(features.state) - kernels_layout.LEVEL_WORDS


@given(st.lists(st.integers(0, 900), max_size=8))
def test_however_a_log_is_cut_the_rows_are_the_same_in_every_bit(places: list[int]) -> None:
    log = concatenate([random_log(1, 300), message(GAP), random_log(2, 300)[1:], random_log(3, 300, asked=0)])
    cuts = [0, *sorted(places), len(log)]
    features = FeatureEngineering(RANDOM, FAMILY)

    parts = [features.update(log[a:b]).values for a, b in pairwise(cuts)]

    assert same_bits(np.concatenate(parts), rows_of(log).values)


def message(kind: int, ids: tuple[int, int, int] = (0, 0, 0)) -> Records:
    log = Log()
    log.add(kind, ids=ids)
    return log.records()


@pytest.mark.parametrize("cut", [1, 2, 700, 1_499])
def test_rows_up_to_a_record_do_not_change_when_the_log_ends_there(cut: int) -> None:
    records = random_log(5, 1_500)

    part = rows_of(records[:cut]).values

    assert same_bits(part, rows_of(records).values[: len(part)])


def test_every_epoch_is_a_fold_of_its_own() -> None:
    alone = rows_of(random_log(4, 300, asked=30)).values

    log = concatenate([random_log(1, 400), random_log(4, 300, asked=30)])

    assert (log.messages["kind"] == SNAPSHOT).sum() == 2
    assert same_bits(rows_of(log).values[-len(alone) :], alone)


@pytest.mark.parametrize("at", [1, 40, 700])
@pytest.mark.parametrize("asked", [0, 12])
def test_a_finer_grid_changes_no_value(at: int, asked: int) -> None:
    records = random_log(3, 1_000, asked=asked)
    finer = records.copy()
    finer.levels["tick"] *= 5

    log = concatenate([records[:at], message(REGRID, (3, 10, 5)), finer[at:]])

    np.testing.assert_allclose(rows_of(log).values, rows_of(records).values, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_rings_that_grow_beside_it_leave_it_alone(seed: int) -> None:
    records = random_log(seed, 800, pause_ms=100)
    features = FeatureEngineering(RANDOM, FAMILY)
    features.state = new_state(RANDOM, levels=True, capacities=(2, 2, 2))

    first = features.update(records[:400]).values
    features.state = grow(features.state)
    rest = features.update(records[400:]).values

    assert same_bits(np.concatenate([first, rest]), rows_of(records).values)


def test_a_mirrored_market_turns_the_sides_round() -> None:
    records = random_log(7, 1_000, asked=0)
    mirrored = records.copy()
    mirrored.levels["tick"] = 4_000 - mirrored.levels["tick"]
    mirrored.levels["flags"] ^= ASK

    here, there = rows_of(records), rows_of(mirrored)

    for name in FAMILY:
        if name.startswith(("ofi", "signed_volume", "imbalance")):
            np.testing.assert_allclose(there[name], -here[name], rtol=1e-12, atol=1e-15)
        elif name.startswith("ask_size"):
            assert np.array_equal(there[name], here[name.replace("ask", "bid")], equal_nan=True)


def test_a_function_of_the_row_sees_the_levels_where_one_is_asked_for() -> None:
    log = random_log(8, 300)
    extra = {"gap": lambda row: float(row["ask_price_bps_l2"] - row["ask_price_bps_l1"])}

    table = FeatureEngineering(RANDOM, ["ask_price_bps_l1", "ask_price_bps_l2"], extra=extra).transform(log)

    assert np.array_equal(table["gap"], table["ask_price_bps_l2"] - table["ask_price_bps_l1"], equal_nan=True)


def test_rows_are_as_many_as_depth_messages() -> None:
    log = random_log(9, 300)

    assert len(rows_of(log)) == (log.messages["kind"] == DEPTH).sum()
