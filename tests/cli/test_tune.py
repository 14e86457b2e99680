"""``msray tune``: what it refuses, what it leaves behind, and that all of it counts from then on."""

import json
from pathlib import Path

import polars as pl
import pytest

from msray.cli.settings_file import load_settings
from tests.cli.conftest import Msray

WORDS = """
detection:
  bar_ms: 100
  arl0: 100
  calibration: {bars: 600, delay_bars: 10}
backtest:
  profit_target_pct: 0.0005
  stop_loss_pct: 0.0003
  max_holding_seconds: 10
  clock_correction_ms: 1300
instruments: [binance_usdm:BTCUSDT]
api: {key: not-to-be-written-anywhere, port: 8001}
tune:
  trials: 4
  folds: 2
  space:
    backtest.profit_target_pct: {low: 0.0002, high: 0.005, log: true}
    backtest.max_holding_seconds: {low: 2, high: 15}
"""


def said_of(msray: Msray, text: str, *words: object) -> tuple[int, str]:
    Path("msray.yaml").write_text(text)
    said = msray("tune", "nothing.gz", *words)
    return said.code, said.err


@pytest.mark.parametrize(
    ("space", "line", "messages"),
    [
        (
            "backtest.profit_targt_pct: {low: 0.1, high: 0.2}",
            4,
            ["unknown parameter 'backtest.profit_targt_pct'", "did you mean 'backtest.profit_target_pct'"],
        ),
        ("backtest.profit_target_pct: {low: 0.01, high: 5}", 4, ["backtest.profit_target_pct: must be less than"]),
        ("backtest.profit_target_pct: {low: 0.1, high: 0.01}", 4, ["low must be below high, got 0.1 and 0.01"]),
        ("backtest.profit_target_pct: {lo: 0.1, high: 0.2}", 4, ["unknown key"]),
        ("backtest.profit_target_pct: {low: five, high: 0.2}", 4, ["low: must be a number, got 'five'"]),
        ("backtest.fee_rate: {low: 0.001, high: 0.002}", 4, ["backtest.fee_rate cannot be searched"]),
        ("detection.bar_ms: {choices: [100, 20.5]}", 4, ["detection.bar_ms", "20.5"]),
    ],
)
def test_a_space_that_is_wrong_is_refused_with_its_place(
    msray: Msray, space: str, line: int, messages: list[str]
) -> None:
    code, err = said_of(msray, f"backtest: {{}}\ntune:\n  space:\n    {space}\n")

    assert code == 2
    assert f"msray.yaml:{line}: tune.space" in err
    assert all(message in err for message in messages), err


@pytest.mark.parametrize(
    ("key", "value"), [("trials", 0), ("folds", 1), ("held_out", 0.9), ("embargo_seconds", -1), ("objective", "gain")]
)
def test_what_is_out_of_range_is_refused_by_name(msray: Msray, key: str, value: object) -> None:
    code, err = said_of(msray, f"tune: {{{key}: {value}}}\n")

    assert (code, f"tune.{key}" in err) == (2, True)


def test_no_trials_are_refused(msray: Msray) -> None:
    code, err = said_of(msray, "", "--trials", "0")

    assert (code, err) == (2, "msray: --trials: must be greater than or equal to 1, got 0\n")


@pytest.fixture
def recording(data_dir: Path, tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS)
    return data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"


def test_a_strategy_of_ones_own_needs_a_space(msray: Msray, recording: Path) -> None:
    Path("own.py").write_text("from msray.backtest import SignalFollower\nclass Mine(SignalFollower): pass\n")
    Path("msray.yaml").write_text(WORDS.partition("tune:")[0])

    said = msray("tune", recording, "--strategy", "own.py:Mine")

    assert (said.code, "has no search space of its own" in said.err) == (2, True)


def test_folds_shorter_than_what_a_signal_leads_to_are_refused(msray: Msray, recording: Path) -> None:
    Path("msray.yaml").write_text(WORDS.replace("high: 15}", "high: 900}"))

    said = msray("tune", recording)

    assert (said.code, "folds must be longer than 900" in said.err) == (2, True)


def test_nothing_to_go_on_with_is_said(msray: Msray, recording: Path) -> None:
    said = msray("tune", recording, "--resume")

    assert (said.code, "--resume needs a search that was begun" in said.err) == (2, True)


def test_a_folder_that_cannot_be_written_is_said_before_the_search(msray: Msray, recording: Path) -> None:
    Path("runs").write_text("")

    said = msray("tune", recording)

    assert (said.code, "cannot write runs" in said.err) == (2, True)


@pytest.mark.usefixtures("on_cluster")
@pytest.mark.ray
@pytest.mark.timeout(200)
def test_a_search_leaves_a_configuration_and_counts_from_then_on(msray: Msray, recording: Path) -> None:
    said = msray("tune", recording, "--json")

    data = said.document["data"]
    assert said.code == 0
    assert said.document["schema"] == "msray.tune/1"
    assert (data["trials"], data["failed_trials"], data["looks_before"], data["tried_before"]) == (4, 0, 0, 0)
    folder = Path(data["run_folder"])
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "metrics.json", "trials.parquet", "report.html"}
    assert json.loads((folder / "metrics.json").read_text())["verdict"] == data["verdict"]
    trials = pl.read_parquet(folder / "trials.parquet")
    assert trials.height == 5
    assert trials["is_unchanged"].to_list() == [True, False, False, False, False]
    assert "not-to-be-written-anywhere" not in "".join(path.read_text() for path in folder.glob("*.[yjh]*"))

    best, now = load_settings(folder / "config.yaml", {}), load_settings(Path("msray.yaml"), {})
    said_best = {f"backtest.{name}": value for name, value in best.backtest.model_dump().items()}
    assert {name: said_best[name] for name in data["best_parameters"]} == data["best_parameters"]
    assert (best.instruments, best.api.port, best.tune) == (now.instruments, 8001, now.tune)
    assert best.runs_dir == now.runs_dir.resolve()

    words = ("backtest", recording, "--config", folder / "config.yaml", "--json")
    alone = msray(*words, "--runs", "elsewhere").document["data"]
    tested = msray(*words).document["data"]
    assert tested["tried_before"] == (4 if data["best_parameters"] else 5), "the best of them is the one that is tested"
    assert tested["trials"] == 27 + tested["tried_before"]
    assert alone["trials"] == 27
    assert tested["different_trials"] > alone["different_trials"]

    going_on = msray("tune", recording, "--resume", "--trials", "5")
    lines = going_on.out.splitlines()
    assert "going on: 4 trials had ended, 0 were running" in going_on.err
    assert lines[0].split("\t")[1:5] == ["state", "score", "folds", "profit_target_pct"]
    assert any(line.startswith("trials 5: ") for line in lines)
    assert any("runs had looked at it before" in line for line in lines)
