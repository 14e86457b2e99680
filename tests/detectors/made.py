"""Series and calibrations that several tests need."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.detectors import WatchCalibration, kernels, new_watch
from msray.stats import float_bits

Floats = NDArray[np.float64]


def autoregressive(rng: np.random.Generator, n: int, phi: float, draw: Callable[..., Floats] | None = None) -> Floats:
    """``n`` values of an AR(1) series with normal or drawn innovations, 200 more thrown away before them."""
    values = rng.normal(size=n + 200) if draw is None else draw(rng, n + 200)
    for t in range(1, len(values) if phi else 0):
        values[t] += phi * values[t - 1]
    return values[200:]


def student(rng: np.random.Generator, n: int) -> Floats:
    """Values with three degrees of freedom: no fourth moment."""
    return rng.standard_t(3, size=n)


def quiet_calibration(**changes: Any) -> WatchCalibration:
    """What a watch of independent standard normal bars would have learned from very many of them."""
    words: dict[str, Any] = {
        "detector": "ensemble",
        "arl0": 2_000.0,
        "arl0_low": 1_000.0,
        "arl0_high": 4_000.0,
        "extrapolated": False,
        "threshold": 7.6,
        "phi": (),
        "mean": 0.0,
        "sigma": 1.0,
        "size_factor": 1.0,
        "block": 1.0,
        "bars": 600,
        "skipped": 0,
        "degenerate": False,
        "seed": "0123456789abcdef",
    }
    return WatchCalibration(**(words | changes))


def watch(
    calibration: WatchCalibration | None = None, *, detector: str = "ensemble", arl0: float = 2_000.0, at: int = 0
) -> NDArray[np.int64]:
    """An arena with one watch at ``at``."""
    arena = np.zeros(at + kernels.WATCH_WORDS, np.int64)
    new_watch(arena, at, detector=detector, arl0=arl0, calibration=calibration)
    return arena


def run(arena: NDArray[np.int64], values: Floats, *, at: int = 0, first_bar: int = 0) -> list[int]:
    """Bars at which the watch alarmed."""
    return [bar for bar, x in enumerate(values, start=first_bar) if kernels.watch_update(arena, at, bar, float(x)) != 0]


def alarm(arena: NDArray[np.int64], at: int = 0) -> dict[str, Any]:
    """Details of the last alarm."""
    floats = float_bits(arena)
    return {
        "statistic": floats[at + kernels.ALARM_STATISTIC],
        "score": floats[at + kernels.ALARM_SCORE],
        "direction": arena[at + kernels.ALARM_DIRECTION],
        "change_bar": arena[at + kernels.ALARM_CHANGE_BAR],
        "size": floats[at + kernels.ALARM_SIZE],
        "shares": floats[at + kernels.ALARM_SHARES : at + kernels.ALARM_SHARES + 3].tolist(),
    }
