"""Rows with something to be found in them, drawn from a seed."""

import dataclasses
import functools

import numpy as np
import torch

from msray.training.config import LabelConfig, ModelConfig, TrainConfig, TrainingConfig
from msray.training.fit import Problem, make_problem, pose
from msray.training.jobs import make_jobs, run_serially
from msray.training.parts import by_share
from msray.training.report import TrainReport, make_report
from msray.training.rows import TrainingRows

torch.set_num_threads(1)
CONFIG = LabelConfig(horizons=(2, 5))


def some_rows(count: int = 1200, *, starts: tuple[int, ...] = (0, 500), seed: int = 0) -> TrainingRows:
    """A mid that is pushed by a pressure which the first feature shows with noise; three more mean nothing."""
    rng = np.random.default_rng(seed)
    pressure = np.zeros(count)
    for at in range(1, count):
        pressure[at] = 0.9 * pressure[at - 1] + rng.normal()
    moves = np.rint(2.0 * pressure + rng.normal(size=count)).astype(np.int64)
    values = np.column_stack([np.roll(pressure, -1) + 0.3 * rng.normal(size=count), rng.normal(size=(count, 3))])
    values[rng.random(values.shape) < 0.02] = np.nan
    return TrainingRows(
        names=("imbalance_l1", "a", "b", "c"),
        values=values.astype(np.float32),
        mid=20_000 + np.cumsum(moves),
        event_ns=np.arange(count, dtype=np.int64) * 1_000,
        starts=np.array(starts),
    )


def a_problem(rows: TrainingRows | None = None) -> Problem:
    """The rows, labelled and parted."""
    rows = rows or some_rows()
    return make_problem(rows, CONFIG, by_share(len(rows)))


QUICK = TrainingConfig(epochs=3, chunk=64, warm_up=8, chunks=4, average=0.8, learning_rate=0.03, device="cpu")
TRAINED = TrainConfig(
    features=("imbalance_l1", "ask_price_bps_l1"),
    labels=CONFIG,
    models=(
        ModelConfig(name="gru", network={"cells": 8}, training=QUICK, seeds=2),
        ModelConfig(name="lstm", network={"cells": 4, "layers": 1, "window": 5}, training=QUICK),
    ),
)


def known_rows(count: int = 1200, seed: int = 0) -> TrainingRows:
    """The same rows, with the features of ``TRAINED``."""
    rows = some_rows(count, starts=(0, 500) if count > 500 else (0,), seed=seed)
    values = np.column_stack([rows.values[:, 0], np.full(count, 2.5, np.float32)])
    return dataclasses.replace(rows, names=TRAINED.features, values=values)


@functools.cache
def a_report() -> TrainReport:
    """Two models, trained on them one after the other."""
    problem, done = pose(TRAINED, [known_rows()]), []
    run_serially(problem, make_jobs(TRAINED), done.append)
    return make_report(TRAINED, ["binance_usdm:BTCUSDT"], problem, done)
