"""A trained network as a package for the registry, and back. Loading this loads torch; the registry itself does not."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch

import msray
from msray.errors import UnknownNameError, UsageError
from msray.features import schema_digest
from msray.market import check_id
from msray.models.catalog import make_network
from msray.models.conformal import ConformalSets
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.onnx import to_onnx
from msray.store.model_files import ONNX, WEIGHTS, Model, Package
from msray.store.model_onnx import interface_of
from msray.store.model_record import Span, TrainedOn
from msray.training.fit import Fitted, Problem
from msray.training.judging import ModelReport
from msray.training.loop import TrainingConfig
from msray.training.parts import Part
from msray.training.rows import TrainingRows


def pack(
    fitted: Fitted,
    problem: Problem,
    report: ModelReport,
    *,
    judged_as: str,
    training: TrainingConfig,
    instruments: Sequence[str],
    sets: ConformalSets | None = None,
) -> Package:
    """All that the registry keeps of a model.

    Parameters
    ----------
    fitted
        The network, trained.
    problem
        What it learned.
    report
        What it was worth, beside the floors.
    judged_as
        Its name there.
    training
        How it was trained.
    instruments
        Whose rows they were, as ``venue:SYMBOL``.
    sets
        When it says nothing, if that was fitted.

    Raises
    ------
    UsageError
        If the report is about other labels, or has no such model.
    """
    asked = problem.config.family, problem.config.horizons, problem.thresholds
    judged = report.family, report.horizons, report.thresholds
    if asked != judged:
        raise UsageError(f"report must be about the labels of the problem, {asked}, got {judged}")
    onnx, weights = to_onnx(fitted.network), safetensors.torch.save(fitted.network.state_dict())
    inputs, outputs = interface_of(onnx, Path(ONNX))
    words = {
        "network": fitted.name,
        "config": fitted.config.model_dump(mode="json"),
        "features": problem.rows.names,
        "feature_schema": schema_digest(problem.rows.names),
        "label": problem.config.model_dump(mode="json"),
        "horizons": problem.config.horizons,
        "thresholds": problem.thresholds,
        "tempering": asdict(fitted.tempering),
        "sets": None if sets is None else asdict(sets),
        "inputs": inputs,
        "outputs": outputs,
        **_worth(report, judged_as),
        "data": _trained_on(problem, instruments).model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "seed": training.seed,
        "versions": {"msray": msray.__version__, "torch": version("torch")},
        "sha256": {ONNX: hashlib.sha256(onnx).hexdigest(), WEIGHTS: hashlib.sha256(weights).hexdigest()},
    }
    return Package(words=_known(words), onnx=onnx, weights=weights)


def restored(model: Model) -> StepNetwork | WindowNetwork:
    """The network itself, to be trained on or looked into; ready to answer."""
    network = make_network(model.record.network, model.record.network_config)
    network.load_state_dict(safetensors.torch.load(model.weights))
    return network.eval()


def _worth(report: ModelReport, name: str) -> dict[str, Any]:
    floors, models = ({one.name for one in report.figures if one.is_floor is kind} for kind in (True, False))
    if name not in models:
        raise UnknownNameError("model of the report", name, models)
    return {
        "figures": [asdict(one) for one in report.figures if one.is_floor or one.name == name],
        "leads": [{"floor": floor, **asdict(one)} for floor in sorted(floors) for one in report.beside(name, floor)],
    }


def _trained_on(problem: Problem, instruments: Sequence[str]) -> TrainedOn:
    rows, parts = problem.rows, problem.parts
    return TrainedOn(
        instruments=tuple(check_id(one) for one in instruments),
        train=_span(rows, parts.train),
        valid=_span(rows, parts.valid),
        test=_span(rows, parts.test) if parts.test[1] > parts.test[0] else None,
        digest=_digest(rows),
    )


def _span(rows: TrainingRows, part: Part) -> Span:
    times = rows.event_ns[slice(*part)]  # of several instruments one after the other, so they may go back
    return Span(first_ns=int(times.min()), last_ns=int(times.max()), rows=len(times))


def _digest(rows: TrainingRows) -> str:
    digest = hashlib.sha256(json.dumps(rows.names).encode())
    for array in (rows.values, rows.mid, rows.event_ns, rows.starts):
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _known(value: Any) -> Any:
    """The same in what JSON knows; a figure that is not known (NaN) is null."""
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
