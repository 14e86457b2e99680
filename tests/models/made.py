"""Networks and rows for tests, drawn from a seed."""

from typing import Any

import torch
from torch import Tensor

from msray.models.catalog import CATALOG, make_network
from msray.models.network import StepNetwork, WindowNetwork

torch.set_num_threads(1)  # of small networks the threads would only wait for each other
FEATURES, HORIZONS = 8, 2
CAUSAL = tuple(name for name, entry in CATALOG.items() if entry.is_causal)
WINDOWED = tuple(name for name in CATALOG if name not in CAUSAL)
_SMALL: dict[str, dict[str, Any]] = {
    "directional": {"cells": 16, "window": 12},
    "lstm": {"cells": 16, "window": 12},
    "transformer": {"window": 12},
    "deep_lob": {"window": 12, "channels": 8},
    "dual_attention": {"window": 12, "width": 16, "layers": 2},
    "mixer": {"window": 12, "width": 16, "layers": 2},
}


def a_network(name: str, **chosen: Any) -> StepNetwork | WindowNetwork:
    """One of the catalogue, small, ready to answer."""
    torch.manual_seed(7)
    words = {"features": FEATURES, "horizons": HORIZONS, **_SMALL.get(name, {}), **chosen}
    return make_network(name, CATALOG[name].config(**words)).eval()


def some_rows(network: StepNetwork | WindowNetwork, batch: int = 3, time: int = 50) -> Tensor:
    """Rows as a network takes them."""
    rows = network.window if isinstance(network, WindowNetwork) else time
    return torch.randn(batch, rows, FEATURES, generator=torch.Generator().manual_seed(1))
