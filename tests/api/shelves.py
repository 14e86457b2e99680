"""A shelf of small models, and questions for them."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from msray.api.model_shelf import Meant, Taken
from msray.api.models import Worth
from msray.errors import UnknownNameError
from msray.prediction import ServedModel
from msray.store.sealed import ModelRefusedError
from tests.prediction.served import FEATURES, HORIZONS, a_model

A_WORTH = tuple(
    Worth(
        horizon=horizon,
        threshold=0.00001,
        rows=100,
        macro_f1=0.5,
        macro_f1_low=0.45,
        macro_f1_high=0.55,
        weighted_f1=0.5,
        mcc=0.2,
        accuracy=0.5,
        ece=None,
        directional={},
        floor="majority",
        floor_macro_f1=0.2,
        lead=0.3,
        lead_low=0.25,
        lead_high=0.35,
    )
    for horizon in HORIZONS
)


class MadeShelf:
    """Models by words, any of which can be refused."""

    def __init__(self, **models: ServedModel) -> None:
        self.models: dict[str, ServedModel] = models
        self.refused: set[str] = set()
        self.taken = 0

    def meant(self, words: str) -> Meant:
        if words not in self.models:
            raise UnknownNameError("model", words, self.models)
        served = self.models[words]
        return Meant(name=served.name, version=served.version, alias="production", digest=served.digest)

    def take(self, meant: Meant) -> Taken:
        self.taken += 1
        if meant.digest in self.refused:
            raise ModelRefusedError(f"models/{meant.name}/{meant.version}/gru.onnx must have another sha256")
        (served,) = (one for one in self.models.values() if one.digest == meant.digest)
        return Taken(served=served, worth=A_WORTH)


def a_shelf() -> MadeShelf:
    """``small`` is of two networks, one of which looks at windows of ten rows; ``flat`` of one over twelve rows."""
    return MadeShelf(small=small(), flat=_flat())


@functools.cache
def small(version: int = 1) -> ServedModel:
    """A version of ``small``."""
    return a_model("gru", "bin_ctabl", version=version, seed=version)


@functools.cache
def _flat() -> ServedModel:
    return replace(a_model("lstm", seed=1000), name="flat")


def some_windows(count: int = 1, rows: int = 12, seed: int = 0) -> Any:
    """As JSON; a few values are not known."""
    values = np.random.default_rng(seed).normal(size=(count, rows, len(FEATURES))).round(4).tolist()
    values[0][0][1] = None
    return values
