"""Small models for tests, drawn from a seed, as they come out of the registry."""

from collections.abc import Sequence

import torch

from msray.models.catalog import CATALOG, make_network
from msray.models.conformal import ConformalSets
from msray.models.mixture import Mixture
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.onnx import to_onnx
from msray.models.tempering import untempered
from msray.models.trees import BoostedTrees
from msray.prediction.served import ServedMember, ServedModel
from tests.models.made import plant_some

FEATURES = ("imbalance_l1", "imbalance_l5", "spread_ticks", "return_1s")
HORIZONS = (2, 5)
_SMALL = {
    "boosted": {"trees": 5, "leaves": 6},
    "gru": {"cells": 8},
    "tcn": {"channels": 8, "layers": 3},
    "local_attention": {"width": 8, "heads": 2, "layers": 1, "reach": 4},
    "linear": {},
    "bin_ctabl": {"window": 10},
    "lstm": {"cells": 8, "window": 12},
}


def mixture(*members: str, least: float) -> Mixture:
    """The mean of what members hold likely; a class is excluded below the least chance."""
    shares, ones = (1.0 / len(members),) * len(members), (1.0,) * len(HORIZONS)
    return Mixture(
        members=members,
        temperatures=(ones,) * len(members),
        weights=(shares,) * len(HORIZONS),
        tempering=untempered(len(HORIZONS)),
        sets=ConformalSets(coverage=0.9, least_chance=((least,) * 3,) * len(HORIZONS)),
    )


def network(name: str, *, features: int = len(FEATURES), seed: int = 11) -> StepNetwork | WindowNetwork:
    """One of the catalogue, small, ready to answer; what it says depends much on what it sees."""
    torch.manual_seed(seed)
    words = {"features": features, "horizons": len(HORIZONS), **_SMALL[name]}
    made = make_network(name, CATALOG[name].config(**words)).eval()
    center, width = torch.zeros(features), torch.full((features,), 0.5)
    center[:4], width[:4] = torch.tensor([0.0, 0.0, 2.0, 0.0]), torch.tensor([0.4, 0.2, 1.0, 5e-5])
    made.scale_by(center, width)
    for module in made.modules():
        if isinstance(module, torch.nn.Linear) and module.out_features == 3 * len(HORIZONS):
            torch.nn.init.zeros_(module.bias)
            module.weight.data *= 10.0
    if isinstance(made, BoostedTrees):
        plant_some(made, seed=3)
    return made


def a_model(
    *members: str,
    features: Sequence[str] = FEATURES,
    least: float = 0.34,
    version: int = 1,
    family: str = "next_mean_over_mid",
    seed: int = 11,
) -> ServedModel:
    """A model of these networks, of the catalogue."""
    networks = [network(name, features=len(features), seed=seed) for name in members]
    return ServedModel(
        name="small",
        version=version,
        digest=f"{seed:064x}",
        features=tuple(features),
        horizons=HORIZONS,
        thresholds=(0.00001, 0.00002),
        family=family,
        members=tuple(
            ServedMember(name=name, onnx=to_onnx(made), window=getattr(made, "window", None))
            for name, made in zip(members, networks, strict=True)
        ),
        mixture=mixture(*members, least=least),
    )
