"""What is trained: features, labels, parts, and models; the section ``train`` of a configuration."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from msray.features import NAMES, column
from msray.models.catalog import CATALOG, entry
from msray.models.config import NetworkConfig
from msray.training.floors import IMBALANCES
from msray.training.labels import LabelConfig
from msray.training.loop import TrainingConfig

_LEVELS_OF_PRICE = ("mid_price", "microprice", "feed_latency_ms")
DEFAULT_FEATURES = tuple(name for name in NAMES if name not in _LEVELS_OF_PRICE)
"""All but what is a level of price, or says how far away the recorder was: neither means the same on another day."""


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class ModelConfig(_Words):
    """One model, and how it is trained.

    Examples
    --------
    >>> ModelConfig(name="gru", network={"cells": 32}).made(features=4, horizons=2).cells
    32
    """

    name: str
    """In the catalogue: gru, tcn, local_attention, linear, lstm, directional, transformer, bin_ctabl, deep_lob,
    dual_attention, mixer."""
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


class TrainConfig(_Words):
    """What is trained.

    Examples
    --------
    >>> [model.name for model in TrainConfig().models]
    ['gru']
    """

    features: Annotated[tuple[str, ...], Field(min_length=1, max_length=512)] = DEFAULT_FEATURES
    """What is learned from."""
    labels: LabelConfig = LabelConfig()
    """What is to be predicted."""
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Parts of the time that are learned from, that choose, and that judge, in this order."""
    models: Annotated[tuple[ModelConfig, ...], Field(min_length=1, max_length=64)] = (ModelConfig(name="gru", seeds=3),)
    """What is trained, all on the same rows."""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for name in self.features:
            column(name)
        if len(set(self.features)) < len(self.features):
            raise ValueError("features must differ from each other")
        if not any(some <= set(self.features) for some in IMBALANCES):
            raise ValueError(
                "features must have imbalance_l1, or bid_size_log_l1 and ask_size_log_l1: a rival needs it"
            )
        if len({model.name for model in self.models}) < len(self.models):
            raise ValueError("models must differ in their names")
        return self
