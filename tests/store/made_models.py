"""Models for the registry: networks as they were drawn, judged on rows drawn from a seed."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msray.models.catalog import CATALOG, make_network
from msray.models.committee import committee
from msray.models.conformal import ConformalSets
from msray.models.mixture import Mixture
from msray.models.tempering import Tempering
from msray.models.trees import BoostedTrees
from msray.store.model_files import Package
from msray.store.model_package import TrainedMember, pack
from msray.store.registry import Registry
from msray.training.config import TrainingConfig
from msray.training.fit import Problem
from msray.training.judging import ModelReport, Said, judge
from tests.models.made import plant_some
from tests.training.made import a_problem, some_rows

NAMES = ("imbalance_l1", "spread_bps", "imbalance_l5", "microprice_offset_bps")
INSTRUMENTS = ("binance_usdm:BTCUSDT", "binance_spot:BTCUSDT")
NOW_NS = 1_723_161_256_000_000_000
SETS = ConformalSets(coverage=0.9, least_chance=((0.1, 0.2, 0.3),) * 2)
SMALL: dict[str, dict[str, Any]] = {
    "gru": {"cells": 8},
    "boosted": {"trees": 4, "leaves": 5},
    "local_attention": {"width": 8, "heads": 2, "layers": 2, "reach": 4},
    "bin_ctabl": {"window": 5, "steps": (4, 3), "hidden": (8, 8)},
    "deep_lob": {"window": 12, "channels": 4, "branches": 4, "cells": 4},
}


@functools.cache
def the_problem() -> Problem:
    """Rows with features of the catalogue."""
    return a_problem(dataclasses.replace(some_rows(), names=NAMES))


@functools.cache
def the_report() -> ModelReport:
    """One that guesses, beside the floors."""
    problem = the_problem()
    begin, end = problem.parts.test
    chances = np.random.default_rng(0).dirichlet(np.ones(3), (end - begin, 2))
    return judge(problem, problem.parts.test, {"guess": Said(classes=chances.argmax(axis=2), chances=chances)})


def a_member(name: str = "gru", seed: int = 0, seeds: int = 1) -> TrainedMember:
    """Networks that have learned nothing."""
    config = CATALOG[name].config.model_validate({"features": 4, "horizons": 2, **SMALL.get(name, {})})
    networks = []
    for number in range(seeds):
        torch.manual_seed(seed + number)
        networks.append(make_network(name, config).eval())
        if isinstance(networks[-1], BoostedTrees):
            plant_some(networks[-1], seed + number)
        networks[-1].scale_by(torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([1.0, 2.0, 3.0, 0.1]))
    return TrainedMember(
        name=name,
        network_name=name,
        config=config,
        seeds=tuple(range(7, 7 + seeds)),
        training=TrainingConfig(seed=7),
        network=committee(config, networks).eval(),
    )


def a_mixture(*names: str) -> Mixture:
    """Members of equal weight."""
    return Mixture(
        members=names,
        temperatures=((1.5, 1 / 3),) * len(names),
        weights=((1 / len(names),) * len(names),) * 2,
        tempering=Tempering(temperature=(1.0, 1.0), bias=((0.1, 0.0, -0.1),) * 2),
        sets=SETS,
    )


def packed(*members: TrainedMember) -> Package:
    """With all that is known of it."""
    mixture = a_mixture(*(one.name for one in members))
    return pack(members, mixture, the_problem(), the_report(), judged_as="guess", instruments=INSTRUMENTS)


@functools.cache
def a_package(name: str = "gru", seed: int = 0) -> Package:
    """The same each time."""
    return packed(a_member(name, seed))


@functools.cache
def an_ensemble() -> Package:
    """Of two that are stepped, one of them with three seeds, and one over windows."""
    return packed(a_member("gru", seeds=3), a_member("local_attention"), a_member("bin_ctabl", seeds=2))


def a_registry(folder: Path, versions: int = 3) -> Registry:
    """With so many versions of ``gru``."""
    registry = Registry(folder / "models")
    for number in range(versions):
        registry.publish("gru", a_package(), now_ns=NOW_NS + number)
    return registry
