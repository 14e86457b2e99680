"""A run's folder: everything a backtest gave, whole or not at all, and never over another one."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from msray.backtest.config import BacktestConfig, FundingRate
from msray.backtest.page import report_page
from msray.backtest.report import BacktestReport
from msray.backtest.run import backtest
from msray.cli.settings_file import load_settings
from msray.errors import ConfigError, UnavailableError, UsageError
from msray.prediction import CalibrationConfig, DetectionConfig
from msray.store.calibrations import load_calibrations
from msray.store.runs import SCHEMA, list_runs, new_run_id, read_run, write_run
from tests.backtest.made import records, tape
from tests.backtest.planted import leaning_market
from tests.disks import refusing
from tests.store.test_calibrations import calibration

SECOND = 1_000_000_000
RUN_ID = "20240808-235416-3fa2c1"
FILES = ["config.yaml", "fills.parquet", "metrics.json", "report.html", "signals.parquet", "trades.parquet"]
CONFIG = BacktestConfig(
    fee_rate=0.0002,
    profit_target_pct=0.002,
    stop_loss_pct=0.0015,
    max_holding_seconds=15.0,
    contract_size=1e-05,
    funding=(FundingRate(instrument="test:X", at_ns=5 * SECOND, rate=1e-05),),
)


@pytest.fixture(scope="module")
def made() -> tuple[BacktestReport, str]:
    tapes = [leaning_market(7, follows=True, episodes=8)]
    report = backtest(tapes, CONFIG)
    return report, report_page(report, tapes, run_id=RUN_ID)


@pytest.fixture
def run(made: tuple[BacktestReport, str], tmp_path: Path) -> Iterator[Path]:
    yield write_run(tmp_path / "runs", *made, run_id=RUN_ID)


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def test_a_run_has_its_six_files_and_nothing_beside_it(run: Path) -> None:
    assert run.name == RUN_ID
    assert sorted(one.name for one in run.iterdir()) == FILES
    assert [one.name for one in run.parent.iterdir()] == [RUN_ID]


def test_what_was_assumed_comes_back_and_can_be_run_again(run: Path) -> None:
    assert read_run(run).config == CONFIG
    assert load_settings(run / "config.yaml", {}).backtest == CONFIG


def test_the_words_of_the_detectors_are_kept_too(made: tuple[BacktestReport, str], tmp_path: Path) -> None:
    words = DetectionConfig(arl0=600)

    run = write_run(tmp_path, *made, run_id=RUN_ID, sections={"detection": words})

    said = load_settings(run / "config.yaml", {})
    assert (said.detection, said.backtest) == (words, CONFIG)


def test_calibrations_are_kept_and_found_again(made: tuple[BacktestReport, str], tmp_path: Path) -> None:
    words = DetectionConfig(calibration=CalibrationConfig(file=Path("elsewhere.json")))

    run = write_run(
        tmp_path,
        *made,
        run_id=RUN_ID,
        sections={"detection": words},
        calibrations=[calibration("test:A"), calibration("test:B")],
    )

    file = load_settings(run / "config.yaml", {}).detection.calibration.file
    assert file == run / "calibrations.json"
    assert load_calibrations(file) == {"test:A": calibration("test:A"), "test:B": calibration("test:B")}


def test_figures_are_json_that_everybody_can_read(run: Path, made: tuple[BacktestReport, str]) -> None:
    text = (run / "metrics.json").read_text()
    metrics = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    assert (metrics["schema"], metrics["run_id"]) == (SCHEMA, RUN_ID)
    assert metrics["verdict"] == made[0].verdict
    assert read_run(run).metrics == metrics
    assert read_run(run).run_id == RUN_ID
    assert f"{read_run(run).made:%Y-%m-%d %H:%M:%S%z}" == "2024-08-08 23:54:16+0000"


def test_what_is_undefined_is_null(tmp_path: Path) -> None:
    report = backtest([tape(records())], CONFIG)

    metrics = read_run(write_run(tmp_path, report, "", run_id=RUN_ID)).metrics

    assert metrics["dsr"] is metrics["random_precision"] is metrics["trade_figures"]["hit_rate"] is None
    assert rows(tmp_path / RUN_ID / "trades.parquet") == []


def test_tables_have_every_trade_fill_and_signal(run: Path, made: tuple[BacktestReport, str]) -> None:
    result = made[0].result
    trades, fills = rows(run / "trades.parquet"), rows(run / "fills.parquet")

    assert [(t["entry_ns"], t["net"], t["reason"]) for t in trades] == [
        (t.entry_ns, t.net, t.reason) for t in result.trades
    ]
    assert [f["side"] * f["size"] for f in fills] == [f.side.sign * f.size / 1000 for f in result.fills]
    assert [f["price"] for f in fills] == [f.price / 10**18 for f in result.fills]
    assert [s["signal_id"] for s in rows(run / "signals.parquet")] == [s.signal_id for s in result.signals]
    assert len(trades) > 3


def test_the_page_is_written_as_it_is(run: Path, made: tuple[BacktestReport, str]) -> None:
    assert (run / "report.html").read_bytes() == made[1].encode()


def test_a_run_is_never_written_over(run: Path, made: tuple[BacktestReport, str]) -> None:
    before = {one.name: one.read_bytes() for one in run.iterdir()}

    with pytest.raises(UsageError, match=r"there is a run .* already"):
        write_run(run.parent, made[0], "another", run_id=RUN_ID)

    assert {one.name: one.read_bytes() for one in run.iterdir()} == before
    assert [one.name for one in run.parent.iterdir()] == [RUN_ID]


def test_of_two_that_write_one_name_the_second_is_refused(
    run: Path, made: tuple[BacktestReport, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = run.parent / "20240808-235416-000000"
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        shutil.copytree(run, target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(UsageError, match=r"there is a run .* already"):
        write_run(run.parent, *made, run_id=other.name)

    assert sorted(one.name for one in run.parent.iterdir()) == [other.name, RUN_ID]
    assert read_run(other).metrics == read_run(run).metrics


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_where_writing_fails_nothing_is_left(
    call: str, made: tuple[BacktestReport, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os if call == "fsync" else Path, call, refusing(errno.ENOSPC))

    with pytest.raises(UnavailableError, match=r"cannot write .*: No space left"):
        write_run(tmp_path, *made, run_id=RUN_ID)

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_none_is_refused_by_name(made: tuple[BacktestReport, str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(UsageError, match=r"cannot write .*/file"):
        write_run(file, *made, run_id=RUN_ID)


@pytest.mark.parametrize("run_id", ["", ".", "..", "../20240808-235416-3fa2c1", "20240808-235416-3fa2c1/x", "x" * 200])
def test_a_name_that_is_none_is_refused(run_id: str, made: tuple[BacktestReport, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run_id must look like"):
        write_run(tmp_path, *made, run_id=run_id)

    assert list(tmp_path.iterdir()) == []


def test_a_name_says_when_and_from_what() -> None:
    assert new_run_id(0, "abcdef0123") == "19700101-000000-abcdef"
    for now_ns, digest, says in (
        (-1, "abcdef", "now_ns"),
        (2**63, "abcdef", "now_ns"),
        (0, "abc", "digest"),
        (0, "ABCDEF", "digest"),
    ):
        with pytest.raises(UsageError, match=says):
            new_run_id(now_ns, digest)


def test_words_of_a_strategy_that_no_encoding_knows_are_written(
    made: tuple[BacktestReport, str], tmp_path: Path
) -> None:
    report = made[0]
    odd = replace(report.result.trades[0], reason="a\ud800b")
    report = replace(report, result=replace(report.result, trades=(odd,)))

    run = write_run(tmp_path, report, "", run_id=RUN_ID)

    assert rows(run / "trades.parquet")[0]["reason"] == "a?b"


def test_runs_are_listed_from_the_oldest_and_nothing_else_is(run: Path) -> None:
    older = run.with_name("20230101-000000-abcdef")
    shutil.copytree(run, older)
    run.with_name(".20240808-235416-aaaaaa.1-00.partial").mkdir()
    (run.parent / "20240808-235416-bbbbbb").write_text("")
    (run.parent / "notes").mkdir()

    assert list_runs(run.parent) == [older, run]
    assert list_runs(run.parent / "missing") == []


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("metrics.json", None, "No such file"),
        ("metrics.json", "{", "is no JSON"),
        ("metrics.json", "[]", "must be a document of schema"),
        ("metrics.json", '{"schema": "msray.run/2"}', "must be a document of schema"),
        ("metrics.json", '{"schema": "msray.run/1"}', "must have the figures of a run, has no begin_ns, "),
        ("config.yaml", None, "No such file"),
        ("config.yaml", "", "is no configuration"),
        ("config.yaml", "a: [", "is no configuration"),
        ("config.yaml", "backtest: {fee_rate: 7}", "is no configuration"),
        ("config.yaml", "backtest: 2024-99-99", "is no configuration"),
        ("config.yaml", "detection: {}", "is no configuration"),
    ],
)
def test_what_is_no_run_is_refused_by_file(run: Path, file: str, text: str | None, says: str) -> None:
    (run / file).unlink()
    if text is not None:
        (run / file).write_text(text)

    with pytest.raises(ConfigError, match=f"{file}.*{says}"):
        read_run(run)


def test_bytes_that_are_no_text_are_refused(run: Path) -> None:
    (run / "config.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="must be UTF-8"):
        read_run(run)
