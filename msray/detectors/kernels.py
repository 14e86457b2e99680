"""One watch: a series of bar values, made quiet and put before the detectors.

A watch section of an arena is a front (whitening, standardising, what the last bars were) and a member section
(:mod:`~msray.detectors.kernels_members`). In calibrated mode a bar value is pre-whitened by an autoregression,
standardised and winsorised; in uncalibrated mode it is winsorised and divided by the long-run deviation
(:mod:`~msray.detectors.kernels_scale`) of the bars before it. Words marked ALARM hold the details of the last alarm.
Nothing here reads a clock or draws a random number.
"""

import math
from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel
from msray.detectors import kernels_members as m
from msray.detectors import kernels_scale as scale
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]
MEMBERS = m.MEMBERS

CALIBRATED, DEGENERATE, SKIPPED, ORDER, PAST_BARS, LEARNED = range(6)
"""Mode; whether the series is constant; bars without a value; AR order; how many past values are known; bars learned
from since the start or the last alarm."""
MAX_ORDER = 5
PHI, PAST = 6, 11
"""AR coefficients and the last values, newest first."""
MEAN, SIGMA, CLIP, SIZE_FACTOR, CENTRE = 16, 17, 18, 19, 20
"""Mean and deviation of residuals; bound of a standardised value; standard deviations of a quiet bar in one of a
lasting shift of the residuals; where the bound is centred since the last alarm."""
SETTLING_BARS = 5
SETTLING, RECENT = 21, 22
"""Bars still to come before an alarm is settled, and those that came."""
MEMORY = 27
"""Bars of the calibration behind the baseline of CUSUM."""
SCALE_AT = 28
"""What an uncalibrated watch has learned of its bars."""
SECTION_AT = SCALE_AT + scale.SCALE_WORDS
WATCH_WORDS = SECTION_AT + m.SECTION_WORDS
"""Words of one watch."""

ALARM_STATISTIC = SECTION_AT + m.STATISTIC
"""Float: statistic at the alarm, on the scale of the threshold."""
ALARM_SCORE = SECTION_AT + m.SCORE
"""Float: statistic / (statistic + threshold), above 0.5."""
ALARM_DIRECTION = SECTION_AT + m.DIRECTION
"""Integer: 1 the value rose, -1 it fell."""
ALARM_CHANGE_BAR = SECTION_AT + m.CHANGE_BAR
"""Integer: number of the first bar after the estimated change."""
ALARM_SIZE = SECTION_AT + m.SIZE
"""Float: signed size in standard deviations of a quiet bar; a lower bound where values met the winsorising bound."""
ALARM_SHARES = SECTION_AT + m.SHARES
"""Three floats that sum to 1, in the order of MEMBERS."""

LEARNING_BARS = 80
"""An uncalibrated watch only learns during this many bars. With 60 the worst series of the made-up market raised four
false alarms for each promised, with 80 three: default words, bars of 100 ms, ``jobs/measure_detectors.py``."""
LARGEST = 1e100
"""Values beyond it are taken for not finite: their squares would be."""
RELATIVE_NOISE = 1e-12
"""A standard deviation below this share of the mean is rounding, not movement."""


@kernel
def _unlearn(arena: Arena, at: int) -> None:
    for word in range(scale.SCALE_WORDS):
        arena[at + SCALE_AT + word] = 0


@kernel
def restart_watch(arena: Arena, at: int) -> None:
    """Forget every bar seen; the calibration stays."""
    for word in (SKIPPED, PAST_BARS, LEARNED, CENTRE, SETTLING):
        arena[at + word] = 0
    for word in range(MAX_ORDER):
        arena[at + PAST + word] = 0
    for word in range(SETTLING_BARS):
        arena[at + RECENT + word] = 0
    _unlearn(arena, at)
    if arena[at + CALIBRATED] == 0:
        arena[at + DEGENERATE] = 0
        put_float(arena, at + SIZE_FACTOR, 1.0)
    m.clear(arena, at + SECTION_AT)
    put_float(arena, at + SECTION_AT + m.BASE_WEIGHT, get_float(arena, at + MEMORY))


@kernel
def _remember(arena: Arena, at: int, standardised: float) -> None:
    for word in range(at + RECENT, at + RECENT + SETTLING_BARS - 1):
        arena[word] = arena[word + 1]
    put_float(arena, at + RECENT + SETTLING_BARS - 1, standardised)


@kernel
def _recent_median(arena: Arena, at: int) -> float:
    for i in range(at + RECENT, at + RECENT + SETTLING_BARS):
        value = get_float(arena, i)
        below = ties = 0
        for j in range(at + RECENT, at + RECENT + SETTLING_BARS):
            other = get_float(arena, j)
            below += other < value
            ties += other == value
        if below <= SETTLING_BARS // 2 < below + ties:
            return value
    return 0.0


@kernel
def _bounded_step(arena: Arena, at: int, bar: int, standardised: float) -> int:
    """Hand a standardised value, winsorised, to the detectors; returns 1 on alarm.

    After an alarm the bound would blind a watch to whatever happens beyond it. So the next bars only say where the
    series is now; those before the alarm cannot, they were picked because they are extreme.
    """
    clip = get_float(arena, at + CLIP)
    settling = arena[at + SETTLING]
    if settling > 0:
        _remember(arena, at, standardised)
        arena[at + SETTLING] = settling - 1
        if settling == 1:
            put_float(arena, at + CENTRE, _recent_median(arena, at))
        return 0
    z = min(max(standardised - get_float(arena, at + CENTRE), -clip), clip)
    section = at + SECTION_AT
    if m.step(arena, section, bar, z) == 0:
        return 0
    m.describe(arena, section)
    put_float(arena, section + m.SIZE, get_float(arena, section + m.SIZE) * get_float(arena, at + SIZE_FACTOR))
    arena[at + SETTLING] = SETTLING_BARS
    return 1


@kernel
def _update_uncalibrated(arena: Arena, at: int, bar: int, x: float) -> int:
    """Judge a bar by those before it, then learn from it.

    The thresholds are those of independent normal values. The long-run deviation makes sums of bars stray like sums of
    such values; short runs of an autocorrelated series then stray less, so small changes are found later than a
    calibrated watch finds them. Values learned from are winsorised too, else one wild bar would deafen the watch (among
    the first 30, which nothing bounds yet, it does).
    """
    n = arena[at + LEARNED]
    words = at + SCALE_AT
    mean = get_float(arena, words + scale.MEAN)
    value = x
    alarmed = 0
    if n >= scale.LEAST_BLOCKS:
        sigma = scale.deviation_of(arena, words, n)
        arena[at + DEGENERATE] = sigma <= RELATIVE_NOISE * abs(mean)
        if arena[at + DEGENERATE] == 0:
            bound = get_float(arena, at + CLIP) * sigma
            value = min(max(x, mean - bound), mean + bound)
            if n >= LEARNING_BARS:
                long_run = scale.long_run_deviation(arena, words, n)
                put_float(arena, at + SIZE_FACTOR, long_run / sigma)
                alarmed = _bounded_step(arena, at, bar, (value - mean) / long_run * math.sqrt(n / (n + 1.0)))
    if alarmed != 0:
        arena[at + LEARNED] = arena[at + SETTLING] = 0
        _unlearn(arena, at)
        return 1
    scale.learn(arena, words, n, value)
    arena[at + LEARNED] = n + 1
    return 0


@kernel
def watch_update(arena: Arena, at: int, bar: int, x: float) -> int:
    """Feed the value of one bar to the watch whose words begin at ``at``.

    Parameters
    ----------
    arena
        int64 words; ``arena[at : at + WATCH_WORDS]`` is the watch.
    at
        Where the watch begins.
    bar
        Number of the bar; grows from call to call.
    x
        Its value. One that is not finite, or beyond LARGEST, is counted and skipped, and whitening begins anew behind
        it.

    Returns
    -------
    int
        1 on an alarm, its details at the ALARM offsets; else 0.
    """
    if not abs(x) <= LARGEST:
        arena[at + SKIPPED] += 1
        arena[at + PAST_BARS] = 0
        return 0
    if arena[at + CALIBRATED] == 0:
        return _update_uncalibrated(arena, at, bar, x)
    if arena[at + DEGENERATE] != 0:
        return 0
    order = arena[at + ORDER]
    known = arena[at + PAST_BARS]
    residual = x
    for i in range(order):
        residual -= get_float(arena, at + PHI + i) * get_float(arena, at + PAST + i)
    for i in range(order - 1, 0, -1):
        arena[at + PAST + i] = arena[at + PAST + i - 1]
    put_float(arena, at + PAST, x)
    if known < order:
        arena[at + PAST_BARS] = known + 1
        return 0
    z = (residual - get_float(arena, at + MEAN)) / get_float(arena, at + SIGMA)
    return _bounded_step(arena, at, bar, z)
