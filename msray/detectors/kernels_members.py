"""The three member detectors and their ensemble, over one section of an arena.

A section is a header, a two-sided Page recursion for CUSUM, another for Page-Hinkley, and the candidates of FOCuS. The
words below are offsets from its start. One function, :func:`step`, is behind every detector class and behind the watch
that runs live, so a class, a batch and a shard compute the same bits.

Sources: Page (1954) for the recursion; Romano, Eckley, Fearnhead and Rigaill (2023), "Fast online changepoint detection
via functional pruning CUSUM statistics", for the claim that only vertices of the convex hull of the points
``(t, x_1 + ... + x_t)`` can maximise the generalised likelihood ratio.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

ENSEMBLE, CUSUM, PAGE_HINKLEY, FOCUS = range(4)
"""What :data:`MODE` may be: all members together, or one of them alone."""
MEMBERS = ("cusum", "page_hinkley", "focus")

MODE, BAR, COUNT, ALARMED = 0, 1, 2, 3
THRESHOLD = 4
LINES = 5
"""Six floats: intercept and slope of each member's evidence, log ARL0 as a line in its statistic."""
BASE_MEAN, BASE_WEIGHT, BASE_CAP = 11, 12, 13
"""Self-starting baseline of CUSUM: mean, bars behind it, most bars it remembers (0: the mean is known to be 0)."""
STATISTIC, SCORE, DIRECTION, CHANGE_BAR, SIZE, SHARES = 14, 15, 16, 17, 18, 19
"""What :func:`describe` leaves: three shares, floats all but direction and change bar."""

ALLOWANCE, START, UP, UP_BAR, UP_RUN, DOWN, DOWN_BAR, DOWN_RUN = range(8)
CUSUM_AT = 24
PAGE_HINKLEY_AT = 32
RUNNING_MEAN = 40
FOCUS_AT = 41

KNOWN_MEAN, PRE_MEAN, FOCUS_COUNT, FOCUS_SUM, FOCUS_ORIGIN = range(5)
BEST, BEST_SIDE, BEST_COUNT, BEST_SUM, BEST_BAR, VERTICES, BOUND, CANDIDATES = 5, 6, 7, 8, 9, 10, 12, 13
"""``BEST`` is the largest ratio when it was last looked for, ``BOUND`` is never below what it is now; equal where that
was at this value."""
SLACK = 1e-9
"""Of a bound, for all that is rounded: it has to hold against the ratio as it would be computed."""
MAX_CANDIDATES = 64
"""Candidates kept a side. Of n independent values about log n are hull vertices, so the bound is met only by a long
one-way drift; then one is forgotten for each new one, and the statistic may fall a little short of the exact one."""
SECTION_WORDS = FOCUS_AT + CANDIDATES + 2 * 3 * MAX_CANDIDATES


@kernel
def restart(arena: Arena, at: int) -> None:
    """Forget the values seen so far; parameters and thresholds stay.

    The baseline of CUSUM is learned anew too. One made of the values since an estimated change would raise the next
    alarm by itself: they were picked because they are extreme.
    """
    arena[at + COUNT] = 0
    arena[at + ALARMED] = 0
    put_float(arena, at + BASE_MEAN, 0.0)
    put_float(arena, at + BASE_WEIGHT, 0.0)
    for page in (at + CUSUM_AT, at + PAGE_HINKLEY_AT):
        put_float(arena, page + UP, get_float(arena, page + START))
        put_float(arena, page + DOWN, get_float(arena, page + START))
        arena[page + UP_RUN] = 0
        arena[page + DOWN_RUN] = 0
        arena[page + UP_BAR] = 0
        arena[page + DOWN_BAR] = 0
    put_float(arena, at + RUNNING_MEAN, 0.0)
    focus = at + FOCUS_AT
    for word in range(FOCUS_COUNT, CANDIDATES):
        arena[focus + word] = 0


@kernel
def clear(arena: Arena, at: int) -> None:
    """Make the section as new: no value seen, no alarm described; parameters and thresholds stay."""
    for word in range(STATISTIC, SHARES + len(MEMBERS)):
        arena[at + word] = 0
    for word in range(FOCUS_AT + CANDIDATES, SECTION_WORDS):
        arena[at + word] = 0
    arena[at + BAR] = 0
    restart(arena, at)


@kernel
def _page(arena: Arena, at: int, bar: int, deviation: float) -> None:
    """One step of both sides of Page's recursion; a side's bar is the first one after it was last 0."""
    allowance = get_float(arena, at + ALLOWANCE)
    # Selections, not branches: whether a quiet side is 0 is a coin toss.
    run, first = arena[at + UP_RUN], arena[at + UP_BAR]
    up = get_float(arena, at + UP) + deviation - allowance
    arena[at + UP_BAR] = bar if run == 0 else first
    arena[at + UP_RUN] = run + 1 if up > 0.0 else 0
    put_float(arena, at + UP, up if up > 0.0 else 0.0)
    run, first = arena[at + DOWN_RUN], arena[at + DOWN_BAR]
    down = get_float(arena, at + DOWN) - deviation - allowance
    arena[at + DOWN_BAR] = bar if run == 0 else first
    arena[at + DOWN_RUN] = run + 1 if down > 0.0 else 0
    put_float(arena, at + DOWN, down if down > 0.0 else 0.0)


@kernel
def _cusum(arena: Arena, at: int, bar: int, z: float) -> None:
    """CUSUM of z, or of its recursive residual while the mean before the change is being learned."""
    cap = get_float(arena, at + BASE_CAP)
    if cap > 0.0:
        weight = get_float(arena, at + BASE_WEIGHT)
        mean = get_float(arena, at + BASE_MEAN)
        deviation = z - mean
        z = deviation * math.sqrt(weight / (weight + 1.0))
        weight = min(weight + 1.0, cap)
        put_float(arena, at + BASE_MEAN, mean + deviation / weight)
        put_float(arena, at + BASE_WEIGHT, weight)
    _page(arena, at + CUSUM_AT, bar, z)


@kernel
def _page_hinkley(arena: Arena, at: int, bar: int, z: float) -> None:
    """Page-Hinkley: the same recursion on deviations from the running mean, which includes z itself."""
    mean = get_float(arena, at + RUNNING_MEAN)
    mean += (z - mean) / arena[at + COUNT]
    put_float(arena, at + RUNNING_MEAN, mean)
    _page(arena, at + PAGE_HINKLEY_AT, bar, z - mean)


@kernel
def _thin(arena: Arena, points: int, count: float) -> None:
    """Forget the candidate closest to its neighbours for its age, so that the rest stay spread over all ages."""
    closest, forgotten = math.inf, points
    for point in range(points + 3, points + 3 * (MAX_CANDIDATES - 1), 3):
        spread = (get_float(arena, point + 3) - get_float(arena, point - 3)) / (count - get_float(arena, point))
        if spread < closest:
            closest, forgotten = spread, point
    for word in range(forgotten, points + 3 * (MAX_CANDIDATES - 1)):
        arena[word] = arena[word + 3]


@kernel
def _add_candidate(arena: Arena, at: int, side: int, count: float, total: float, bar: int) -> None:
    """Add the point before the new value to the hull of one side, and drop the vertices it hides.

    A candidate is a count, a sum and a bar; on the side of falls the sum is negated, so that both look for rises.
    """
    points = at + CANDIDATES + side * 3 * MAX_CANDIDATES
    kept = arena[np.uintp(at + VERTICES + side)]
    last = points + 3 * kept - 3
    if arena[np.uintp(at + KNOWN_MEAN)] != 0:
        # A later point that is no higher explains every rise at least as well.
        while last >= points and get_float(arena, last + 1) >= total:
            last -= 3
    while last > points:
        corner, middle = get_float(arena, last), get_float(arena, last + 1)
        rise = (middle - get_float(arena, last - 2)) * (count - corner)
        if rise < (total - middle) * (corner - get_float(arena, last - 3)):
            break
        last -= 3
    if last == points + 3 * MAX_CANDIDATES - 3:
        _thin(arena, points, count)
        last -= 3
    put_float(arena, last + 3, count)
    put_float(arena, last + 4, total)
    arena[np.uintp(last + 5)] = bar
    arena[np.uintp(at + VERTICES + side)] = (last - points) // 3 + 2


@kernel
def _focus(arena: Arena, at: int, bar: int, x: float) -> None:
    """One step of FOCuS, but for the largest ratio: it is looked for where its bound says that it may matter.

    A value raises the log ratio of no time of change by more than it lowers the log likelihood of no change, and the
    candidate that it brings has no more than that either.
    """
    known = arena[np.uintp(at + KNOWN_MEAN)] != 0
    count, earlier = float(arena[np.uintp(at + FOCUS_COUNT)]), get_float(arena, at + FOCUS_SUM)
    if count == 0.0:
        # Sums of distances from the first value stay small however far the series is from 0.
        put_float(arena, at + FOCUS_ORIGIN, get_float(arena, at + PRE_MEAN) if known else x)
    _add_candidate(arena, at, 0, count, earlier, bar)
    _add_candidate(arena, at, 1, count, -earlier, bar)
    value = x - get_float(arena, at + FOCUS_ORIGIN)
    arena[np.uintp(at + FOCUS_COUNT)] += 1
    put_float(arena, at + FOCUS_SUM, earlier + value)
    deviation = value if known else value - earlier / max(count, 1.0)
    bound = get_float(arena, at + BOUND) + 0.5 * deviation * deviation
    put_float(arena, at + BOUND, bound * (1.0 + SLACK) + SLACK)


@kernel
def _find_best(arena: Arena, at: int) -> None:
    """Look for the largest generalised log-likelihood ratio over all times of change, of unit variance."""
    if get_float(arena, at + BOUND) == get_float(arena, at + BEST):
        return
    known = arena[at + KNOWN_MEAN] != 0
    n, total = float(arena[at + FOCUS_COUNT]), get_float(arena, at + FOCUS_SUM)
    best, best_point, best_side = 0.0, -1, 0
    slope = 0.0 if known else total / n
    for side in range(2):
        sign = 1.0 - 2.0 * side
        point = at + CANDIDATES + side * 3 * MAX_CANDIDATES
        first = 0
        if not known:
            first, point = 1, point + 3  # the vertex at 0 has nothing before it
        for _ in range(first, arena[at + VERTICES + side]):
            t, before = get_float(arena, point), get_float(arena, point + 1)
            # The division waits until the candidate has won: few do.
            if known:
                gap = sign * total - before
                scale = 2.0 * (n - t)
                weight = gap * gap
            else:
                gap = t * (sign * slope) - before
                scale = 2.0 * t * (n - t)
                weight = gap * gap * n
            if gap > 0.0 and weight > best * scale:
                best, best_point, best_side = weight / scale, point, side
            point += 3
    put_float(arena, at + BEST, best)
    put_float(arena, at + BOUND, best)
    arena[at + BEST_SIDE] = best_side
    if best_point >= 0:
        arena[at + BEST_COUNT] = arena[best_point]
        put_float(arena, at + BEST_SUM, (1.0 - 2.0 * best_side) * get_float(arena, best_point + 1))
        arena[at + BEST_BAR] = arena[best_point + 2]


@kernel
def _page_statistic(arena: Arena, at: int, member: int) -> float:
    page = at + (CUSUM_AT if member == CUSUM else PAGE_HINKLEY_AT)
    return max(get_float(arena, page + UP), get_float(arena, page + DOWN))


@kernel
def member_statistic(arena: Arena, at: int, member: int) -> float:
    """Statistic of a member (CUSUM, PAGE_HINKLEY or FOCUS) on its own scale, the larger of its two sides."""
    if member != FOCUS:
        return _page_statistic(arena, at, member)
    _find_best(arena, at + FOCUS_AT)
    return get_float(arena, at + FOCUS_AT + BEST)


@kernel
def member_above(arena: Arena, at: int, member: int, level: float) -> float:
    """Statistic of a member if it is above ``level``, else some number that is not."""
    if member == FOCUS and get_float(arena, at + FOCUS_AT + BOUND) <= level:
        return level
    return member_statistic(arena, at, member)


@kernel
def _on_line(arena: Arena, at: int, member: int, statistic: float) -> float:
    """The logarithm of the ARL0 of a threshold at a member's statistic."""
    line = at + LINES + 2 * (member - 1)
    return get_float(arena, line) + get_float(arena, line + 1) * statistic


@kernel
def evidence(arena: Arena, at: int, member: int) -> float:
    """A member's statistic as the logarithm of the ARL0 of a threshold set there."""
    return _on_line(arena, at, member, member_statistic(arena, at, member))


@kernel
def _ensemble_above(arena: Arena, at: int, level: float) -> float:
    first, second, third = evidence(arena, at, CUSUM), evidence(arena, at, PAGE_HINKLEY), evidence(arena, at, FOCUS)
    largest = max(first, second, third)
    if largest <= level:
        return level
    total = math.exp(first - largest) + math.exp(second - largest) + math.exp(third - largest)
    return max(largest + math.log(total / 3.0), 0.0)


@kernel
def statistic_above(arena: Arena, at: int, level: float) -> float:
    """The statistic in force if it is above ``level``, else some number that is not.

    A mean is never above the largest of its terms, and lines rise, so that a bound of FOCuS will do: in the usual case
    the ensemble needs neither an exponential nor the best of its candidates.
    """
    mode = arena[at + MODE]
    if mode != ENSEMBLE:
        return member_above(arena, at, mode, level)
    first = _on_line(arena, at, CUSUM, _page_statistic(arena, at, CUSUM))
    second = _on_line(arena, at, PAGE_HINKLEY, _page_statistic(arena, at, PAGE_HINKLEY))
    third = _on_line(arena, at, FOCUS, get_float(arena, at + FOCUS_AT + BOUND))
    return level if max(first, second, third) <= level else _ensemble_above(arena, at, level)


@kernel
def step(arena: Arena, at: int, bar: int, z: float) -> int:
    """Feed one standardised value of bar number ``bar``; returns 1 on alarm. The value after an alarm starts afresh."""
    if arena[at + ALARMED] != 0:
        restart(arena, at)
    arena[at + BAR] = bar
    arena[at + COUNT] += 1
    mode = arena[at + MODE]
    if mode == ENSEMBLE or mode == CUSUM:
        _cusum(arena, at, bar, z)
    if mode == ENSEMBLE or mode == PAGE_HINKLEY:
        _page_hinkley(arena, at, bar, z)
    if mode == ENSEMBLE or mode == FOCUS:
        _focus(arena, at + FOCUS_AT, bar, z)
    threshold = get_float(arena, at + THRESHOLD)
    if statistic_above(arena, at, threshold) > threshold:
        arena[at + ALARMED] = 1
        return 1
    return 0


@kernel
def _describe_page(arena: Arena, at: int, page: int) -> None:
    up, down = get_float(arena, page + UP), get_float(arena, page + DOWN)
    side = 0 if up >= down else DOWN - UP
    excess = max(up, down)
    run = arena[page + UP_RUN + side]
    if run == 0:
        return
    direction = 1 if side == 0 else -1
    arena[at + DIRECTION] = direction
    arena[at + CHANGE_BAR] = arena[page + UP_BAR + side]
    grown = excess - get_float(arena, page + START) * (arena[at + COUNT] == run)
    put_float(arena, at + SIZE, direction * (get_float(arena, page + ALLOWANCE) + grown / run))


@kernel
def _describe_focus(arena: Arena, at: int, focus: int) -> None:
    if get_float(arena, focus + BEST) <= 0.0:
        return
    n, t = arena[focus + FOCUS_COUNT], get_float(arena, focus + BEST_COUNT)
    total, before = get_float(arena, focus + FOCUS_SUM), get_float(arena, focus + BEST_SUM)
    left = before / t if arena[focus + KNOWN_MEAN] == 0 else 0.0
    arena[at + DIRECTION] = 1 - 2 * arena[focus + BEST_SIDE]
    arena[at + CHANGE_BAR] = arena[focus + BEST_BAR]
    put_float(arena, at + SIZE, (total - before) / (n - t) - left)


@kernel
def describe(arena: Arena, at: int) -> None:
    """Work out statistic, score, direction, change bar, size and shares as they stand, and leave them in the section.

    The ensemble takes direction, change and size from the member with the largest share. Without any sign of a change
    the direction is 0, the size 0 and the change bar that of the next value.
    """
    mode = arena[at + MODE]
    leader = mode
    for member in range(3):
        put_float(arena, at + SHARES + member, 1.0 if member + 1 == mode else 0.0)
    if mode == ENSEMBLE:
        largest = -math.inf
        for member in range(1, 4):
            value = evidence(arena, at, member)
            if value > largest:
                largest, leader = value, member
        total = 0.0
        for member in range(1, 4):
            total += math.exp(evidence(arena, at, member) - largest)
        for member in range(1, 4):
            put_float(arena, at + SHARES + member - 1, math.exp(evidence(arena, at, member) - largest) / total)
        statistic = max(largest + math.log(total / 3.0), 0.0)
    else:
        statistic = member_statistic(arena, at, mode)
    put_float(arena, at + STATISTIC, statistic)
    put_float(arena, at + SCORE, statistic / (statistic + get_float(arena, at + THRESHOLD)))
    arena[at + DIRECTION] = 0
    arena[at + CHANGE_BAR] = arena[at + BAR] + 1
    put_float(arena, at + SIZE, 0.0)
    if leader == FOCUS:
        _describe_focus(arena, at, at + FOCUS_AT)
    else:
        _describe_page(arena, at, at + (CUSUM_AT if leader == CUSUM else PAGE_HINKLEY_AT))


@kernel
def run(arena: Arena, at: int, values: Any, alarms: Any) -> int:
    """Feed many values, numbered on from the last one; writes the index of each alarm, returns how many there were."""
    found = 0
    bar = arena[at + BAR]
    for i in range(values.shape[0]):
        bar += 1
        if step(arena, at, bar, values[i]) != 0:
            alarms[found] = i
            found += 1
    return found
