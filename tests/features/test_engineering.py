import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UnknownNameError, UsageError
from msray.features import FEATURES, NAMES, FeatureEngineering, FeatureTable
from msray.features.engineering import ROW_LAYOUT
from msray.market import DEPTH, GAP, OTHER, REFRESH, SNAPSHOT, Records, concatenate
from tests.features.logs import RANDOM, Log, Market, asks, bids, random_log, recorded


def gap() -> Records:
    log = Log()
    log.add(GAP)
    return log.records()


@cache
def whole_log() -> Records:
    """Four epochs, one of them without its beginning."""
    parts = [
        random_log(1, 400),
        gap(),
        random_log(2, 200)[1:],  # its snapshot is missing: nothing is known here
        random_log(3, 500, asked=0),
        random_log(4, 300, asked=30),  # a new epoch without a gap before it
    ]
    return concatenate(parts)


@cache
def whole_table() -> FeatureTable:
    """Its rows, made in one go."""
    return FeatureEngineering(RANDOM).transform(whole_log())


def joined(tables: list[FeatureTable]) -> np.ndarray:
    return np.concatenate([table.values for table in tables])


@given(st.lists(st.integers(0, 1_400), max_size=12))
def test_however_a_log_is_cut_the_rows_are_the_same_in_every_bit(places: list[int]) -> None:
    cuts = [0, *sorted(places), len(whole_log())]
    features = FeatureEngineering(RANDOM)

    tables = [features.update(whole_log()[a:b]) for a, b in pairwise(cuts)]

    assert np.array_equal(joined(tables).view(np.int64), whole_table().values.view(np.int64))
    assert np.concatenate([t.update_id for t in tables]).tolist() == whole_table().update_id.tolist()


def test_record_by_record_gives_the_rows_of_a_recording(data_dir: Path) -> None:
    instrument, records = recorded(data_dir / "binance_2024-08-08_multi_venue/cm/btcusd_perp_20240808.gz", 3_000)
    features = FeatureEngineering(instrument)

    tables = [features.update(records[at : at + 1]) for at in range(len(records))]

    bulk = FeatureEngineering(instrument).transform(records)
    assert np.array_equal(joined(tables).view(np.int64), bulk.values.view(np.int64))
    assert len(bulk) == (records.messages["kind"] == DEPTH).sum()


def test_a_transform_starts_from_the_beginning_whatever_came_before() -> None:
    features = FeatureEngineering(RANDOM)
    features.update(random_log(9, 300))

    assert np.array_equal(features.transform(whole_log()).values.view(np.int64), whole_table().values.view(np.int64))


def test_every_epoch_is_a_fold_of_its_own() -> None:
    alone = FeatureEngineering(RANDOM).transform(random_log(4, 300, asked=30)).values

    assert np.array_equal(whole_table().values[-len(alone) :].view(np.int64), alone.view(np.int64))


def test_between_a_gap_and_a_snapshot_there_are_no_rows() -> None:
    known = [random_log(1, 400), random_log(3, 500, asked=0), random_log(4, 300, asked=30)]

    depths = sum(int((part.messages["kind"] == DEPTH).sum()) for part in known)

    assert len(whole_table()) == depths


def test_before_the_first_snapshot_there_are_no_rows() -> None:
    assert len(FeatureEngineering(RANDOM).transform(random_log(1, 200)[1:])) == 0


def test_an_empty_log_has_no_rows() -> None:
    table = FeatureEngineering(RANDOM, ["spread"], extra={"mine": lambda row: 1.0}).transform(whole_log()[:0])

    assert table.values.shape == (0, 2)


def test_rows_say_which_message_they_follow() -> None:
    market = Market(bids((1999, 5)) + asks((2001, 5)))
    market.add(OTHER, event_ns=1)
    market.trade(0.0, 2000, 1)
    market.add(DEPTH, event_ns=7, local_ns=9, ids=(3, 4, 2))

    table = market.table()

    assert (table.event_ns[0], table.local_ns[0], table.update_id[0], len(table)) == (7, 9, 4, 1)


def test_a_refresh_renews_the_covered_range_and_keeps_the_epoch() -> None:
    levels = bids(*((1999 - i, 5) for i in range(4))) + asks(*((2001 + i, 5) for i in range(4)))
    market = Market(levels, asked=4)
    market.depth(0.0)
    market.depth(1.0)
    market.add(REFRESH, levels + bids((1990, 8)), ids=(0, 2, 0))
    market.depth(2.0)

    table = market.table()

    assert np.isnan(table["imbalance_l10"]).tolist() == [True, True, False]
    assert table["return_1s"][2] == 0.0
    assert table["depth_bid_l10"][2] == 2.8


def test_a_snapshot_begins_a_new_epoch() -> None:
    market = Market(bids((1999, 5)) + asks((2001, 5)))
    market.depth(0.0)
    market.depth(5.0)
    market.add(SNAPSHOT, bids((1999, 5)) + asks((2001, 5)), ids=(0, 9, 0))
    market.depth(6.0)

    assert np.isnan(market.table()["quote_rate_1s"]).tolist() == [True, False, True]


# ---------------------------------------------------------------- names


def test_columns_come_as_they_were_asked_for() -> None:
    features = FeatureEngineering(RANDOM, ["volume_10s", "mid_price"])

    table = features.transform(whole_log())

    assert features.names == table.names == ("volume_10s", "mid_price")
    assert features.units == ("base", "quote")
    assert np.array_equal(
        table.values, np.column_stack([whole_table()["volume_10s"], whole_table()["mid_price"]]), equal_nan=True
    )


def test_without_names_all_columns_come_in_catalogue_order() -> None:
    features = FeatureEngineering(RANDOM)

    assert features.names == NAMES
    assert features.units == tuple(feature.unit for feature in FEATURES)


def test_an_unknown_name_fails_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as raised:
        FeatureEngineering(RANDOM, ["imbalance_5"])

    assert "imbalance" in raised.value.hint


def test_asking_a_table_for_a_column_it_does_not_have_says_so() -> None:
    table = FeatureEngineering(RANDOM, ["spread"]).transform(whole_log())

    with pytest.raises(UsageError, match="'mid_price' was not asked for"):
        table["mid_price"]
    with pytest.raises(UnknownNameError, match="unknown feature 'sprad'"):
        table["sprad"]


@pytest.mark.parametrize(
    ("names", "extra"), [(["spread", "spread"], []), (["spread"], ["spread"]), (["spread"], ["mid_price"])]
)
def test_a_name_stands_for_one_column(names: list[str], extra: list[str]) -> None:
    with pytest.raises(UsageError, match="must differ"):
        FeatureEngineering(RANDOM, names, extra=dict.fromkeys(extra, lambda row: 0.0))


# ---------------------------------------------------------------- features of one's own


def test_a_function_of_the_row_is_a_feature() -> None:
    features = FeatureEngineering(
        RANDOM,
        ["spread"],
        extra={"cost": lambda row: row["spread_bps"] * row["volume_1s"], "half": lambda row: row["spread"] / 2},
    )

    table = features.transform(whole_log())

    assert table.names == ("spread", "cost", "half")
    assert np.array_equal(table["cost"], whole_table()["spread_bps"] * whole_table()["volume_1s"], equal_nan=True)
    assert np.array_equal(table["half"], whole_table()["spread"] / 2, equal_nan=True)


def test_what_is_not_finite_is_undefined() -> None:
    table = FeatureEngineering(RANDOM, [], extra={"wild": lambda row: math.inf}).transform(whole_log())

    assert np.isnan(table["wild"]).all()


def test_a_function_cannot_write_into_the_row() -> None:
    def spoil(row: np.void) -> float:
        row["spread"] = 0.0
        return 0.0

    with pytest.raises(ValueError, match="read-only"):
        FeatureEngineering(RANDOM, ["spread"], extra={"spoil": spoil}).transform(whole_log())


def test_a_row_is_laid_out_as_the_catalogue() -> None:
    assert ROW_LAYOUT.names == NAMES


def test_a_table_becomes_a_data_frame() -> None:
    frame = FeatureEngineering(RANDOM, ["spread", "mid_price"]).transform(whole_log()).to_pandas()

    assert list(frame.columns) == ["event_ns", "local_ns", "update_id", "spread", "mid_price"]
    assert np.array_equal(frame["spread"], whole_table()["spread"], equal_nan=True)
    assert frame["event_ns"].dtype == np.int64
