"""``msray evaluate``: signals of recordings, signals of a file, predictions of a file."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.conftest import Msray
from tests.cli.test_label import WORDS


@pytest.fixture
def recording(data_dir: Path, tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS)
    return data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Calibrated probabilities of labels that last."""
    rng = np.random.default_rng(1)
    chance = rng.beta(2, 3, 500)
    begin = 1_700_000_000_000_000_000 + np.arange(500) * 10**9
    columns = {
        "label": (rng.random(500) < chance).astype(int),
        "probability": chance,
        "begin_ns": begin,
        "end_ns": begin + 5 * 10**9,
    }
    pl.DataFrame(columns).write_parquet(tmp_path / "p.parquet")
    return Path("p.parquet")


def test_the_signals_of_a_recording_stand_beside_random_times(msray: Msray, recording: Path) -> None:
    said = msray("evaluate", recording, "--json", "--folds", "2")

    data = said.document["data"]
    figures = {one["name"]: one for one in data["figures"]}
    assert (said.code, said.document["schema"]) == (0, "msray.evaluate/1")
    assert 0 < figures["base_rate"]["rival"] < 1
    assert [name for name in figures if name.startswith("precision")] == [f"precision@{k}" for k in (1, 5, 10, 20)]
    assert all(one["low"] <= one["value"] <= one["high"] for one in figures.values())
    assert data["lead_time"]["random"]["draws"] == 1000
    assert data["lead_time"]["low"] <= data["lead_time"]["detection_rate"] <= data["lead_time"]["high"]
    assert sum(fold["test_rows"] for fold in data["folds"]) == data["rows"]


def test_the_signals_that_replay_wrote_are_judged_as_those_of_the_recording(msray: Msray, recording: Path) -> None:
    msray("replay", recording, "--signals", "s.parquet")

    own, given = (
        msray("evaluate", recording, *words, "--json").document["data"]
        for words in ((), ("--predictions", "s.parquet"))
    )

    # A file says when a signal was, not after which of the messages of that millisecond.
    leads = [data.pop("lead_time")["restricted_mean_s"] for data in (own, given)]
    assert own == given
    assert leads[0] == pytest.approx(leads[1], abs=0.01)


@pytest.mark.ray
@pytest.mark.slow
def test_what_live_detection_finds_when_a_recording_is_played_is_judged_as_a_replay(
    msray: Msray, recording: Path
) -> None:
    live, replayed = (msray("evaluate", recording, *words, "--json") for words in (("--live", "max"), ()))

    # Live too, a signal is known by its time, not by the message of that millisecond.
    found, expected = live.document["data"], replayed.document["data"]
    assert abs(found["lead_time"].pop("restricted_mean_s") - expected["lead_time"].pop("restricted_mean_s")) < 0.01
    assert found == expected


@pytest.mark.parametrize("words", [("--live", "10x"), ("a.gz", "--predictions", "p.parquet", "--live", "10x")])
def test_live_detection_needs_recordings_and_finds_the_signals_itself(msray: Msray, words: tuple[str, ...]) -> None:
    said = msray("evaluate", *words)

    assert (said.code, "--live needs recordings to play" in said.err) == (2, True)


def test_a_person_reads_a_table_and_one_line_of_lead_times(msray: Msray, recording: Path) -> None:
    said = msray("evaluate", recording)

    lines = said.out.splitlines()
    assert lines[0].split("\t") == ["figure", "value", "low", "high", "beside", "which is of", "rows"]
    assert lines[1].split("\t")[5] == "random times"
    assert lines[-1].startswith("moves of 0.05%: ")
    assert "rows judged" in said.err


def test_predictions_of_a_file_need_no_recording(msray: Msray, table: Path) -> None:
    said = msray("evaluate", "--predictions", table, "--folds", "5", "--embargo", "10", "--k", "3,50", "--json")

    data = said.document["data"]
    figures = {one["name"]: one for one in data["figures"]}
    assert said.code == 0
    assert {"precision@3", "precision@50", "roc_auc", "average_precision", "mcc", "brier", "calibration_error"} < set(
        figures
    )
    assert figures["roc_auc"]["low"] > 0.5
    assert figures["brier"]["high"] < figures["brier"]["rival"]
    assert len(data["folds"]) == 5
    assert data["folds"][1]["purged_rows"] > 0
    assert data["folds"][1]["embargoed_rows"] == 10
    assert data["spread"]["roc_auc"]["sd"] > 0
    assert "lead_time" not in data


def test_folds_are_a_table_with_their_spread(msray: Msray, table: Path) -> None:
    said = msray("evaluate", "--predictions", table, "--folds", "3")

    rows = [line.split("\t") for line in said.out.splitlines()]
    first = [row[0] for row in rows]
    assert first[first.index("fold") + 1 :] == ["1", "2", "3", "mean", "sd", "least", "most"]
    assert len({len(row) for row in rows[first.index("fold") :]}) == 1


def test_the_same_seed_gives_the_same_figures(msray: Msray, table: Path) -> None:
    one, other, third = (msray("evaluate", "--predictions", table, "--seed", seed).out for seed in (1, 1, 2))

    assert one == other != third


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "nothing to evaluate"),
        (("--predictions", "nothing.parquet"), 2, "there is no file nothing.parquet"),
        (("--predictions", "p.parquet", "--k", "a"), 2, "k must be whole numbers with commas between, got 'a'"),
        (("--predictions", "p.parquet", "--k", "0"), 2, "ks must be 1 to"),
        (("--predictions", "p.parquet", "--folds", "600"), 2, "n_splits must be 2 to 500, got 600"),
        (("--predictions", "p.parquet", "--folds", "5", "--purge", "-1"), 2, "purge must be 0 to 1e9 seconds"),
        (("--predictions", "bad.csv"), 3, "bad.csv must have a column label"),
        (("--predictions", "none.parquet"), 3, "there must be something to judge, got 0 rows"),
    ],
)
def test_what_cannot_be_judged_is_said(
    msray: Msray, table: Path, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "bad.csv").write_text("score\n0.5\n")
    pl.DataFrame({"label": [1], "score": [0.5]}).clear().write_parquet(tmp_path / "none.parquet")

    said = msray("evaluate", *words)

    assert said.code == code
    assert message in said.err
