"""Run folders of searches: what did best, as a configuration, and all that was tried.

::

    runs/20240808-235416-3fa2c1/
        config.yaml       the whole configuration with what did best; every verb's --config takes it
        metrics.json      the report's figures
        trials.parquet    the trials, a row each
        report.html       the report for people
        latency-*.parquet what orders took, where that was measured
        calibrations.json what detectors knew from the start, where they knew something
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from msray.detectors import Calibration
from msray.store.runs import TRIALS, checked_run_id, plain_json, whole_folder, write_papers
from msray.store.tables import TableWriter
from msray.tuning import TuneReport

SCHEMA = "msray.tuned/1"


def write_tuned(
    folder: Path,
    report: TuneReport,
    page: str,
    *,
    run_id: str,
    settings: Mapping[str, Any],
    made_of: Mapping[str, Any],
    calibrations: Collection[Calibration] = (),
) -> Path:
    """Write the folder of a search.

    Parameters
    ----------
    folder
        Where runs are; made if it is not there.
    report, page
        What came out, and the same for people.
    run_id
        As :func:`~msray.store.runs.new_run_id` makes it.
    settings
        The whole configuration; its sections ``backtest`` and ``detection`` become those that did best.
    made_of
        What went in beside the configuration, for ``metrics.json``.
    calibrations
        In force from the start.

    Returns
    -------
    Path
        The run's folder. It raises what :func:`~msray.store.runs.write_run` raises.
    """
    target = folder / checked_run_id(run_id)
    best = {"backtest": report.best.backtest, "detection": report.best.detection}
    tree = {**settings, **{name: one.model_dump(mode="json") for name, one in best.items()}}
    metrics = {"schema": SCHEMA, "run_id": run_id, **made_of, **plain_json(report.as_dict())}
    schema, columns = _table(report)
    with whole_folder(target) as partial:
        write_papers(partial, tree, metrics, page, log=report.best.backtest.latency.log, calibrations=calibrations)
        with TableWriter(partial / TRIALS, schema) as table:
            table.append(columns)
    return target


def _table(report: TuneReport) -> tuple[pa.Schema, dict[str, Any]]:
    """The trials; what was assumed before is the first row, with its values of the parameters."""
    trials = [report.unchanged, *report.search.trials]
    columns = {
        "is_unchanged": pa.array([trial is report.unchanged for trial in trials]),
        "state": pa.array([trial.state for trial in trials]),
        "score": pa.array([trial.score for trial in trials], pa.float64()),
        "folds": pa.array([[fold.score for fold in trial.folds] for trial in trials], pa.list_(pa.float64())),
        "problem": pa.array([trial.problem for trial in trials]),
    }
    base = report.base
    for name in report.space:
        columns[name] = pa.array([trial.parameters.get(name, base.value(name)) for trial in trials])
    return pa.schema([(name, column.type) for name, column in columns.items()]), columns
