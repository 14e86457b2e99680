"""What a search of models may choose: parameters of a network and of its training, ``network.cells`` among them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msray.errors import UsageError
from msray.models.catalog import entry
from msray.training.config import ModelConfig
from msray.tuning.space import Axis, Parameters, SearchSpace

_TRAINING = {
    "training.learning_rate": Axis(low=3e-4, high=2e-2, log=True),
    "training.weight_decay": Axis(low=1e-4, high=0.3, log=True),
    "training.input_noise": Axis(low=0.0, high=0.3),
    "training.label_smoothing": Axis(low=0.0, high=0.1),
}
_NETWORKS: Mapping[str, SearchSpace] = {
    "gru": {"network.cells": Axis(choices=(16, 32, 64, 96, 128)), "network.layers": Axis(choices=(1, 2))},
    "tcn": {"network.channels": Axis(choices=(16, 32, 64, 96)), "network.layers": Axis(low=3, high=8, whole=True)},
    "boosted": {
        "network.leaves": Axis(low=4, high=32, log=True, whole=True),
        "network.learning_rate": Axis(low=0.02, high=0.2, log=True),
        "network.least_rows": Axis(low=20, high=1000, log=True, whole=True),
        "network.share_of_features": Axis(low=0.1, high=1.0),
    },
    "local_attention": {"network.width": Axis(choices=(32, 64, 96)), "network.reach": Axis(choices=(8, 16, 32, 64))},
}
_DROPOUT = {"network.dropout": Axis(low=0.0, high=0.5)}


class ModelTuneConfig(BaseModel):
    """The section ``tune_model`` of a configuration.

    Examples
    --------
    >>> ModelTuneConfig(space={"network.cells": {"choices": [32, 64]}}).trials
    50
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    trials: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Sets of parameters that are tried."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 6
    """Of each; what does worse than others after one, or three, is given up."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Of the rows that are learned from: the last of each instrument's."""
    prunes: bool = True
    """Whether a set of parameters is given up if two thirds of the others were better after as many epochs."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the search."""
    space: Annotated[dict[str, Axis], Field(max_length=32)] = {}
    """What may be chosen: network.cells: {choices: [32, 64]}, training.learning_rate: {low: 0.001, high: 0.01, log:
    true}. Left out: what is usual for the model."""


def model_space(model: ModelConfig, said: SearchSpace) -> SearchSpace:
    """What is searched of a model: what was said, else what is usual.

    Raises
    ------
    UsageError
        If a parameter is none of the model's, or one of its ends cannot be.

    Examples
    --------
    >>> sorted(model_space(ModelConfig(name="linear"), {}))[:2]
    ['training.input_noise', 'training.label_smoothing']
    """
    drops = _DROPOUT if "dropout" in entry(model.name).config.model_fields else {}
    trains = {} if model.name == "boosted" else _TRAINING  # trees have no steps
    space = dict(said) or {**_NETWORKS.get(model.name, {}), **drops, **trains}
    for name, axis in space.items():
        if name == "training.epochs" or name == "training.seed":
            raise UsageError(f"{name} cannot be searched", hint="tune_model.epochs and tune_model.seed say it")
        for value in axis.ends:
            having(model, {name: value})
    return space


def having(model: ModelConfig, parameters: Parameters) -> ModelConfig:
    """The model with some parameters.

    Raises
    ------
    UsageError
        If there is no such parameter, or it cannot be so.

    Examples
    --------
    >>> having(ModelConfig(name="gru"), {"network.cells": 32, "training.weight_decay": 0.1}).network
    {'cells': 32}
    """
    tree: dict[str, Any] = model.model_dump()
    for name, value in parameters.items():
        section, _, key = name.partition(".")
        if section not in ("network", "training") or not key:
            raise UsageError(f"parameters must be network.NAME or training.NAME, got {name}")
        tree[section][key] = value
    try:
        return ModelConfig.model_validate(tree)
    except ValidationError as error:
        one = error.errors()[0]
        what = one["msg"].removeprefix("Value error, ")
        raise UsageError(f"{', '.join(parameters)}: {what}") from error
