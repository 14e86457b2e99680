"""Models of a flag, of the configuration, or of a raw log."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from msray.cli.app import main
from msray.cli.predicting import forecasting_for
from msray.feeds.replay import LogReplay
from msray.prediction import Began, Pipeline, PredictConfig, log_metadata
from msray.store.model_served import named
from msray.store.registry import Registry
from tests.prediction.made import BTC, NEVER_CALIBRATED
from tests.store.trained import a_trained_registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    a_trained_registry(tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def msray(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    ended = main([*words, "--json"])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert ended == code, said
    return said


def recording(data_dir: Path) -> str:
    return str(data_dir / "binance_2024-08-08_multi_venue" / "cm")


def test_a_replay_predicts_with_the_models_of_its_flag_or_of_the_configuration(
    folder: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until = ("--until", "2024-08-08T23:55:00Z")
    (folder / "msray.yaml").write_text("predict: {models: [small@production]}\n")

    configured = msray(capsys, "replay", recording(data_dir), *until)["data"]
    flagged = msray(capsys, "replay", recording(data_dir), *until, "--model", "small:1")["data"]

    found = configured["predictions"]
    assert found["made"] > 10
    first = found["scores"][0]
    assert (first["model"], first["horizon"]) == ("small:1", 2)
    assert 0 < first["rows"] <= found["made"]
    assert first["base_rate"] > 0.3
    assert first["step_us"] > 0
    for one in (configured, flagged):
        for row in one["predictions"]["scores"]:
            del row["step_us"]
    assert flagged["predictions"] == configured["predictions"]
    assert flagged["signals"] == configured["signals"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("smaller", "unknown model 'smaller'"),
        ("Small!", "--model must be NAME, NAME@ALIAS or NAME:VERSION, got 'Small!'"),
        ("small:7", "unknown version of small '7'"),
    ],
)
def test_a_model_that_is_not_there_is_refused_by_name(
    words: str, message: str, folder: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = msray(capsys, "replay", recording(data_dir), "--model", words, code=2)

    assert said["error"]["message"] == message


def test_two_versions_of_one_model_are_refused(
    folder: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = msray(capsys, "replay", recording(data_dir), "--model", "small", "--model", "small:1", code=2)

    assert said["error"]["message"] == "--model models must name one version of each, got small twice"


def test_a_horizon_that_no_model_has_is_refused(
    folder: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "msray.yaml").write_text("predict: {models: [small], signal_horizon: 7}\n")

    said = msray(capsys, "replay", recording(data_dir), code=2)

    assert said["error"]["message"] == "predict.signal_horizon must be one of 2, 5 for small:1, got 7"


def test_models_of_a_later_run_are_looked_for_though_the_first_had_none(folder: Path, tmp_path: Path) -> None:
    class Log:
        metadata: ClassVar[dict[str, Any]] = {}
        instruments, files, total_bytes = (BTC,), (), 0

    opened = LogReplay(Log())  # type: ignore[arg-type]
    opened.is_as_written = True
    driver = forecasting_for(opened, None, None, lambda sink: Pipeline([BTC], NEVER_CALIBRATED, sink=sink), lambda: 0)
    model = named(Registry(tmp_path / "models"), "small")
    words = PredictConfig(models=("small",))

    driver.apply(Began((BTC.id,), 0, log_metadata(NEVER_CALIBRATED, [])))
    assert driver.forecasts.runners.keys() == set()
    driver.apply(Began((BTC.id,), 1, log_metadata(NEVER_CALIBRATED, [], words, [model])))
    assert driver.forecasts.runners.keys() == {"small"}
