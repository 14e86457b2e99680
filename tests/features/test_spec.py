import subprocess
import sys

import pytest

from msray.errors import UnknownNameError
from msray.features import FEATURES, NAMES, column
from msray.features import kernels_layout as layout


def test_a_row_has_65_columns_of_different_names() -> None:
    assert len(NAMES) == len(set(NAMES)) == layout.COLUMNS == 65


@pytest.mark.parametrize("name", NAMES)
def test_kernels_write_a_column_where_the_catalogue_says(name: str) -> None:
    assert getattr(layout, name.upper()) == layout.ROW + column(name)


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
    assert all(f.unit and f.formula and f.source and f.clock in ("exchange", "local") for f in FEATURES)


def test_only_the_latency_reads_local_time() -> None:
    assert [f.name for f in FEATURES if f.clock == "local"] == ["feed_latency_ms"]


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
    words = [value for name, value in single.items() if name not in entries]
    totals = [layout.TRADED + i for i in range(1, layout.TRADE_TOTALS)] + [layout.CHANGED + i for i in (1, 2)]

    assert len(words + totals) == len(set(words + totals))
