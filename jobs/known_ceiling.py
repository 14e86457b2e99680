"""Rows whose best possible prediction is known: a pressure nobody sees, felt through ten noisy imbalances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.training.rows import TrainingRows

LEVELS, DISTRACTIONS = 10, 34
KEPT = 0.95
"""Of the pressure, from row to row."""
PUSH, WANDERS = 0.13, 1.0
"""What a unit of pressure adds to the next change of the mid, and the deviation of what else moves it."""
NOISE = np.linspace(1.5, 4.0, LEVELS)
"""Of each level, in deviations of the pressure."""
MID, STEP = 2_000_000_000, 1_000_000.0
"""Mid at first, and units of it in a deviation of its changes: whole numbers, so never two the same."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Rows, and what the best that can be known of the pressure is behind each of them."""

    rows: TrainingRows
    believed: NDArray[np.float64]


def make_known(rows: int, seed: int) -> Known:
    """Draw them.

    The pressure is AR(1) of deviation 1; level ``i`` shows ``tanh((pressure + noise_i) / 2)``; the next change of the
    mid is ``PUSH * pressure + noise``. All is linear and normal once the squashing is undone, so that nothing knows
    more of the pressure than a Kalman filter over the levels and the changes, which runs here beside the market. The
    sign of any mean of later mids against the mid now is likeliest that of the pressure believed.
    """
    rng = np.random.default_rng(seed)
    pressure, mid = np.zeros(rows), np.zeros(rows)
    shocks, moves = rng.normal(size=rows) * np.sqrt(1 - KEPT**2), rng.normal(size=rows) * WANDERS
    for at in range(1, rows):
        pressure[at] = KEPT * pressure[at - 1] + shocks[at]
        mid[at] = mid[at - 1] + PUSH * pressure[at - 1] + moves[at]
    felt = pressure[:, None] + rng.normal(size=(rows, LEVELS)) * NOISE
    values = np.column_stack([np.tanh(felt / 2.0), np.append(0.0, np.diff(mid)), rng.normal(size=(rows, DISTRACTIONS))])
    names = (*(f"imbalance_l{i}" for i in range(1, LEVELS + 1)), "change", *(f"noise_{i}" for i in range(DISTRACTIONS)))
    table = TrainingRows(
        names=names,
        values=values.astype(np.float32),
        mid=MID + np.rint(mid * STEP).astype(np.int64),
        event_ns=np.arange(rows, dtype=np.int64) * 100_000_000,
        starts=np.zeros(1, np.int64),
    )
    return Known(rows=table, believed=_filtered(felt, np.diff(mid)))


def _filtered(felt: NDArray[np.float64], changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the pressure behind each row, from all that was seen up to it."""
    told = 1.0 / NOISE**2
    evidence, weight = felt @ told, told.sum()
    believed = np.zeros(len(felt))
    mean, variance = 0.0, 1.0
    for at in range(len(felt)):
        if at:
            # The change of the mid tells of the pressure of the row before; then the pressure goes on.
            gain = variance * PUSH / (PUSH**2 * variance + WANDERS**2)
            mean, variance = mean + gain * (changes[at - 1] - PUSH * mean), variance * (1.0 - gain * PUSH)
            mean, variance = KEPT * mean, KEPT**2 * variance + 1.0 - KEPT**2
        precision = 1.0 / variance + weight
        mean, variance = (mean / variance + evidence[at]) / precision, 1.0 / precision
        believed[at] = mean
    return believed
