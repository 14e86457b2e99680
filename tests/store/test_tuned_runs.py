"""The folder of a search: what did best, so that it can be run again."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from msray.backtest.config import LatencyConfig
from msray.backtest.latency_log import LatencyLog
from msray.cli.settings_file import load_settings
from msray.errors import UnavailableError
from msray.store.calibrations import load_calibrations
from msray.store.latency_log import with_log
from msray.store.runs import list_runs
from msray.store.tuned_runs import write_tuned
from msray.tuning import TuneReport
from tests.disks import refusing
from tests.store.test_calibrations import calibration
from tests.tuning.made import made

RUN_ID = "20240808-235416-3fa2c1"


def with_latencies(log: LatencyLog) -> TuneReport:
    report = made()
    backtest = report.best.backtest.model_copy(update={"latency": LatencyConfig(log=log)})
    return replace(report, best=replace(report.best, backtest=backtest))


def test_the_configuration_names_what_was_in_force_beside_it(tmp_path: Path) -> None:
    report = with_latencies(LatencyLog([1], [2], [3]))
    settings = {"detection": {"calibration": {"file": "elsewhere.json"}}}

    run = write_tuned(
        tmp_path, report, "", run_id=RUN_ID, settings=settings, made_of={}, calibrations=[calibration("test:A")]
    )

    said = load_settings(run / "config.yaml", {})
    assert said.detection.calibration.file == run / "calibrations.json"
    assert load_calibrations(run / "calibrations.json") == {"test:A": calibration("test:A")}
    assert with_log(said.backtest) == report.best.backtest
    assert list_runs(tmp_path) == []


def test_a_search_that_knew_nothing_names_no_file(tmp_path: Path) -> None:
    run = write_tuned(tmp_path, made(), "", run_id=RUN_ID, settings={}, made_of={})

    assert load_settings(run / "config.yaml", {}).detection == made().best.detection
    names = {"config.yaml", "metrics.json", "report.html", "trials.parquet"}
    assert {one.name for one in run.iterdir()} == names


def test_where_writing_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))

    with pytest.raises(UnavailableError, match=r"cannot write .*: No space left"):
        write_tuned(tmp_path, made(), "", run_id=RUN_ID, settings={}, made_of={}, calibrations=[calibration("test:A")])

    assert list(tmp_path.iterdir()) == []
