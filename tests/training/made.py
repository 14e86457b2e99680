"""Rows with something to be found in them, drawn from a seed."""

import numpy as np
import torch

from msray.training.fit import Problem, make_problem
from msray.training.labels import LabelConfig
from msray.training.parts import by_share
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
