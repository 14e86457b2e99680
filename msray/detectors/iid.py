"""Thresholds for independent normal values, found by simulation.

``python jobs/measure_detectors.py --tables`` prints these tables: standard normal values (numpy PCG64, seed 20261121)
run through the detector, restarts included, until 4,000 alarms or 2e8 values; standard error 2 % at the most. CUSUM
needs no table, its run length is computed (:mod:`~msray.detectors.arl`).
"""

import math

from msray.detectors.arl import check_arl0

Lines = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
"""Intercept and slope of each member: log ARL0 as a line in the member's statistic."""
Table = tuple[tuple[float, float], ...]
"""Threshold and ARL0, both rising."""

PAGE_HINKLEY_DELTA = 0.25
PAGE_HINKLEY: Table = (
    (2.0, 12.46),
    (3.0, 24.49),
    (4.0, 44.91),
    (6.0, 137.7),
    (8.0, 386.4),
    (10.0, 1062.0),
    (12.0, 2875.0),
    (14.0, 7835.0),
    (16.0, 21410.0),
    (18.0, 59890.0),
)
FOCUS: Table = (
    (1.5, 9.499),
    (2.0, 14.59),
    (3.0, 34.53),
    (4.0, 81.92),
    (5.0, 193.8),
    (6.0, 458.9),
    (7.0, 1114.0),
    (8.0, 2753.0),
    (9.0, 6953.0),
    (10.0, 17660.0),
    (11.0, 43880.0),
)
FOCUS_KNOWN_MEAN: Table = (
    (1.5, 8.426),
    (2.0, 13.55),
    (3.0, 33.33),
    (4.0, 80.26),
    (5.0, 190.0),
    (6.0, 455.6),
    (7.0, 1105.0),
    (8.0, 2769.0),
    (9.0, 6951.0),
    (10.0, 17670.0),
    (11.0, 44020.0),
)
IID_LINES: Lines = ((1.1376, 1.0022), (1.9472, 0.502), (0.5917, 0.9183))
"""CUSUM with k = 0.5, Page-Hinkley, FOCuS with the mean unknown: straight lines through ARL0 of 1,000 and 30,000."""
ENSEMBLE: Table = (
    (2.0, 5.309),
    (2.5, 9.887),
    (3.0, 17.76),
    (4.0, 52.75),
    (5.0, 151.0),
    (6.0, 413.1),
    (7.0, 1109.0),
    (8.0, 3002.0),
    (9.0, 8214.0),
    (10.0, 22010.0),
    (10.5, 36290.0),
)


def threshold_at(table: Table, arl0: float) -> float:
    """Threshold for an ARL0: a line between the neighbours in the logarithm of ARL0, continued beyond the ends.

    Raises
    ------
    UsageError
        If ``arl0`` is out of range.

    Examples
    --------
    >>> round(threshold_at(((1.0, 100.0), (2.0, 10_000.0)), 1_000.0), 9)
    1.5
    """
    return _line([(math.log(length), height) for height, length in table], math.log(check_arl0(arl0)))


def arl0_at(table: Table, threshold: float) -> float:
    """ARL0 of a threshold, the inverse of :func:`threshold_at`; infinite where no float is so large.

    Examples
    --------
    >>> round(arl0_at(((1.0, 100.0), (2.0, 10_000.0)), 1.5), 6)
    1000.0
    """
    exponent = _line([(height, math.log(length)) for height, length in table], threshold)
    return math.exp(exponent) if exponent < 700.0 else math.inf


def _line(points: list[tuple[float, float]], x: float) -> float:
    right = next((i for i in range(1, len(points)) if x < points[i][0]), len(points) - 1)
    (x0, y0), (x1, y1) = points[right - 1], points[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
