"""A small network, really trained on a synthetic market, in a registry."""

import functools
from pathlib import Path

from msray.models.catalog import CATALOG
from msray.models.conformal import ConformalSets
from msray.models.mixture import Mixture
from msray.models.tempering import untempered
from msray.prediction import Pipeline
from msray.store.model_files import Package
from msray.store.model_package import TrainedMember, pack
from msray.store.registry import Registry
from msray.training.config import LabelConfig, TrainingConfig
from msray.training.fit import fit, make_problem
from msray.training.judging import Said, judge
from msray.training.parts import by_share
from msray.training.rows import RowRecorder
from tests.prediction.made import BTC, NEVER_CALIBRATED, START_NS, market_events, run

FEATURES = ("imbalance_l1", "imbalance_l5", "microprice_offset_bps", "return_1s")
HORIZONS = (2, 5)
_ONES = (1.0,) * len(HORIZONS)


_NETWORKS = {"gru": {"cells": 4}, "bin_ctabl": {"window": 5, "steps": (4, 3), "hidden": (8, 8)}}


@functools.cache
def a_trained_package(seed: int = 3, name: str = "gru") -> Package:
    """A small network after a dozen epochs; it is sure of whatever is likelier than a third."""
    recorder = RowRecorder(FEATURES)
    run(Pipeline([BTC], NEVER_CALIBRATED, sink=lambda _: recorder), market_events([BTC], seconds=120, seed=4))
    rows = recorder.take()
    problem = make_problem(rows, LabelConfig(horizons=HORIZONS), by_share(len(rows)))
    config = CATALOG[name].config.model_validate(
        {"features": len(FEATURES), "horizons": len(HORIZONS), **_NETWORKS[name]}
    )
    training = TrainingConfig(
        epochs=12, patience=12, seed=seed, device="cpu", chunk=32, warm_up=4, chunks=4, learning_rate=0.02
    )
    fitted = fit(problem, name, config, training)
    mixture = Mixture(
        members=(name,),
        temperatures=(_ONES,),
        weights=((1.0,),) * len(HORIZONS),
        tempering=untempered(len(HORIZONS)),
        sets=ConformalSets(coverage=0.9, least_chance=((0.34,) * 3,) * len(HORIZONS)),
    )
    scores = {name: fitted.scores(problem, problem.parts.test)}
    said = Said.by(mixture, scores)
    report = judge(problem, problem.parts.test, {name: said})
    member = TrainedMember(
        name=name, network_name=name, config=config, seeds=(seed,), training=training, network=fitted.network
    )
    return pack([member], mixture, problem, report, judged_as=name, instruments=[BTC.id])


def a_trained_registry(folder: Path, seed: int = 3, name: str = "gru") -> Registry:
    """With ``small:1``, in production."""
    registry = Registry(folder)
    registry.publish("small", a_trained_package(seed, name), now_ns=START_NS)
    registry.promote("small", 1, now_ns=START_NS)
    return registry
