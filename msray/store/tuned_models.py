"""Run folders of searches of models: what did best, as a configuration to train by, and all that was tried.

::

    runs/20240808-235416-3fa2c1/
        config.yaml       the whole configuration with what did best; msray train --config takes it
        metrics.json      what it came to, beside what was there before
        trials.parquet    the trials, a row each
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from msray.store.runs import TRIALS, checked_run_id, plain_json, whole_folder, write_papers
from msray.store.tables import TableWriter
from msray.training.config import ModelConfig, TrainConfig
from msray.tuning import SearchSpace, Trial

SCHEMA = "msray.tuned_model/1"


def write_tuned_model(
    folder: Path,
    trials: Sequence[Trial],
    space: SearchSpace,
    best: ModelConfig,
    *,
    run_id: str,
    settings: Mapping[str, Any],
    train: TrainConfig,
    metrics: Mapping[str, Any],
) -> Path:
    """Write the folder of a search.

    Parameters
    ----------
    folder
        Where runs are; made if it is not there.
    trials, space
        What was tried, and what could be.
    best
        The model that did best.
    run_id
        As :func:`~msray.store.runs.new_run_id` makes it.
    settings, train
        The whole configuration, and its section ``train``, in which the model takes its place.
    metrics
        For ``metrics.json``.

    Returns
    -------
    Path
        The run's folder. It raises what :func:`~msray.store.runs.write_run` raises.
    """
    target = folder / checked_run_id(run_id)
    named = [one.name for one in train.models]
    models = tuple(best if one.name == best.name else one for one in train.models)
    models = models if best.name in named else (best,)
    said = train.model_copy(update={"models": models}).model_dump(mode="json", exclude_defaults=True)
    document = {"schema": SCHEMA, "run_id": run_id, **plain_json(metrics)}
    schema, columns = _table(trials, space)
    with whole_folder(target) as partial:
        write_papers(partial, {**settings, "train": said}, document)
        with TableWriter(partial / TRIALS, schema) as table:
            table.append(columns)
    return target


def _table(trials: Sequence[Trial], space: SearchSpace) -> tuple[pa.Schema, dict[str, Any]]:
    columns = {
        "state": pa.array([trial.state for trial in trials], pa.string()),
        "score": pa.array([trial.score for trial in trials], pa.float64()),
        "epochs": pa.array([len(trial.folds) for trial in trials], pa.int64()),
        "problem": pa.array([trial.problem for trial in trials], pa.string()),
    }
    for name in space:
        columns[name] = pa.array([trial.parameters[name] for trial in trials])
    return pa.schema([(name, column.type) for name, column in columns.items()]), columns
