"""Calibration in machine code: fit a watch to its bars, resample them, run the very watch on what might have been.

Sources: Politis and Romano (1994), "The stationary bootstrap"; Buhlmann (1997), "Sieve bootstrap for time series";
Brockwell and Davis, "Time Series: Theory and Methods", 5.2 for the Durbin-Levinson recursion.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import allocating_kernel, kernel
from msray.detectors import kernels as w
from msray.detectors import kernels_members as m
from msray.stats.kernels import get_float, put_float

Floats = NDArray[Any]
Arena = NDArray[Any]

FIT_ORDER, FIT_PHI, FIT_MEAN, FIT_SIGMA, FIT_SIZE_FACTOR, FIT_WORDS = 0, 1, 6, 7, 8, 9
"""What :func:`fit` writes: order, five coefficients, mean and deviation of residuals, size factor."""
MOST_ROUNDS = 20
LEAST_SHARE = 0.1
"""The winsorised deviation is not let below this share of the plain one: a series that moves rarely is not constant."""
BURN_IN = 200
QUIET_LAGS = 5


@kernel
def location_scale(values: Floats, clip: float) -> tuple[float, float]:
    """Mean and deviation of ``values`` winsorised at ``clip`` such deviations from that mean.

    Solved by repetition from the plain mean and deviation. The winsorised, standardised values then have mean 0 and
    deviation 1, whatever their tails.
    """
    n = values.shape[0]
    low, high = -math.inf, math.inf
    mean = sigma = plain = 0.0
    for rounds in range(MOST_ROUNDS):
        total = 0.0
        for i in range(n):
            total += min(max(values[i], low), high)
        mean = total / n
        squares = 0.0
        for i in range(n):
            deviation = min(max(values[i], low), high) - mean
            squares += deviation * deviation
        before, sigma = sigma, math.sqrt(squares / n)
        if rounds == 0:
            plain = sigma
        elif sigma < LEAST_SHARE * plain:
            sigma = LEAST_SHARE * plain
            break
        elif before - sigma <= 1e-6 * sigma:
            break
        low, high = mean - clip * sigma, mean + clip * sigma
    return mean, sigma


@allocating_kernel
def fit(values: Floats, clip: float, max_order: int, out: Floats, residuals: Floats) -> None:
    """Fit the front of a watch to finite bar values.

    The autoregression comes from the autocovariances of the winsorised values by Durbin-Levinson, which makes it
    stationary; its order (0 to ``max_order``) minimises Akaike's criterion. ``out`` has FIT_WORDS floats, ``residuals``
    the length of ``values``; its first ``order`` entries mean nothing.
    """
    n = values.shape[0]
    mean, sigma = location_scale(values, clip)
    for word in range(FIT_WORDS):
        out[word] = 0.0
    out[FIT_MEAN], out[FIT_SIGMA] = mean, sigma
    out[FIT_SIZE_FACTOR] = 1.0
    if sigma <= w.RELATIVE_NOISE * abs(mean):
        out[FIT_SIGMA] = 0.0
        return
    for i in range(n):
        residuals[i] = min(max((values[i] - mean) / sigma, -clip), clip)
    covariance = np.zeros(w.MAX_ORDER + 1)
    for lag in range(max_order + 1):
        total = 0.0
        for i in range(lag, n):
            total += residuals[i] * residuals[i - lag]
        covariance[lag] = total / n
    phi = np.zeros(w.MAX_ORDER)
    older = np.zeros(w.MAX_ORDER)
    variance = covariance[0]
    best = n * math.log(variance)
    order = 0
    for p in range(1, max_order + 1):
        partial = covariance[p]
        for i in range(p - 1):
            partial -= phi[i] * covariance[p - 1 - i]
        partial /= variance
        for i in range(p - 1):
            older[i] = phi[i]
        for i in range(p - 1):
            phi[i] = older[i] - partial * older[p - 2 - i]
        phi[p - 1] = partial
        variance *= 1.0 - partial * partial
        if variance <= 0.0:
            break
        criterion = n * math.log(variance) + 2.0 * p
        if criterion < best:
            best, order = criterion, p
            for i in range(p):
                out[FIT_PHI + i] = phi[i]
    out[FIT_ORDER] = order
    lasting = 1.0
    for i in range(order):
        lasting -= out[FIT_PHI + i]
    for i in range(n - 1, order - 1, -1):
        residual = values[i]
        for j in range(order):
            residual -= out[FIT_PHI + j] * values[i - 1 - j]
        residuals[i] = residual
    out[FIT_MEAN], out[FIT_SIGMA] = location_scale(residuals[order:], clip)
    out[FIT_SIZE_FACTOR] = out[FIT_SIGMA] / (lasting * sigma)


@allocating_kernel
def dependence(values: Floats, most: int) -> int:
    """Largest lag at which the values, or their squares, still depend on each other.

    The rule of Politis and White (2004), "Automatic block-length selection for the dependent bootstrap": the lag before
    the first QUIET_LAGS autocorrelations in a row that lie within ``2 sqrt(log10(n) / n)``; at most ``most``.
    """
    n = values.shape[0]
    bound = 2.0 * math.sqrt(math.log10(n) / n)
    centred = np.empty(n)
    longest = 0
    for power in range(1, 3):
        mean = 0.0
        for i in range(n):
            centred[i] = values[i] if power == 1 else values[i] * values[i]
            mean += centred[i]
        mean /= n
        squares = 0.0
        for i in range(n):
            centred[i] -= mean
            squares += centred[i] * centred[i]
        last = lag = 0
        while squares > 0.0 and lag < last + QUIET_LAGS and last < most:
            lag += 1
            total = 0.0
            for i in range(lag, n):
                total += centred[i] * centred[i - lag]
            if abs(total) > bound * squares:
                last = lag
        longest = max(longest, last)
    return min(longest, most)


@kernel
def install(arena: Arena, at: int, fitted: Floats) -> None:
    """Write a fit into the front of a watch."""
    arena[at + w.CALIBRATED] = 1
    arena[at + w.DEGENERATE] = fitted[FIT_SIGMA] == 0.0
    arena[at + w.ORDER] = int(fitted[FIT_ORDER])
    for i in range(w.MAX_ORDER):
        put_float(arena, at + w.PHI + i, fitted[FIT_PHI + i])
    put_float(arena, at + w.MEAN, fitted[FIT_MEAN])
    put_float(arena, at + w.SIGMA, fitted[FIT_SIGMA])
    put_float(arena, at + w.SIZE_FACTOR, fitted[FIT_SIZE_FACTOR])


@kernel
def _uniform(state: Any) -> float:
    """Next number in [0, 1) of a splitmix64 generator (Steele, Lea and Flood, 2014); ``state`` is one uint64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    bits = state[0]
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = bits ^ (bits >> np.uint64(31))
    return float(bits >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@allocating_kernel
def resample(residuals: Floats, fitted: Floats, block: float, state: Any, out: Floats) -> None:
    """Fill ``out`` with a series that might have been: the fitted autoregression, driven by blocks of its residuals.

    Blocks begin anywhere, wrap round and end after each bar with probability ``1 / block``.
    """
    n = residuals.shape[0]
    order = int(fitted[FIT_ORDER])
    lasting = 1.0
    for i in range(order):
        lasting -= fitted[FIT_PHI + i]
    past = np.full(w.MAX_ORDER, fitted[FIT_MEAN] / lasting)
    stop = 1.0 / block
    i = int(_uniform(state) * n)
    for t in range(-BURN_IN if order > 0 else 0, out.shape[0]):
        draw = _uniform(state)
        i = int(draw / stop * n) if draw < stop else i + 1
        if i >= n:
            i = 0
        value = residuals[i]
        for j in range(order):
            value += fitted[FIT_PHI + j] * past[j]
        for j in range(order - 1, 0, -1):
            past[j] = past[j - 1]
        past[0] = value
        if t >= 0:
            out[t] = value


@allocating_kernel
def first_passages(watch: Arena, values: Floats, levels: Floats, times: Any) -> None:
    """Run a watch that never alarms and write the bar at which each member's statistic first exceeded each level.

    ``levels`` and ``times`` have a row a member; a time stays as it was where the level was not reached.
    """
    reached = np.zeros(3, np.int64)
    for t in range(values.shape[0]):
        w.watch_update(watch, 0, t, values[t])
        for member in range(3):
            if reached[member] == levels.shape[1]:
                continue
            statistic = m.member_above(watch, w.SECTION_AT, member + 1, levels[member, reached[member]])
            while reached[member] < levels.shape[1] and statistic > levels[member, reached[member]]:
                times[member, reached[member]] = t + 1
                reached[member] += 1


@kernel
def count_alarms(watch: Arena, values: Floats) -> int:
    """Alarms of a watch over the values."""
    alarms = 0
    for t in range(values.shape[0]):
        alarms += w.watch_update(watch, 0, t, values[t])
    return alarms


@allocating_kernel
def count_alarms_at(thresholds: Floats, watch: Arena, values: Floats, counts: Any) -> None:
    """Alarms of a calibrated watch that starts over the values, at each of some thresholds, which grow.

    Up to its first alarm a watch does what one with a lower threshold did up to the first of its own. So that one's
    state, then, is gone on from: most of the values are gone through by few of the watches.
    """
    section = w.SECTION_AT
    w.restart_watch(watch, 0)
    fork, begin = watch.copy(), 0
    for j in range(thresholds.shape[0]):
        watch[:] = fork
        put_float(watch, section + m.THRESHOLD, thresholds[j])
        alarms = 0
        if begin > 0:
            if m.statistic_above(watch, section, thresholds[j]) > thresholds[j]:
                alarms = 1
            else:
                watch[section + m.ALARMED] = watch[w.SETTLING] = 0
        behind = begin
        for t in range(begin, values.shape[0]):
            if w.watch_update(watch, 0, t, values[t]) != 0:
                if alarms == 0:
                    fork[:] = watch
                    behind = t + 1
                alarms += 1
        counts[j] = alarms
        if alarms == 0:
            counts[j:] = 0
            break
        begin = behind


@allocating_kernel
def passages(
    watch: Arena,
    residuals: Floats,
    fitted: Floats,
    block: float,
    max_order: int,
    state: Any,
    bars: int,
    levels: Floats,
    times: Any,
) -> None:
    """First passages of every member, one replicate (see :func:`alarm_counts`) a row of ``times``."""
    n = residuals.shape[0]
    history, spare, refit = np.empty(n), np.empty(n), np.empty(FIT_WORDS)
    future = np.empty(bars)
    clip = get_float(watch, w.CLIP)
    for r in range(times.shape[0]):
        resample(residuals, fitted, block, state, history)
        fit(history, clip, max_order, refit, spare)
        install(watch, 0, refit)
        w.restart_watch(watch, 0)
        resample(residuals, fitted, block, state, future)
        first_passages(watch, future, levels, times[r])


@allocating_kernel
def alarm_counts(
    watch: Arena,
    residuals: Floats,
    fitted: Floats,
    block: float,
    max_order: int,
    state: Any,
    bars: int,
    thresholds: Floats,
    counts: Any,
) -> None:
    """Alarms in ``bars`` bars at each threshold, one replicate a row of ``counts``.

    A replicate lives through all that a user does: it draws as many bars as the user had, fits the watch to them anew,
    and runs it, restarts after alarms included, on bars that the fit has not seen. So what the fit gets wrong is part
    of the rate. All thresholds see the same bars.
    """
    n = residuals.shape[0]
    history, spare, refit = np.empty(n), np.empty(n), np.empty(FIT_WORDS)
    future = np.empty(bars)
    clip = get_float(watch, w.CLIP)
    for r in range(counts.shape[0]):
        resample(residuals, fitted, block, state, history)
        fit(history, clip, max_order, refit, spare)
        install(watch, 0, refit)
        resample(residuals, fitted, block, state, future)
        count_alarms_at(thresholds, watch, future, counts[r])
