"""Trained networks as a package for the registry, and back. Loading this loads torch; the registry itself does not."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch

import msray
from msray.errors import UnknownNameError, UsageError
from msray.features import schema_digest
from msray.market import check_id
from msray.models.catalog import make_network
from msray.models.committee import committee
from msray.models.config import NetworkConfig
from msray.models.mixture import Mixture
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.onnx import to_onnx
from msray.store.model_files import Model, Package
from msray.store.model_onnx import interface_of
from msray.store.model_record import Span, TrainedOn
from msray.training.config import TrainingConfig
from msray.training.fit import Problem
from msray.training.judging import ModelReport
from msray.training.parts import Part
from msray.training.rows import TrainingRows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedMember:
    """A network of a model.

    Attributes
    ----------
    name
        In the model.
    network_name, config
        Which of the catalogue, and what was chosen of it.
    seeds, training
        How it was trained, once with each seed.
    network
        All of its seeds as one; see :func:`~msray.models.committee.committee`.
    """

    name: str
    network_name: str
    config: NetworkConfig
    seeds: tuple[int, ...]
    training: TrainingConfig
    network: StepNetwork | WindowNetwork


def pack(
    members: Sequence[TrainedMember],
    mixture: Mixture,
    problem: Problem,
    report: ModelReport,
    *,
    judged_as: str,
    instruments: Sequence[str],
) -> Package:
    """All that the registry keeps of a model.

    Parameters
    ----------
    members
        Its networks, trained.
    mixture
        What they say together, by their names.
    problem
        What they learned.
    report
        What it was worth, beside the floors.
    judged_as
        Its name there.
    instruments
        Whose rows they were, as ``venue:SYMBOL``.

    Raises
    ------
    UsageError
        If the report is about other labels, or has no such model, or the mixture is of other members.
    """
    asked = problem.config.family, problem.config.horizons, problem.thresholds
    judged = report.family, report.horizons, report.thresholds
    if asked != judged:
        raise UsageError(f"report must be about the labels of the problem, {asked}, got {judged}")
    names = tuple(one.name for one in members)
    if mixture.members != names:
        raise UsageError(f"mixture must be of the members {names}, got {mixture.members}")
    files: dict[str, bytes] = {}
    words = {
        "members": [_packed(*one, files) for one in zip(members, mixture.temperatures, strict=True)],
        "features": problem.rows.names,
        "feature_schema": schema_digest(problem.rows.names),
        "label": problem.config.model_dump(mode="json"),
        "horizons": problem.config.horizons,
        "thresholds": problem.thresholds,
        "weights": mixture.weights,
        "tempering": asdict(mixture.tempering),
        "sets": None if mixture.sets is None else asdict(mixture.sets),
        **_worth(report, judged_as),
        "data": _trained_on(problem, instruments).model_dump(mode="json"),
        "versions": {"msray": msray.__version__, "torch": version("torch")},
    }
    return Package(words=_known(words), files=files)


def restored(model: Model, member: str) -> StepNetwork | WindowNetwork:
    """A member's network itself, to be trained on or looked into; ready to answer.

    Raises
    ------
    UnknownNameError
        If the model has no such member.
    """
    known = {one.name: one for one in model.record.members}
    if member not in known:
        raise UnknownNameError("member", member, known)
    said = known[member]
    config = said.network_config
    network = committee(config, [make_network(said.network, config) for _ in said.seeds])
    network.load_state_dict(safetensors.torch.load(model.weights[member]))
    return network.eval()


def _packed(member: TrainedMember, temperature: tuple[float, ...], files: dict[str, bytes]) -> dict[str, Any]:
    """What the record says of a member; its files are added."""
    onnx, weights = f"{member.name}.onnx", f"{member.name}.safetensors"
    mine = {onnx: to_onnx(member.network), weights: safetensors.torch.save(member.network.state_dict())}
    inputs, outputs = interface_of(mine[onnx], Path(onnx))
    files |= mine
    return {
        "name": member.name,
        "network": member.network_name,
        "config": member.config.model_dump(mode="json"),
        "seeds": member.seeds,
        "temperature": temperature,
        "inputs": inputs,
        "outputs": outputs,
        "training": member.training.model_dump(mode="json"),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in mine.items()},
    }


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
