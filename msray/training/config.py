"""What is trained: features, labels, parts, and models; the section ``train`` of a configuration."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from msray.errors import UsageError
from msray.features import BOOK_COLUMNS, NAMES, NETWORK_COLUMNS, column
from msray.models.catalog import CATALOG, entry
from msray.models.config import NetworkConfig

_UNLIKE_ELSEWHERE = ("mid_price", "microprice", "feed_latency_ms")
DEFAULT_FEATURES = tuple(dict.fromkeys((*NETWORK_COLUMNS, *(one for one in NAMES if one not in _UNLIKE_ELSEWHERE))))
"""All but levels of price, and how far away the recorder was: neither means the same on another day."""
GROUPS = {"all": DEFAULT_FEATURES, "network": NETWORK_COLUMNS, "book": BOOK_COLUMNS}
"""Features that are named together."""
IMBALANCES = ({"imbalance_l1"}, {"bid_size_log_l1", "ask_size_log_l1"})
"""Features that tell what is bid and offered at the best prices: one of these sets is enough."""


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class LabelConfig(_Words):
    """What is to be predicted.

    Examples
    --------
    >>> LabelConfig(horizons=(10, 50)).family
    'next_mean_over_mid'
    """

    family: Literal[
        "next_mean_over_mid", "later_mid_over_mid", "next_mean_over_last_mean", "later_mean_over_last_mean"
    ] = "next_mean_over_mid"
    """What is compared with what; see :mod:`msray.labels`. With ``..._over_last_mean`` much of a label is known before:
    look at the rule ``persistence`` beside any model."""
    horizons: Annotated[tuple[Annotated[int, Field(ge=1, le=100_000)], ...], Field(min_length=1, max_length=64)] = (
        10,
        50,
        100,
    )
    """Rows to look ahead, rising."""
    smoothing: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Rows of the means of ``later_mean_over_last_mean``; at most the first horizon."""
    threshold_pct: Annotated[float, Field(ge=0, lt=0.5)] | None = None
    """Change above which a row is up (below its negative: down), a fraction; left out: for each horizon such that a
    third of the training rows is flat, as far as their changes allow."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if list(self.horizons) != sorted(set(self.horizons)):
            raise ValueError(f"horizons must rise, got {self.horizons}")
        if self.smoothing > self.horizons[0]:
            raise ValueError(f"smoothing must be at most the first horizon, {self.horizons[0]}, got {self.smoothing}")
        return self


class LossWeights(_Words):
    """Weights of the losses that are added up; 0: left out."""

    cross_entropy: Annotated[float, Field(ge=0, le=1e3)] = 1.0
    """Surprise at the true classes."""
    mse: Annotated[float, Field(ge=0, le=1e3)] = 0.0
    """Squared distance of the direction from the change."""
    directional: Annotated[float, Field(ge=0, le=1e3)] = 0.0
    """Wrong directions, more where the move is larger."""
    sharpe: Annotated[float, Field(ge=0, le=1e3)] = 0.0
    """Minus the Sharpe ratio of following the direction; for causal networks."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not any(self.chosen.values()):
            raise ValueError("at least one loss must have a weight above 0")
        return self

    @property
    def chosen(self) -> dict[str, float]:
        """Those with a weight."""
        return {name: weight for name, weight in self.model_dump().items() if weight > 0}


class TrainingConfig(_Words):
    """How a network is trained.

    Examples
    --------
    >>> TrainingConfig(epochs=3).learning_rate
    0.003
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Times that all is gone through, at most."""
    patience: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Epochs without a better one after which training stops."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    """Highest one: it rises to it and falls to nothing (one cycle)."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-2
    """Of AdamW."""
    clip_norm: Annotated[float, Field(gt=0, le=1e3)] = 1.0
    """Longest step of the gradient."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Share of the running mean of parameters (EMA) that each step leaves; what is judged and kept is the mean."""
    input_noise: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Deviation of what is added to each feature, in its own widths."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Share of certainty that is taken from each label."""
    losses: LossWeights = LossWeights()
    """What is made small."""
    chunk: Annotated[int, Field(ge=2, le=65_536)] = 256
    """Rows that a causal network is shown at once."""
    warm_up: Annotated[int, Field(ge=0, le=65_535)] = 50
    """First rows of them whose answers do not count."""
    chunks: Annotated[int, Field(ge=1, le=4096)] = 16
    """Such chunks in a step."""
    windows: Annotated[int, Field(ge=1, le=65_536)] = 256
    """Windows in a step, for networks over windows."""
    stride: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Every so many rows a window ends that is learned from, or that is judged behind an epoch: neighbours say nearly
    the same, and large networks over windows take hours for all of them. What judges at the end is every row."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs; auto: on a GPU if there is one."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of everything random."""

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if self.warm_up >= self.chunk:
            raise ValueError(f"warm_up must be below chunk, {self.chunk}, got {self.warm_up}")
        return self


class ModelConfig(_Words):
    """One model, and how it is trained.

    Examples
    --------
    >>> ModelConfig(name="gru", network={"cells": 32}).made(features=4, horizons=2).cells
    32
    """

    name: str
    """In the catalogue: gru, tcn, local_attention, boosted, linear, lstm, directional, transformer, bin_ctabl,
    deep_lob, dual_attention, mixer."""
    network: dict[str, Any] = {}
    """What is chosen of it; the rest has its defaults."""
    training: TrainingConfig = TrainingConfig()
    """How it is trained."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings that differ in their seed alone, from that of ``training`` on; together they are one model."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.name not in CATALOG:
            raise ValueError(f"name must be one of {', '.join(CATALOG)}, got {self.name}")
        if {"features", "horizons", "classes"} & set(self.network):
            raise ValueError("network must not say features, horizons or classes: they follow from what is learned")
        try:
            self.made(features=4, horizons=1)
        except ValidationError as error:
            one = error.errors()[0]
            raise ValueError(f"network.{'.'.join(map(str, one['loc']))}: {one['msg']}") from error
        return self

    def made(self, *, features: int, horizons: int) -> NetworkConfig:
        """The network's whole configuration."""
        return entry(self.name).config.model_validate({**self.network, "features": features, "horizons": horizons})


def _with_zone(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


class PartsConfig(_Words):
    """Which rows are learned from, which choose, and which judge: in this order of time.

    Examples
    --------
    >>> PartsConfig(train_until="2025-06-05T12:00Z", valid_until="2025-06-06T12:00Z").train_until.hour
    12
    """

    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Of all rows; unless times are given."""
    train_until: Annotated[datetime, AfterValidator(_with_zone)] | None = None
    """Exchange time before which rows are learned from; UTC where no zone is said."""
    valid_until: Annotated[datetime, AfterValidator(_with_zone)] | None = None
    """Exchange time before which later ones choose; those behind it judge."""
    judgements: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Walk-forward folds, each of which ends where the next one begins to judge. The last one's models are kept. What
    was searched by `msray tune --target model` was chosen by rows that the fold before the last is judged by."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1.0) > 1e-9:
            raise ValueError(f"shares must be positive and sum to 1, got {self.shares}")
        first, second = self.train_until, self.valid_until
        if (first is None) != (second is None):
            raise ValueError("train_until and valid_until must be given together")
        if first is not None and second is not None and first >= second:
            raise ValueError(f"train_until must be before valid_until, got {first} and {second}")
        if self.judgements > 1 and first is not None:
            raise ValueError("judgements must be 1 where times are given: more of them follow from shares")
        most = math.ceil(round(self.shares[0] / self.shares[2], 9))
        if self.judgements > most:
            raise ValueError(f"judgements must be at most {most} with shares {self.shares}, got {self.judgements}")
        return self


class TrainConfig(_Words):
    """What is trained.

    Examples
    --------
    >>> [model.name for model in TrainConfig().models]
    ['gru']
    """

    features: Annotated[tuple[str, ...], Field(min_length=1, max_length=512)] = ("all",)
    """What is learned from: names that `msray features` lists, or of groups. all: the 129 that mean the same on another
    day; network: of these, all levels of the book and what the last rows did to them; book: of these, prices and sizes
    of the levels, which alone deep_lob can take."""
    labels: LabelConfig = LabelConfig()
    """What is to be predicted."""
    parts: PartsConfig = PartsConfig()
    """Which rows are learned from, which choose, and which judge."""
    coverage: Annotated[float, Field(ge=0.5, lt=1)] = 0.9
    """Share of rows whose set of possible classes is to hold the true one."""
    models: Annotated[tuple[ModelConfig, ...], Field(min_length=1, max_length=64)] = (ModelConfig(name="gru", seeds=3),)
    """What is trained, all on the same rows."""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        try:
            for name in self.columns:
                column(name)
        except UsageError as error:
            raise PydanticCustomError("feature", "{message}", {"message": str(error), "hint": error.hint}) from error
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("features must differ from each other")
        if not any(some <= set(self.columns) for some in IMBALANCES):
            raise ValueError(
                "features must have imbalance_l1, or bid_size_log_l1 and ask_size_log_l1: a rival needs it"
            )
        if len({model.name for model in self.models}) < len(self.models):
            raise ValueError("models must differ in their names")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, one by one.

        Examples
        --------
        >>> TrainConfig(features=("book", "imbalance_l5")).columns[-2:]
        ('bid_size_log_l10', 'imbalance_l5')
        """
        return tuple(one for name in self.features for one in GROUPS.get(name, (name,)))
