"""``msray evaluate --model``."""

from pathlib import Path

import pytest

from msray.store.registry import Registry
from msray.training.floors import FLOORS as RULES
from tests.cli.conftest import Msray
from tests.feeds.test_shfe import put
from tests.store.made_models import NOW_NS, a_registry, an_ensemble
from tests.venues.made_shfe import made_snapshots

FLOORS = list(RULES)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    a_registry(tmp_path, 2).publish("many", an_ensemble(), now_ns=NOW_NS)
    return put(tmp_path / "rb.parquet", made_snapshots(1, 400))


@pytest.mark.parametrize("name", ["gru", "many:1"])
def test_a_model_stands_beside_every_floor_at_every_horizon(msray: Msray, recording: Path, name: str) -> None:
    said = msray("evaluate", "--model", name, "--data", recording, "--json")

    data = said.document["data"]
    assert (said.code, said.document["schema"]) == (0, "msray.evaluate/1")
    assert data["model"] == {"gru": "gru:2"}.get(name, name)
    assert [one["horizon"] for one in data["horizons"]] == [2, 5]
    for one in data["horizons"]:
        assert [floor["name"] for floor in one["floors"]] == FLOORS
        assert {floor["rows"] for floor in one["floors"]} == {one["rows"]}
        assert 380 < one["rows"] <= 399 - one["horizon"]
        assert {"macro_f1", "weighted_f1", "mcc", "accuracy", "ece"} <= one.keys()
        assert one["directional"].keys() == {"moved", "committed", "all"}
        assert {"accuracy", "coverage", "base_rate"} <= one["directional"]["moved"].keys()
        assert one["floors"][0]["better_by"]["macro_f1"] == pytest.approx(
            one["macro_f1"] - one["floors"][0]["macro_f1"]
        )
    assert "was trained on binance_usdm:BTCUSDT, binance_spot:BTCUSDT, not on shfe:RB2510" in data["warnings"][0]
    assert data["warnings"][-1].startswith("the rules majority and logistic learned from the rows that are judged")


def test_it_is_shown_as_models_are_compared(msray: Msray, recording: Path) -> None:
    Path("models").rename("kept")

    said = msray("evaluate", "--model", "gru:1", "--data", recording, "--models", "kept")

    rows = [line.split("\t") for line in said.out.splitlines()]
    assert rows[0][:4] == ["model", "horizon", "rows", "macro_f1"]
    assert rows[1][0] == "gru:1"
    assert {row[0] for row in rows[2 : 2 + len(FLOORS)]} == set(FLOORS)
    assert rows[-1][0].startswith("5 rows ahead, the surest tenth: the mid went ")


def test_rows_that_it_learned_from_are_told(msray: Msray, recording: Path) -> None:
    from msray.store.model_judging import known_before
    from tests.store.made_models import the_problem

    record = Registry(Path("models")).record("gru", 1)
    rows = {"binance_usdm:BTCUSDT": the_problem().rows}

    assert list(known_before(record, rows)) == [
        "720 of 1200 rows are of the time that gru learned from",
        "240 of 1200 rows are of the time that gru was chosen on",
        "240 of 1200 rows are of the time that gru was judged on before",
    ]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--model", "gur", "--data", "rb.parquet"), 2, "unknown model 'gur'"),
        (("--model", "gru@production", "--data", "rb.parquet"), 2, "unknown alias of gru 'production'"),
        (("--model", "gru"), 2, "--model needs recordings to judge it by"),
        (("--data", "rb.parquet"), 2, "--data goes with --model"),
        (("--model", "gru", "--data", "rb.parquet", "--folds", "2"), 2, "neither with --predictions"),
    ],
)
def test_wrong_words_are_said(msray: Msray, recording: Path, words: tuple[str, ...], code: int, says: str) -> None:
    said = msray("evaluate", *words)

    assert (said.code, says in said.err) == (code, True), said.err


def test_a_damaged_model_is_exit_code_3(msray: Msray, recording: Path) -> None:
    Path("models/gru/2/gru.onnx").write_bytes(b"")

    said = msray("evaluate", "--model", "gru", "--data", recording)

    assert (said.code, "models/gru/2/gru.onnx must have sha256" in said.err) == (3, True)
