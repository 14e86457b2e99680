"""Detectors as their definitions say: over the whole past, with lists and loops."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from msray.detectors import WatchCalibration


def page(values: Sequence[float], k: float) -> tuple[float, float]:
    """Both sides of Page's recursion as its closed form: the largest sum of the last values, each less k."""
    up = max([0.0] + [math.fsum(v - k for v in values[i:]) for i in range(len(values))])
    down = max([0.0] + [math.fsum(-v - k for v in values[i:]) for i in range(len(values))])
    return up, down


def running_deviations(values: Sequence[float]) -> list[float]:
    """Distance of each value from the mean of all up to it."""
    return [v - math.fsum(values[: i + 1]) / (i + 1) for i, v in enumerate(values)]


def recursive_residuals(values: Sequence[float], mean: float, weight: float, cap: float) -> list[float]:
    """Distance of each value from the mean before it, scaled to deviation 1."""
    out = []
    for v in values:
        out.append((v - mean) * math.sqrt(weight / (weight + 1.0)))
        weight = min(weight + 1.0, cap)
        mean += (v - mean) / weight
    return out


def likelihood_ratio(values: Sequence[float], known_mean: float | None) -> tuple[float, int, int]:
    """Largest log likelihood ratio over all times of change, that time and the direction."""
    x = np.asarray(values, np.float64)
    n = len(x)
    best, at, direction = 0.0, n, 0
    for t in range(0 if known_mean is not None else 1, n):
        if known_mean is not None:
            shift = (x[t:] - known_mean).sum()
            value = shift * shift / (2.0 * (n - t))
        else:
            shift = x[t:].mean() - x[:t].mean()
            value = t * (n - t) / n * shift * shift / 2.0
        if value > best:
            best, at, direction = float(value), t, int(np.sign(shift))
    return best, at, direction


def yule_walker(values: NDArray[np.float64], order: int) -> tuple[NDArray[np.float64], float]:
    """Coefficients and innovation variance from a solved system of autocovariances about 0."""
    n = len(values)
    r = np.array([values[lag:] @ values[: n - lag] / n for lag in range(order + 1)])
    if order == 0:
        return np.zeros(0), float(r[0])
    toeplitz = r[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
    phi = np.linalg.solve(toeplitz, r[1:])
    return phi, float(r[0] - phi @ r[1:])


def long_run_deviation(values: NDArray[np.float64]) -> float:
    """Of block means at five levels, each as an autoregression of order 1, the one that says most."""
    largest = 0.0
    for length in (1, 2, 4, 8, 16):
        n = len(values) // length
        if length > 1 and n < 30:
            break
        means = values[: n * length].reshape(n, length).mean(axis=1)
        squares = float(((means - means.mean()) ** 2).sum())
        # The mean as it stood before each block, as whoever sees them one by one has it.
        before = np.cumsum(means)[:-1] / np.arange(1, n)
        correlation = float(((means[1:] - before) * (means[:-1] - before)).sum()) / squares
        correlation = min(max(correlation + (1.0 + 3.0 * correlation) / n, 0.0), 0.99)
        estimate = length * squares / (n - 1) * (1.0 + correlation) / (1.0 - correlation)
        largest = max(largest, estimate / (1.0 + 2.0 / math.sqrt(n)) if length > 1 else estimate)
    return math.sqrt(largest)


@dataclass
class NaiveWatch:
    """A calibrated ensemble watch that keeps every value since its last alarm."""

    calibration: WatchCalibration
    past: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    settling: list[float] = field(default_factory=list)
    is_settling: bool = False
    centre: float = 0.0
    has_alarmed: bool = False

    def update(self, x: float) -> float | None:
        """Take a bar; returns the statistic at an alarm."""
        c = self.calibration
        if not math.isfinite(x):
            self.past = []
            return None
        known, self.past = self.past, [x, *self.past][: len(c.phi)]
        if len(known) < len(c.phi):
            return None
        residual = x
        for phi, old in zip(c.phi, known, strict=True):
            residual -= phi * old
        z = (residual - c.mean) / c.sigma
        if self.is_settling:
            self.settling.append(z)
            if len(self.settling) == 5:
                self.centre, self.is_settling = sorted(self.settling)[2], False
            return None
        self.values.append(min(max(z - self.centre, -c.clip), c.clip))
        statistic = self.statistic()
        if statistic <= c.threshold:
            return None
        self.values, self.settling, self.is_settling, self.has_alarmed = [], [], True, True
        return statistic

    def statistic(self) -> float:
        c = self.calibration
        weight = 0.0 if self.has_alarmed else float(c.bars)
        members = (
            max(page(recursive_residuals(self.values, 0.0, weight, float(c.bars)), 0.5)),
            max(page(running_deviations(self.values), 0.25)),
            likelihood_ratio(self.values, None)[0],
        )
        evidences = [a + b * s for (a, b), s in zip(c.lines, members, strict=True)]
        return max(math.log(sum(map(math.exp, evidences)) / 3.0), 0.0)
