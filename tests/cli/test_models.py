"""``msray models``."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from msray.store.registry import Registry
from msray.store.sealed import seal
from tests.cli.conftest import Msray
from tests.store.made_models import NOW_NS, a_package, a_registry


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``gru`` in three versions and ``line`` in one."""
    registry = a_registry(tmp_path_factory.mktemp("registry"))
    registry.publish("line", a_package("linear"), now_ns=NOW_NS)
    registry.promote("gru", 1, now_ns=NOW_NS)
    return registry.folder


@pytest.fixture
def models(msray: Msray, folder: Path, tmp_path: Path) -> Msray:
    """In a working directory with these models; the folder is named in its configuration."""
    shutil.copytree(folder, tmp_path / "kept" / "models")
    (tmp_path / "msray.yaml").write_text("models_dir: kept/models\n")
    return partial(msray, "models")


def table(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_ls_says_what_there_is(models: Msray) -> None:
    rows = table(models("ls").out)
    found = models("ls", "--json").document["data"]["models"]

    assert [row[:3] for row in rows] == [
        ["model", "aliases", "networks"],
        ["gru:1", "production", "gru"],
        ["gru:2", "", "gru"],
        ["gru:3", "", "gru"],
        ["line:1", "", "linear"],
    ]
    assert [one["model"] for one in found] == [row[0] for row in rows[1:]]
    assert all(
        len(one["macro_f1"]) == len(one["best_floor"]) == 2 and one["made"].startswith("2024-08") for one in found
    )


def test_show_says_all_that_is_known_of_one(models: Msray) -> None:
    said = models("show", "gru@production")
    document = models("show", "gru@production", "--json").document

    assert document["schema"] == "msray.models.show/1"
    assert (document["data"]["model"]["version"], document["data"]["aliases"]) == (1, ["production"])
    assert [step["did"] for step in document["data"]["history"]] == ["promote"]
    assert document["data"]["model"]["schema"] == "msray.model/2"
    assert "model       gru:1\n" in said.out
    assert "features    imbalance_l1, spread_bps" in said.out
    assert "label       next_mean_over_mid at 2, 5, thresholds " in said.out
    for floor in ("majority", "persistence", "mean_reversion", "imbalance", "logistic"):
        assert f"\n{floor}\t2\t" in said.out
    assert models("show", "gru", "--json").document["data"]["model"]["version"] == 3


def test_compare_shows_models_beside_their_floors(models: Msray) -> None:
    rows = table(models("compare", "gru:2", "line").out)
    data = models("compare", "gru:2", "line", "--json").document["data"]

    assert rows[0][:5] == ["model", "horizon", "rows", "macro_f1", "interval"]
    assert [row[0] for row in rows[1:8] if row[0].partition(":")[1]] == ["gru:2", "line:1"]
    assert len(rows) == 1 + 2 * (2 + 5), "floors that are the same are shown once"
    assert all(" to " in row[4] for row in rows[1:])
    assert data["on_the_same_rows"]
    first = data["figures"][0]
    assert first["better_by_low"] < first["better_by"] < first["better_by_high"]
    assert first["best_floor"] == data["figures"][1]["model"]


def test_what_was_judged_on_other_rows_is_told(models: Msray) -> None:
    file = Path("kept/models/line/1/model.json")
    tree = json.loads(file.read_bytes())
    tree["data"]["digest"] = "0" * 64
    del tree["digest"]
    file.write_bytes(seal(tree))

    said = models("compare", "gru:2", "line")

    assert said.code == 0
    assert "judged on other rows" in said.err


def test_promote_and_rollback_are_one_command_each(models: Msray) -> None:
    assert models("promote", "gru:3").out == "gru@production: 3 (was 1)\n"
    assert models("promote", "gru:2", "--alias", "shadow").out == "gru@shadow: 2 (was nothing)\n"
    said = models("rollback", "gru", "--json").document["data"]

    assert (said["model"], said["alias"], said["version"], said["before"]) == ("gru", "production", 1, 3)
    assert Registry(Path("kept/models")).aliases("gru") == {"production": 1, "shadow": 2}


def test_damage_is_exit_code_3_with_file_and_reason(models: Msray) -> None:
    Path("kept/models/gru/2/gru.onnx").write_bytes(b"")
    Path("kept/models/gru/3/model.json").unlink()

    promoted, listed = models("promote", "gru:2"), models("ls")
    document = models("ls", "--json").document

    assert (promoted.code, listed.code) == (3, 3)
    assert promoted.err.startswith("msray: kept/models/gru/2/gru.onnx must have sha256")
    assert "msray: kept/models/gru/3/model.json is missing" in listed.err
    assert len(table(listed.out)) == 4, "the others are shown"
    assert (document["error"]["code"], len(document["data"]["models"])) == ("model_refused", 3)


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["show", "gur"], "unknown model 'gur'", "did you mean 'gru'?"),
        (["show", "gru:7"], "unknown version of gru '7'", "known: 1, 2, 3"),
        (["show", "gru@prod"], "unknown alias of gru 'prod'", "production"),
        (["compare", "gru", "../x"], "unknown model '../x'", "known: gru, line"),
        (["promote", "gru"], "model must be NAME:VERSION, got 'gru'", "msray models ls"),
        (["promote", "gru:1", "--alias", "9"], "alias must be small letters", ""),
        (["rollback", "gru@shadow"], "name must be that of a model alone, got 'gru@shadow'", "--alias"),
        (["rollback", "line"], "unknown alias of line 'production'", ""),
        (["rollback", "gru"], "must have stood for a version before 1", ""),
        (["promot", "gru:1"], "promot", "promote"),
    ],
)
def test_wrong_words_are_exit_code_2(models: Msray, words: list[str], says: str, hint: str) -> None:
    said = models(*words)

    assert said.code == 2
    assert says in said.err
    assert hint in said.err


def test_an_empty_registry_is_no_mistake(models: Msray) -> None:
    said = models("ls", "--models", "nowhere")

    assert (said.code, len(table(said.out))) == (0, 1)
