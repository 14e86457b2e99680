"""Calibration of one watch: set its threshold by living through what its bars say might happen.

The false-alarm rate that a user sees depends on what the calibration got wrong as much as on the threshold. So each
replicate of the simulation draws as many bars as the user had, fits the watch to those, and runs that very watch on
other bars; the threshold is the one at which replicates alarm as often as promised *on average*.

1. Fit: autoregression (order by AIC), then mean and deviation of its winsorised residuals.
2. Resample the residuals: one by one, unless they or their squares still depend on each other; then in blocks of twice
   the lag at which that ends (Politis and White, 2004). Blocks where they are not needed would make a false memory out
   of chance, and cost a factor of two in the rate.
3. First passages of the members give log ARL0 as a line in each statistic (censored exponential likelihood).
4. Alarms of the whole watch, restarts included, at three thresholds give log ARL0 as a line in the threshold.
"""

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.detectors import kernels as watch
from msray.detectors import kernels_calibration as k
from msray.detectors import kernels_members as members
from msray.detectors.arl import check_arl0
from msray.detectors.calibration import CLIP, WatchCalibration, rounded
from msray.detectors.iid import IID_LINES, Lines
from msray.detectors.section import mode_of
from msray.detectors.watch import new_watch
from msray.errors import UsageError

Floats = NDArray[np.float64]

LEAST_BARS = 60
"""Fewer say nothing about a quiet level: the watch is degenerate."""
SHOWN_PER_BAR = 30
"""A run length beyond this many times the bars is extrapolated: it hangs on tails that the bars do not show."""
SIMULATED_BARS = 1 << 20
WORLD_FACTOR = 1.4
"""True deviation of log ARL0 between watches over that between replicates, as these do not know that their world was
itself estimated: 1.1 to 1.5 for calibrations on 600 independent, AR(1) = 0.5 and t(3) bars, arl0 500 to 100,000; 90 to
99 % of the stated intervals then hold. An exact answer needs a bootstrap of the bootstrap."""
REPLICATES = 256
_PASSAGE_BARS = 2_048
_LEVELS = np.array([np.arange(1, 97) * step for step in (0.5, 1.0, 0.25)])
_SHARES = np.array([1.0 / 6.0, 1.0 / 2.5, 1.0])
_LEAST_PASSAGES, _LEAST_LENGTH = 30, 100.0
_LEAST_ALARMS = 20
_LEAST_HEIGHT = 0.1
_TELLING_MEAN = 0.5
_NEVER = 1e300
_NORMAL_95 = 1.6448536269514722


def calibrate(
    bars: ArrayLike,
    *,
    detector: str,
    arl0: float,
    seed: bytes | int,
    clip: float = CLIP,
    max_ar: int = watch.MAX_ORDER,
    simulated_bars: int = SIMULATED_BARS,
) -> WatchCalibration:
    """Learn a watch from quiet bars.

    Parameters
    ----------
    bars
        Values of the watched feature, one a bar, in order; those that are not finite, or beyond 1e100, are left out.
    detector
        ``ensemble``, ``cusum``, ``page_hinkley`` or ``focus``.
    arl0
        Promised: expected bars between false alarms.
    seed
        Of the simulation; the same seed and bars give the same calibration.
    clip
        Standard deviations at which a value is winsorised, 1 to 100.
    max_ar
        Highest order of autoregression, 0 to 5.
    simulated_bars
        Bars run at each threshold, at least 2**16; the time taken is proportional to it, half a second a million. With
        less than a quarter of the default the interval of ARL0 comes out too narrow.

    Returns
    -------
    WatchCalibration

    Raises
    ------
    UnknownNameError
        If there is no such detector.
    UsageError
        If a parameter is out of range, or ``bars`` has not one dimension.

    Notes
    -----
    It holds the GIL for a small part of its time only.
    """
    _check(clip, max_ar, simulated_bars)
    values = np.asarray(bars, np.float64)
    if values.ndim != 1:
        raise UsageError(f"bars must have one dimension, got {values.ndim}")
    finite = values[np.abs(values) <= watch.LARGEST]
    words = hashlib.sha256(seed if isinstance(seed, bytes) else str(seed).encode()).digest()
    silent = _silent(detector, arl0, clip, bars=len(finite), skipped=len(values) - len(finite), seed=words)
    return silent if len(finite) < LEAST_BARS else _learn(silent, finite, max_ar, simulated_bars, words)


def _learn(silent: WatchCalibration, bars: Floats, max_ar: int, simulated_bars: int, seed: bytes) -> WatchCalibration:
    fitted, residuals = np.zeros(k.FIT_WORDS), np.zeros(len(bars))
    k.fit(bars, silent.clip, max_ar, fitted, residuals)
    if fitted[k.FIT_SIGMA] == 0.0:
        return silent
    order = int(fitted[k.FIT_ORDER])
    world = _World(silent, max_ar, fitted, residuals[order:].copy(), seed)
    lines = world.lines()
    threshold, low, high = world.threshold(lines, simulated_bars)
    return replace(
        silent,
        arl0_low=rounded(low),
        arl0_high=rounded(high),
        extrapolated=silent.arl0 > SHOWN_PER_BAR * len(bars),
        threshold=rounded(threshold),
        lines=lines,
        phi=tuple(rounded(phi) for phi in fitted[k.FIT_PHI : k.FIT_PHI + order]),
        mean=rounded(fitted[k.FIT_MEAN]),
        sigma=rounded(fitted[k.FIT_SIGMA]),
        size_factor=rounded(fitted[k.FIT_SIZE_FACTOR]),
        block=rounded(world.block),
        degenerate=False,
    )


class _World:
    """What the bars say might happen, and a watch to run in it."""

    def __init__(self, silent: WatchCalibration, max_ar: int, fitted: Floats, residuals: Floats, seed: bytes) -> None:
        self._silent, self._max_ar = silent, max_ar
        self._mode = mode_of(silent.detector)
        self._fitted, self._residuals = fitted, residuals
        self._random = np.frombuffer(seed[:8], "<u8").astype(np.uint64)
        clip = silent.clip
        z = np.clip((residuals - fitted[k.FIT_MEAN]) / fitted[k.FIT_SIGMA], -clip, clip)
        most = len(residuals) // 20
        self.block = float(min(max(1, 2 * k.dependence(z, most)), max(1, most)))

    def lines(self) -> Lines:
        """Evidence of each member that runs; of the others as for independent values."""
        times = np.full((REPLICATES, len(_LEVELS), _LEVELS.shape[1]), _PASSAGE_BARS + 1, np.int64)
        k.passages(
            self._watch(IID_LINES),
            self._residuals,
            self._fitted,
            self.block,
            self._max_ar,
            self._random,
            _PASSAGE_BARS,
            _LEVELS,
            times,
        )
        first, second, third = (
            _passage_line(_LEVELS[member], times[:, member]) or IID_LINES[member] for member in range(3)
        )
        return first, second, third

    def threshold(self, lines: Lines, simulated_bars: int) -> tuple[float, float, float]:
        """Threshold for the promised ARL0, and where the ARL0 of one such watch lies with 90 % probability."""
        arl0 = self._silent.arl0
        shown = min(arl0, SHOWN_PER_BAR * len(self._residuals))
        intercept, slope = (0.0, 1.0) if self._mode == members.ENSEMBLE else lines[self._mode - 1]
        heights = np.maximum((np.log(shown * _SHARES) - intercept) / slope, _LEAST_HEIGHT)
        counts = self._counts(lines, heights, simulated_bars // REPLICATES)
        alarms = counts.sum(axis=0)
        lengths = np.log(simulated_bars / (alarms + 0.5))
        line = weighted_line(heights, lengths, alarms) if alarms[0] >= _LEAST_ALARMS else None
        at_zero, rise = line or (float(lengths[0]) - slope * float(heights[0]), slope)
        height = max((math.log(arl0) - at_zero) / rise, _LEAST_HEIGHT)
        return (height, *_interval(arl0, counts, lengths))

    def _counts(self, lines: Lines, heights: Floats, bars: int) -> NDArray[np.int64]:
        counts = np.zeros((REPLICATES, len(heights)), np.int64)
        k.alarm_counts(
            self._watch(lines),
            self._residuals,
            self._fitted,
            self.block,
            self._max_ar,
            self._random,
            bars,
            heights,
            counts,
        )
        return counts

    def _watch(self, lines: Lines) -> NDArray[Any]:
        """The watch that will run, but for its fit and its threshold, which the simulation sets."""
        unset = replace(self._silent, lines=lines, threshold=_NEVER, sigma=1.0, degenerate=False)
        words = np.zeros(watch.WATCH_WORDS, np.int64)
        new_watch(words, 0, detector=unset.detector, arl0=unset.arl0, calibration=unset)
        return words


def weighted_line(x: Floats, y: Floats, weights: NDArray[Any]) -> tuple[float, float] | None:
    """Intercept and slope of the weighted least-squares line; None unless it rises."""
    total = float(weights.sum())
    mean_x, mean_y = float((weights * x).sum()) / total, float((weights * y).sum()) / total
    square = float((weights * (x - mean_x) ** 2).sum())
    slope = float((weights * (x - mean_x) * (y - mean_y)).sum()) / square if square > 0.0 else 0.0
    return (mean_y - slope * mean_x, slope) if slope > 0.0 else None


def _passage_line(levels: Floats, times: NDArray[np.int64]) -> tuple[float, float] | None:
    """Log run length as a line in the level, where there are passages enough to tell."""
    passed = (times <= _PASSAGE_BARS).sum(axis=0)
    lengths = np.minimum(times, _PASSAGE_BARS).sum(axis=0) / np.maximum(passed, 1)
    used = (passed >= _LEAST_PASSAGES) & (lengths >= _LEAST_LENGTH)
    if used.sum() < 2:
        return None
    line = weighted_line(levels[used], np.log(lengths[used]), passed[used])
    return None if line is None else (rounded(line[0]), rounded(line[1]))


def _interval(arl0: float, counts: NDArray[np.int64], lengths: Floats) -> tuple[float, float]:
    """Where the ARL0 of one watch lies with 90 % probability, if their mean rate is ``1 / arl0``.

    Rates of replicates are taken for log-normal. What a fit got wrong acts through the height of the threshold, so its
    effect on the logarithm of the rate grows with that of the run length. Replicates do not know that their world was
    itself estimated from the bars; WORLD_FACTOR stands for that.
    """
    means = counts.mean(axis=0)
    column = max((j for j in range(len(means)) if means[j] >= _TELLING_MEAN), default=0)
    mean = max(float(means[column]), 1.0 / len(counts))
    excess = max(float(counts[:, column].var()) - mean, 0.0) / (mean * mean)
    target, rarest = math.log(arl0), float(lengths[-1])
    spread = WORLD_FACTOR * math.sqrt(math.log1p(excess)) * max(target / max(float(lengths[column]), 1.0), 1.0)
    counted = (1.0 + max(target - rarest, 0.0)) / math.sqrt(max(float(counts[:, -1].sum()), 1.0))
    centre = target + 0.5 * spread * spread
    width = _NORMAL_95 * math.hypot(spread, counted)
    return math.exp(centre - width), math.exp(centre + width)


def _silent(detector: str, arl0: float, clip: float, *, bars: int, skipped: int, seed: bytes) -> WatchCalibration:
    """A watch that learned nothing and never alarms."""
    promised = rounded(check_arl0(arl0))
    return WatchCalibration(
        detector=detector,
        arl0=promised,
        arl0_low=promised,
        arl0_high=promised,
        extrapolated=True,
        threshold=rounded(math.log(promised)),
        phi=(),
        mean=0.0,
        sigma=0.0,
        size_factor=1.0,
        clip=rounded(clip),
        block=1.0,
        bars=bars,
        skipped=skipped,
        degenerate=True,
        seed=seed[:8].hex(),
    )


def _check(clip: float, max_ar: int, simulated_bars: int) -> None:
    if not 1.0 <= clip <= 100.0:
        raise UsageError(f"clip must lie between 1 and 100, got {clip}")
    if not 0 <= max_ar <= watch.MAX_ORDER:
        raise UsageError(f"max_ar must lie between 0 and {watch.MAX_ORDER}, got {max_ar}")
    if simulated_bars < 1 << 16:
        raise UsageError(f"simulated_bars must be at least {1 << 16}, got {simulated_bars}")
