"""Run folders of trainings: how often the rows that judge had been looked at."""

import dataclasses
from pathlib import Path

import numpy as np

from msray.store.trained_runs import looks_at, write_trained
from msray.training.report import TrainReport
from tests.training.made import a_report
from tests.training.test_report import a_walked_report


def written(folder: Path, report: TrainReport, run_id: str) -> Path:
    return write_trained(folder, report, "a page", run_id=run_id, settings={}, made_of={})


def later(report: TrainReport, rows: int) -> TrainReport:
    times = report.problem.rows.event_ns
    moved = dataclasses.replace(report.problem.rows, event_ns=times + rows * int(np.diff(times[:2])[0]))
    return dataclasses.replace(report, problem=dataclasses.replace(report.problem, rows=moved))


def test_whoever_judged_on_some_of_the_same_rows_had_looked(tmp_path: Path) -> None:
    report = a_report()
    assert looks_at(tmp_path / "none", report) == 0

    written(tmp_path, report, "20240808-235416-3fa2c1")
    written(tmp_path, later(report, 100), "20240808-235417-3fa2c1")
    written(tmp_path, later(report, 240), "20240808-235418-3fa2c1")
    written(tmp_path, dataclasses.replace(report, instruments=("a:B",)), "20240808-235419-3fa2c1")

    assert looks_at(tmp_path, report) == 2


def test_earlier_judgements_are_looks_too_and_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    report = a_walked_report()
    written(tmp_path, report, "20240808-235416-3fa2c1")
    other = written(tmp_path, report, "20240808-235417-3fa2c1")
    (other / "metrics.json").write_text(
        (other / "metrics.json").read_text().replace('"begin_ns": ', '"begin_ns": null, "x": ')
    )

    assert looks_at(tmp_path, later(a_report(), -240)) == 1
    assert looks_at(tmp_path, later(a_report(), 240)) == 0
    assert looks_at(tmp_path, later(report, 240)) == 1, "its earlier judgement is on the rows of the last one there"
