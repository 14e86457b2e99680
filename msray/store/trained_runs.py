"""Run folders of trainings: what was trained, how each learned, what all were worth.

::

    runs/20240808-235416-3fa2c1/
        config.yaml               the whole configuration; msray train --config takes it
        metrics.json              the report's figures
        learning_curves.parquet   epochs of all trainings, a row each
        report.html               the report for people
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from msray.errors import ConfigError
from msray.store.runs import (
    CURVES,
    checked_run_id,
    list_trainings,
    plain_json,
    read_json,
    whole_folder,
    write_papers,
)
from msray.store.tables import TableWriter
from msray.training.report import TrainReport

SCHEMA = "msray.trained/1"
_CURVES = pa.schema(
    [
        ("training", pa.string()),
        ("model", pa.string()),
        ("seed", pa.int64()),
        ("epoch", pa.int64()),
        ("loss", pa.float64()),
        ("surprise", pa.float64()),
        ("is_best", pa.bool_()),
    ]
)


def write_trained(
    folder: Path,
    report: TrainReport,
    page: str,
    *,
    run_id: str,
    settings: Mapping[str, Any],
    made_of: Mapping[str, Any],
) -> Path:
    """Write the folder of a training.

    Parameters
    ----------
    folder
        Where runs are; made if it is not there.
    report, page
        What came out, and the same for people.
    run_id
        As :func:`~msray.store.runs.new_run_id` makes it.
    settings
        The whole configuration; its section ``train`` becomes what was trained.
    made_of
        What went in beside the configuration, and where models went, for ``metrics.json``.

    Returns
    -------
    Path
        The run's folder. It raises what :func:`~msray.store.runs.write_run` raises.
    """
    target = folder / checked_run_id(run_id)
    tree = {**settings, "train": report.config.model_dump(mode="json", exclude_defaults=True)}
    metrics = {"schema": SCHEMA, "run_id": run_id, **made_of, **plain_json(report.as_dict())}
    with whole_folder(target) as partial:
        write_papers(partial, tree, metrics, page)
        with TableWriter(partial / CURVES, _CURVES) as table:
            table.append(_columns(report))
    return target


def looks_at(folder: Path, report: TrainReport) -> int:
    """How many trainings in a folder of runs had looked at some of the rows that judge.

    What cannot be read counts for none, and so do trainings of before they told when they judged.
    """
    mine = [one.span_ns for one in (*report.earlier, report.last)]
    looks = 0
    for run in list_trainings(folder):
        try:
            metrics = read_json(run / "metrics.json")
            theirs = [(one["begin_ns"], one["end_ns"]) for one in (*metrics["earlier"], metrics["judged"])]
            overlaps = any(begin <= last and first <= end for begin, end in mine for first, last in theirs)
            looks += overlaps and bool(set(metrics["instruments"]) & set(report.instruments))
        except (ConfigError, LookupError, TypeError):
            continue
    return looks


def _columns(report: TrainReport) -> dict[str, Any]:
    rows = [(one, epoch) for one in report.trained for epoch in one.history]
    return {
        "training": [one.key for one, _ in rows],
        "model": [one.name for one, _ in rows],
        "seed": [one.seed for one, _ in rows],
        **{
            name: [getattr(epoch, "number" if name == "epoch" else name) for _, epoch in rows]
            for name in ("epoch", "loss", "surprise", "is_best")
        },
    }
