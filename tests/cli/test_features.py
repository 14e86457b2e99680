"""``msray features``."""

import subprocess
import sys

from msray.features import CATALOGUE
from tests.cli.conftest import Msray, Said
from tests.commands import REPOSITORY

COLUMNS = ["name", "unit", "formula", "source", "family", "clock"]


def test_list_shows_every_feature_in_the_order_of_a_row(msray: Msray) -> None:
    lines = [line.split("\t") for line in msray("features", "--list").out.splitlines()]

    assert lines[0] == COLUMNS
    assert [line[0] for line in lines[1:]] == [feature.name for feature in CATALOGUE]
    assert msray("features").out == msray("features", "--list").out


def test_json_has_the_same_columns(msray: Msray) -> None:
    rows = msray("features", "--list", "--json").document["data"]["features"]

    assert len(rows) == len(CATALOGUE)
    assert all(list(row) == COLUMNS and all(row.values()) for row in rows)


def test_the_levels_are_shown_as_a_family(msray: Msray) -> None:
    (row,) = msray("features", "ask_price_bps_l1", "--json").document["data"]["features"]

    assert (row["unit"], row["family"]) == ("bps", "levels")


def test_one_feature_can_be_named_and_a_wrong_name_offers_the_nearest(msray: Msray) -> None:
    assert len(msray("features", "spread_bps").out.splitlines()) == 2

    said = msray("features", "spred_bps")

    assert said == Said(2, "", "msray: unknown feature 'spred_bps'\n  did you mean 'spread_bps'?\n")


def test_the_list_needs_no_compiler() -> None:
    code = "import sys; from msray.cli.app import main; main(['features']); sys.exit('numba' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=False)

    assert done.returncode == 0
