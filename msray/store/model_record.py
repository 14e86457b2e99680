"""``ModelRecord``: all that is known of a model of the registry, as its ``model.json`` says it. It needs no torch."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from msray.errors import UsageError
from msray.features import schema_digest
from msray.models.catalog import entry
from msray.models.config import NetworkConfig, WindowConfig
from msray.models.conformal import ConformalSets
from msray.models.mixture import Mixture
from msray.models.tempering import Tempering
from msray.store.sealed import ModelRefusedError, unseal
from msray.training.config import LabelConfig

SCHEMA = "msray.model/2"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Version = Annotated[int, Field(ge=1, le=10**9)]
Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
_ROUNDING = 1e-6
Shape = tuple[int | None, ...]
"""Of a tensor; None where any number is right, as for the streams or windows at once, which come first."""


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Span(_Said):
    """Rows of one part."""

    first_ns: Nanoseconds
    """Exchange time of the earliest of them."""
    last_ns: Nanoseconds
    """Of the latest."""
    rows: Annotated[int, Field(ge=1)]
    """How many."""


class TrainedOn(_Said):
    """Which rows a model comes from."""

    instruments: Annotated[tuple[str, ...], Field(min_length=1)]
    """``venue:SYMBOL`` of each."""
    train: Span
    """What was learned from."""
    valid: Span
    """What stopped training, and tempered."""
    test: Span | None
    """What judged."""
    digest: Sha256
    """Of the rows themselves: features, prices, times, stretches."""


class Figure(_Said):
    """One model, or rule without a network, at one horizon; see :class:`msray.training.judging.Figures`."""

    name: str
    horizon: int
    is_floor: bool
    rows: int
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    weighted_f1: float
    mcc: float | None
    accuracy: float
    directional: dict[str, dict[str, float | None]]
    ece: float | None


class Lead(_Said):
    """How much better the model is than a rule, on the same rows; see :class:`msray.training.judging.Difference`."""

    floor: str
    horizon: int
    macro_f1: float
    low: float
    high: float


class Member(_Said):
    """A network of a model: one ONNX file, in which the networks of all its seeds are one."""

    name: Name
    """In this model; its files are called so."""
    network: str
    """Name in :data:`msray.models.catalog.CATALOG`."""
    config: dict[str, Any]
    """What was chosen of it."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    """Of everything random in its trainings; where there are several, their mean score is its score."""
    temperature: tuple[float, ...]
    """Of each horizon: its scores are divided by it."""
    inputs: dict[str, Shape]
    """Of its ONNX file; a network that is stepped begins with zeros in each ``memory_i``."""
    outputs: dict[str, Shape]
    """Likewise."""
    training: dict[str, Any]
    """:class:`~msray.training.config.TrainingConfig`."""
    sha256: dict[str, Sha256]
    """Of each of its files."""

    @property
    def onnx_file(self) -> str:
        """What is served."""
        return f"{self.name}.onnx"

    @property
    def weights_file(self) -> str:
        """What training goes on from."""
        return f"{self.name}.safetensors"

    @property
    def is_stepped(self) -> bool:
        """Whether it takes row after row with its memory, not a window."""
        return entry(self.network).is_causal

    @property
    def network_config(self) -> NetworkConfig:
        """What was chosen of the network."""
        return entry(self.network).config.model_validate(self.config)


class ModelRecord(_Said):
    """What ``model.json`` says."""

    schema_name: Annotated[Literal["msray.model/2"], Field(alias="schema")]
    """Of this document."""
    name: Name
    """In the registry."""
    version: Version
    """1, 2, 3 ... of each name."""
    made_ns: Nanoseconds
    """When it came into the registry."""
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    """The networks that it is made of."""
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    """Of a row, in order."""
    feature_schema: Sha256
    """What they mean: :func:`msray.features.schema_digest`."""
    label: dict[str, Any]
    """What is predicted: :class:`~msray.training.config.LabelConfig`."""
    horizons: Annotated[tuple[int, ...], Field(min_length=1)]
    """Rows ahead."""
    thresholds: tuple[float, ...]
    """Of each horizon: a larger change is up, a lower one than its negative is down."""
    weights: tuple[tuple[float, ...], ...]
    """Of each horizon: a number a member, 1 in all."""
    tempering: Tempering
    """From the logarithms of what the members say together to chances and decisions."""
    sets: ConformalSets | None
    """Which classes are excluded, if that was fitted."""
    figures: Annotated[tuple[Figure, ...], Field(min_length=1)]
    """What it was worth, and what each floor was on the same rows."""
    leads: tuple[Lead, ...]
    """Its differences from each floor."""
    data: TrainedOn
    """What it was trained on."""
    versions: dict[str, str]
    """Of msray and torch that made it."""
    digest: Sha256
    """Of all of the above, so of the whole model: what says which one a prediction comes from."""

    @model_validator(mode="after")
    def _is_beside_its_floors(self) -> Self:
        for k in self.horizons:
            if sum(not one.is_floor for one in self.figures if one.horizon == k) != 1:
                raise ValueError(f"figures must show the model once at horizon {k}")
            if not self.floors_at(k):
                raise ValueError(f"figures must show the floors at horizon {k}, got none")
        floors, led = (
            {(o.name, o.horizon) for o in self.figures if o.is_floor},
            {(o.floor, o.horizon) for o in self.leads},
        )
        if floors != led:
            raise ValueError(f"leads must be over each floor, got {len(led)} over {len(floors)}")
        return self

    @model_validator(mode="after")
    def _is_a_mixture(self) -> Self:
        names = [one.name for one in self.members]
        if len(set(names)) < len(names):
            raise ValueError(f"members must differ in their names, got {', '.join(names)}")
        if any(min(row, default=0.0) < 0 or abs(sum(row) - 1.0) > _ROUNDING for row in self.weights):
            raise ValueError("weights must be 0 or more, and 1 in all, at each horizon")
        return self

    @property
    def mixture(self) -> Mixture:
        """From the scores of its members to what it says."""
        return Mixture(
            members=tuple(one.name for one in self.members),
            temperatures=tuple(one.temperature for one in self.members),
            weights=self.weights,
            tempering=self.tempering,
            sets=self.sets,
        )

    @property
    def label_config(self) -> LabelConfig:
        """What is predicted."""
        return LabelConfig.model_validate(self.label)

    def figure_at(self, horizon: int) -> Figure:
        """What it is worth at one of its horizons."""
        return next(one for one in self.figures if one.horizon == horizon and not one.is_floor)

    def floors_at(self, horizon: int) -> tuple[Figure, ...]:
        """What the floors are worth there, the best first."""
        floors = (one for one in self.figures if one.horizon == horizon and one.is_floor)
        return tuple(sorted(floors, key=lambda one: -one.macro_f1))

    def lead_at(self, horizon: int) -> Lead:
        """How much better it is than the best floor there."""
        best = self.floors_at(horizon)[0].name
        return next(one for one in self.leads if one.horizon == horizon and one.floor == best)


def parse_record(data: bytes, file: Path) -> ModelRecord:
    """What a ``model.json`` says.

    Raises
    ------
    ModelRefusedError
        If it is not as it was written, or shows no floors.
    """
    tree = unseal(data, file, SCHEMA)
    try:
        return ModelRecord.model_validate(tree)
    except ValidationError as error:
        raise ModelRefusedError(f"{file}: {first_mistake(error)}") from error


def check_servable(record: ModelRecord, file: Path) -> None:
    """Refuse a model that this msray cannot feed: other features, an unknown network, parts that do not fit.

    Raises
    ------
    ModelRefusedError
        Naming file, what is expected and what it says.
    """
    hint = f"it was made by msray {record.versions.get('msray', 'of no version')}: train it anew"
    try:
        expectations = [*_of_whole(record), *(one for member in record.members for one in _of_member(record, member))]
    except UsageError as error:
        raise ModelRefusedError(f"{file}: {error}", hint=hint) from error
    except ValidationError as error:
        raise ModelRefusedError(f"{file}: {first_mistake(error)}", hint=hint) from error
    for what, expected, got in expectations:
        if expected != got:
            raise ModelRefusedError(f"{file}: {what} must be {expected}, got {got}", hint=hint)
    for member in record.members:
        for name, shape, said in _tensors(record, member):
            if said is None or not is_like(said, shape):
                raise ModelRefusedError(f"{file}: {name} must be of shape {shape}, got {said}", hint=hint)


def _of_whole(record: ModelRecord) -> Iterator[tuple[str, Any, Any]]:
    """What must be, and what is."""
    yield "feature_schema", schema_digest(record.features), record.feature_schema
    count, classes = len(record.horizons), record.members[0].network_config.classes
    sets = record.sets.least_chance if record.sets else ((0.0,) * classes,) * count
    yield "label.horizons", record.horizons, record.label_config.horizons
    yield "thresholds", count, len(record.thresholds)
    yield "weights", [len(record.members)] * count, [len(one) for one in record.weights]
    yield "tempering.temperature", count, len(record.tempering.temperature)
    yield "tempering.bias", [classes] * count, [len(one) for one in record.tempering.bias]
    yield "sets.least_chance", [classes] * count, [len(one) for one in sets]


def _of_member(record: ModelRecord, member: Member) -> Iterator[tuple[str, Any, Any]]:
    config = member.network_config
    yield f"{member.name}: config.features", len(record.features), config.features
    yield f"{member.name}: config.horizons", len(record.horizons), config.horizons
    yield f"{member.name}: config.classes", record.members[0].network_config.classes, config.classes
    yield f"{member.name}: temperature", len(record.horizons), len(member.temperature)


def _tensors(record: ModelRecord, member: Member) -> Iterator[tuple[str, Shape, Shape | None]]:
    """The row or rows, and the scores: as the network has them, and as the record says."""
    config = member.network_config
    scores: Shape = (len(record.horizons), config.classes)
    if isinstance(config, WindowConfig):
        yield "rows", (None, config.window, config.features), member.inputs.get("rows")
        yield "scores", (None, 1, *scores), member.outputs.get("scores")
    else:
        yield "row", (None, config.features), member.inputs.get("row")
        yield "scores", (None, *scores), member.outputs.get("scores")


def is_like(shape: Shape, other: Shape) -> bool:
    """Whether two shapes are the same where both say a number."""
    return len(shape) == len(other) and all(
        mine is None or theirs is None or mine == theirs for mine, theirs in zip(shape, other, strict=True)
    )


def first_mistake(error: ValidationError) -> str:
    """What pydantic found, in one line."""
    first = error.errors(include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
