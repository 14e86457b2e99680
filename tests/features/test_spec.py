import subprocess
import sys

import pytest

from msray.errors import UnknownNameError
from msray.features import BOOK_COLUMNS, CATALOGUE, FEATURES, LEVELS, NAMES, NETWORK_COLUMNS, column
from msray.features import kernels_layout as layout


def test_a_row_has_65_columns_of_different_names() -> None:
    assert len(NAMES) == len(set(NAMES)) == layout.COLUMNS == 65


@pytest.mark.parametrize("name", NAMES)
def test_kernels_write_a_column_where_the_catalogue_says(name: str) -> None:
    assert getattr(layout, name.upper()) == layout.ROW + column(name)


LEVEL_GROUPS = {
    "ask_price_bps_l1": layout.LEVEL_ROW,
    "imbalance_l3": layout.IMBALANCE_L3,
    "ofi_log_l1": layout.OFI_LOG,
    "ofi_log_l5_50_rows": layout.OFI_LOG + 14,
    "mid_deviation_bps_5_rows": layout.MID_DEVIATION,
    "elapsed_log_1_row": layout.ELAPSED_LOG,
    "signed_volume_log_1_row": layout.SIGNED_VOLUME_LOG,
    "signed_volume_log_50_rows": layout.LEVEL_ROW + layout.LEVEL_COLUMNS - 1,
}


@pytest.mark.parametrize("name", LEVEL_GROUPS)
def test_the_levels_come_behind_the_row(name: str) -> None:
    assert column(name) - layout.COLUMNS == LEVEL_GROUPS[name] - layout.LEVEL_ROW


def test_levels_are_a_family_of_their_own_and_leave_the_row_as_it_was() -> None:
    assert len(LEVELS) == layout.LEVEL_COLUMNS == 67
    assert {feature.family for feature in LEVELS} == {"levels"}
    assert (*FEATURES, *LEVELS) == CATALOGUE
    assert len({feature.name for feature in CATALOGUE}) == 132


def test_the_book_columns_are_in_the_order_of_deeplob() -> None:
    assert BOOK_COLUMNS[:5] == (
        "ask_price_bps_l1",
        "ask_size_log_l1",
        "bid_price_bps_l1",
        "bid_size_log_l1",
        "ask_price_bps_l2",
    )
    assert len(BOOK_COLUMNS) == 40
    assert [column(name) for name in BOOK_COLUMNS] == list(range(65, 105))


def test_the_network_columns_are_the_family_and_four_of_the_row() -> None:
    of_the_row = {"imbalance_l1", "imbalance_l5", "imbalance_l10", "microprice_offset_bps"}

    assert len(NETWORK_COLUMNS) == 71
    assert set(NETWORK_COLUMNS) == {feature.name for feature in LEVELS} | of_the_row


def test_families_follow_each_other_in_catalogue_order() -> None:
    families = [feature.family for feature in FEATURES]

    assert list(dict.fromkeys(families)) == [
        "book_shape",
        "order_flow",
        "trade_flow",
        "price_path",
        "technical",
        "feed",
    ]
    assert sorted(families, key=list(dict.fromkeys(families)).index) == families


def test_every_column_is_described() -> None:
    assert all(f.unit and f.formula and f.source and f.clock in ("exchange", "local") for f in CATALOGUE)


def test_only_the_latency_reads_local_time() -> None:
    assert [f.name for f in CATALOGUE if f.clock == "local"] == ["feed_latency_ms"]


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown feature 'sprd'") as raised:
        column("sprd")

    assert raised.value.hint == "did you mean 'spread'?"


def test_the_catalogue_is_read_without_a_compiler() -> None:
    code = "import sys; import msray.features; sys.exit('numba' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_words_of_the_state_do_not_overlap() -> None:
    single = {
        name: value
        for name, value in vars(layout).items()
        if name.isupper() and isinstance(value, int) and value < layout.ROW
    }
    entries = {"AT", "BEFORE", "COUNT", "VOLUME", "SIGNED", "VALUE_HIGH", "VALUE_LOW", "SIDES", "SIDED_TICKS"}
    entries |= {"MESSAGES", "ADDED", "REMOVED", "MID", "LEAST", "GREATEST", "TRADE_WORDS", "DEPTH_WORDS", "MID_WORDS"}
    entries |= {"TRADE_TOTALS", "COLUMNS", "RANKS", "SIZES", "ASKS", "BIDS_FOUND", "ASKS_FOUND", "KEPT_BARS"}
    entries |= {"LEVEL_COLUMNS", "FLOW_RANKS", "PAST_ROWS", "PAST_WORDS"}
    entries |= {"PAST_SIGNED", "PAST_MIDS", "PAST_COUNTED", "PAST_FLOWED"}
    words = [value for name, value in single.items() if name not in entries]
    totals = [layout.TRADED + i for i in range(1, layout.TRADE_TOTALS)] + [layout.CHANGED + i for i in (1, 2)]

    assert len(words + totals) == len(set(words + totals))
