"""A model of the registry, judged on rows that it may never have seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.store.model_files import Model
from msray.store.model_package import restored
from msray.store.model_record import ModelRecord
from msray.training.findings import Finding, look_into
from msray.training.fit import Problem
from msray.training.judging import ModelReport, Said, judge
from msray.training.labels import changes, classes
from msray.training.parts import Parts
from msray.training.rows import TrainingRows, joined
from msray.training.samples import material
from msray.training.scores import scores_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What a model was worth on some rows.

    Attributes
    ----------
    name
        Of the model in ``report``, with its version.
    report
        Beside all floors; those that learn have learned from these very rows, which nobody can know before: they are
        no worse than they would have been.
    findings
        See :func:`~msray.training.findings.look_into`.
    """

    name: str
    report: ModelReport
    findings: tuple[Finding, ...]


def judge_model(model: Model, rows: Mapping[str, TrainingRows], *, seed: int = 0) -> Judged:
    """Judge a model by the labels, and the thresholds, that it was trained with.

    Parameters
    ----------
    model
        Out of the registry.
    rows
        By instrument id, with the model's features.
    seed
        Of the intervals.

    Raises
    ------
    UsageError
        If the rows have other features, or hold no label of a horizon.
    """
    record = model.record
    for one in rows.values():
        if one.names != record.features:
            raise UsageError(
                f"rows must have the features of {record.name}, {record.features[:6]}..., got {one.names[:6]}..."
            )
    problem = _problem(record, list(rows.values()))
    part = problem.parts.test
    scores = _scores(model, problem)
    said = Said.by(record.mixture, scores)
    name = f"{record.name}:{record.version}"
    report = judge(problem, part, {name: said}, seed=seed)
    return Judged(name=name, report=report, findings=look_into(problem, part, said))


def known_before(record: ModelRecord, rows: Mapping[str, TrainingRows]) -> Iterator[str]:
    """What is to be said of rows that the model has seen, or that are of other instruments; a line each."""
    others = sorted(set(rows) - set(record.data.instruments))
    if others:
        yield f"{record.name} was trained on {', '.join(record.data.instruments)}, not on {', '.join(others)}"
    mine = [one for name, one in rows.items() if name in record.data.instruments]
    times = np.concatenate([np.zeros(0, np.int64), *(one.event_ns for one in mine)])
    for part, why in (("train", "learned from"), ("valid", "was chosen on"), ("test", "was judged on before")):
        span = getattr(record.data, part)
        if span is None:
            continue
        seen = int(((times >= span.first_ns) & (times <= span.last_ns)).sum())
        if seen:
            yield f"{seen} of {sum(map(len, rows.values()))} rows are of the time that {record.name} {why}"


def _problem(record: ModelRecord, tables: Sequence[TrainingRows]) -> Problem:
    whole, config = joined(tables), record.label_config
    found, every = changes(whole, config), (0, len(whole))
    return Problem(
        rows=whole,
        config=config,
        parts=Parts(train=every, valid=every, test=every),
        thresholds=record.thresholds,
        found=found,
        labels=classes(found, record.thresholds),
    )


def _scores(model: Model, problem: Problem) -> dict[str, NDArray[np.float32]]:
    found = material(problem.rows, problem.labels, problem.found, problem.parts.train)
    return {one.name: scores_of(restored(model, one.name), found, problem.parts.test) for one in model.record.members}
