"""Networks and rows for tests, drawn from a seed."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from msray.models.catalog import CATALOG, make_network
from msray.models.config import NetworkConfig
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.trees import BoostedTrees, Tree

torch.set_num_threads(1)  # of small networks the threads would only wait for each other
FEATURES, HORIZONS = 8, 2
CAUSAL = tuple(name for name, entry in CATALOG.items() if entry.is_causal)
WINDOWED = tuple(name for name in CATALOG if name not in CAUSAL)
_SMALL: dict[str, dict[str, Any]] = {
    "boosted": {"trees": 5, "leaves": 6},
    "directional": {"cells": 16, "window": 12},
    "lstm": {"cells": 16, "window": 12},
    "transformer": {"window": 12},
    "deep_lob": {"window": 12, "channels": 8},
    "dual_attention": {"window": 12, "width": 16, "layers": 2},
    "mixer": {"window": 12, "width": 16, "layers": 2},
}


def a_config(name: str, **chosen: Any) -> NetworkConfig:
    """One of the catalogue, small."""
    return CATALOG[name].config(**{"features": FEATURES, "horizons": HORIZONS, **_SMALL.get(name, {}), **chosen})


def a_network(name: str, *, seed: int = 7, **chosen: Any) -> StepNetwork | WindowNetwork:
    """The same, ready to answer."""
    torch.manual_seed(seed)
    network = make_network(name, a_config(name, **chosen)).eval()
    if isinstance(network, BoostedTrees):
        plant_some(network, seed)
    return network


def some_rows(network: StepNetwork | WindowNetwork, batch: int = 3, time: int = 50) -> Tensor:
    """Rows as a network takes them."""
    rows = network.window if isinstance(network, WindowNetwork) else time
    return torch.randn(batch, rows, FEATURES, generator=torch.Generator().manual_seed(1))


def plant_some(network: BoostedTrees, seed: int) -> None:
    """Trees of any shape: some have no split at all, the last round has trees of one class alone."""
    rng, config = np.random.default_rng(seed), network.config
    trees = {
        (number, horizon, label): a_tree(rng, config.features, int(rng.integers(config.leaves)))
        for number in range(config.trees - 1)
        for horizon in range(config.horizons)
        for label in range(config.classes)
        if number < config.trees - 2 or label == 1
    }
    network.plant(rng.normal(size=(config.horizons, config.classes)), trees)


def a_tree(rng: np.random.Generator, features: int, splits: int) -> Tree:
    """With so many splits, each of a leaf drawn from those there are."""
    nodes = 2 * splits + 1
    left = np.arange(nodes)
    right = left.copy()
    leaves = [0]
    for first in range(1, nodes, 2):
        split = leaves.pop(int(rng.integers(len(leaves))))
        left[split], right[split] = first, first + 1
        leaves += [first, first + 1]
    return Tree(
        feature=rng.integers(features, size=nodes),
        threshold=rng.normal(size=nodes).astype(np.float32),
        left=left,
        right=right,
        value=rng.normal(size=nodes).astype(np.float32),
    )
