"""What every detector offers, and the body that those in this package share."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.detectors import kernels_members as k
from msray.detectors.kernels import LARGEST
from msray.detectors.section import Section
from msray.errors import UsageError
from msray.stats import float_bits


class Detector(Protocol):
    """A detector of changes in one series, fed a value at a time.

    After an alarm every property shows the alarm until the next value, which starts afresh. A detector pickles, its
    memory is bounded, and many values at once give the same bits as one at a time.
    """

    @property
    def statistic(self) -> float:
        """Evidence for a change, on the detector's own scale; 0 or more."""
        ...

    @property
    def threshold(self) -> float:
        """The statistic above which it alarms."""
        ...

    @property
    def arl0(self) -> float:
        """Expected values between false alarms, for independent standard normal values."""
        ...

    @property
    def score(self) -> float:
        """``statistic / (statistic + threshold)``: 0 to 1, 0.5 exactly at the threshold."""
        ...

    @property
    def drift_detected(self) -> bool:
        """Whether the last value raised an alarm."""
        ...

    @property
    def direction(self) -> int:
        """1: the mean seems to have risen, -1: fallen, 0: no sign of either."""
        ...

    @property
    def change_age(self) -> int:
        """Values since the estimated change."""
        ...

    @property
    def size(self) -> float:
        """Estimated change of the mean in standard deviations, negative for a fall."""
        ...

    def update(self, x: float) -> None:
        """Take the next value.

        Raises
        ------
        UsageError
            If ``x`` is not finite, or beyond 1e100.
        """
        ...

    def update_many(self, x: ArrayLike) -> NDArray[np.int64]:
        """Take many values; returns the indices of those that raised an alarm.

        Raises
        ------
        UsageError
            If a value is not finite or beyond 1e100, or ``x`` is not one-dimensional; then none is taken.
        """
        ...

    def reset(self) -> None:
        """Be as new."""
        ...


class SectionDetector:
    """A detector whose state is a member section of its own.

    Parameters
    ----------
    section
        Its parameters.
    arl0
        Expected values between false alarms.
    """

    def __init__(self, section: Section, arl0: float) -> None:
        self._section = section
        self._arl0 = arl0
        self._arena: NDArray[Any] = np.zeros(k.SECTION_WORDS, np.int64)
        section.write(self._arena, 0)

    @property
    def statistic(self) -> float:
        """Evidence for a change, on the detector's own scale; 0 or more."""
        return self._described(k.STATISTIC)

    @property
    def threshold(self) -> float:
        """The statistic above which it alarms."""
        return self._section.threshold

    @property
    def arl0(self) -> float:
        """Expected values between false alarms, for independent standard normal values."""
        return self._arl0

    @property
    def score(self) -> float:
        """``statistic / (statistic + threshold)``: 0 to 1, 0.5 exactly at the threshold."""
        return self._described(k.SCORE)

    @property
    def drift_detected(self) -> bool:
        """Whether the last value raised an alarm."""
        return bool(self._arena[k.ALARMED])

    @property
    def direction(self) -> int:
        """1: the mean seems to have risen, -1: fallen, 0: no sign of either."""
        k.describe(self._arena, 0)
        return int(self._arena[k.DIRECTION])

    @property
    def change_age(self) -> int:
        """Values since the estimated change."""
        k.describe(self._arena, 0)
        return int(self._arena[k.BAR] - self._arena[k.CHANGE_BAR]) + 1

    @property
    def size(self) -> float:
        """Estimated change of the mean in standard deviations, negative for a fall."""
        return self._described(k.SIZE)

    def update(self, x: float) -> None:
        """Take the next value.

        Raises
        ------
        UsageError
            If ``x`` is not finite, or beyond 1e100.
        """
        value = float(x)
        if not abs(value) <= LARGEST:
            raise UsageError(f"x must lie between -{LARGEST:g} and {LARGEST:g}, got {value}")
        k.step(self._arena, 0, int(self._arena[k.BAR]) + 1, value)

    def update_many(self, x: ArrayLike) -> NDArray[np.int64]:
        """Take many values; returns the indices of those that raised an alarm.

        Raises
        ------
        UsageError
            If a value is not finite or beyond 1e100, or ``x`` is not one-dimensional; then none is taken.
        """
        values = np.ascontiguousarray(x, np.float64)
        if values.ndim != 1:
            raise UsageError(f"x must have one dimension, got {values.ndim}")
        within = np.abs(values) <= LARGEST
        if not within.all():
            index = int(np.argmin(within))
            raise UsageError(f"x must lie between -{LARGEST:g} and {LARGEST:g}, got {values[index]} at index {index}")
        alarms = np.empty(len(values), np.int64)
        return alarms[: k.run(self._arena, 0, values, alarms)].copy()

    def reset(self) -> None:
        """Be as new."""
        self._section.write(self._arena, 0)

    def _described(self, word: int) -> float:
        k.describe(self._arena, 0)
        return float(float_bits(self._arena)[word])


def settle(
    arl0: float | None,
    threshold: float | None,
    *,
    threshold_of: Callable[[float], float],
    arl0_of: Callable[[float], float],
) -> tuple[float, float]:
    """Threshold and ARL0 from whichever of the two was given.

    Raises
    ------
    UsageError
        If not exactly one is given, or a given threshold is not positive and finite.
    """
    if arl0 is not None and threshold is None:
        return threshold_of(arl0), float(arl0)
    if threshold is None or arl0 is not None:
        raise UsageError(f"exactly one of arl0 and threshold must be given, got arl0={arl0}, threshold={threshold}")
    if not 0.0 < threshold < math.inf:
        raise UsageError(f"threshold must be positive and finite, got {threshold}")
    return float(threshold), arl0_of(threshold)
