"""How far sums of an autocorrelated series stray: its long-run deviation, learned as it goes.

A detector adds up values, and its threshold assumes that a sum of n of them has n times the variance of one. Where
neighbours are alike it has more, by a factor of ten for quantities that are averages over a second themselves. So means
of blocks of 1, 2, 4, 8 and 16 values are watched, each level as an autoregression of order 1, and the level that says
most is believed. One level alone is not enough: a slow component under noise shows at the coarse ones only.

Memory and time for each value are constant.
"""

import math
from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

LEVELS = 5
MEAN, SQUARES, PRODUCTS, NEWEST = range(4)
"""Floats of a level, block means throughout: mean, squared deviations, products of neighbouring ones, the last one."""
LEVEL_WORDS = 4
SCALE_WORDS = LEVELS * LEVEL_WORDS
LEAST_BLOCKS = 30
"""A level with fewer blocks says nothing yet."""
MOST_CORRELATED = 0.99


@kernel
def learn(arena: Arena, at: int, count: int, x: float) -> None:
    """Add a value to the words at ``at``; ``count`` values were added before, to words that were all 0."""
    value = x
    for level in range(LEVELS):
        words = at + level * LEVEL_WORDS
        blocks = count >> level
        mean, before = get_float(arena, words + MEAN), get_float(arena, words + NEWEST)
        deviation = value - mean
        if blocks > 0:
            products = get_float(arena, words + PRODUCTS) + deviation * (before - mean)
            put_float(arena, words + PRODUCTS, products)
        mean += deviation / (blocks + 1)
        put_float(arena, words + MEAN, mean)
        put_float(arena, words + SQUARES, get_float(arena, words + SQUARES) + deviation * (value - mean))
        put_float(arena, words + NEWEST, value)
        if blocks % 2 == 0:
            return
        value = 0.5 * (before + value)


@kernel
def deviation_of(arena: Arena, at: int, count: int) -> float:
    """Standard deviation of one of the ``count`` values, at least two of them."""
    return math.sqrt(get_float(arena, at + SQUARES) / (count - 1))


@kernel
def long_run_deviation(arena: Arena, at: int, count: int) -> float:
    """Standard deviation of a sum of many values over the square root of their number; at least that of one value.

    Negative correlation, which would make sums stray less, is not believed. A coarser level counts with its estimate
    less one standard error (of its logarithm, ``2 / sqrt(blocks)`` for independent blocks), so that the largest of five
    noisy estimates is not large by chance; the first-order correlation is corrected for its bias (Kendall, 1954).
    """
    largest = 0.0
    for level in range(LEVELS):
        blocks = count >> level
        if level > 0 and blocks < LEAST_BLOCKS:
            break
        words = at + level * LEVEL_WORDS
        squares = get_float(arena, words + SQUARES)
        if squares > 0.0:
            seen = get_float(arena, words + PRODUCTS) / squares
            r = min(max(seen + (1.0 + 3.0 * seen) / blocks, 0.0), MOST_CORRELATED)
            estimate = (1 << level) * squares / (blocks - 1) * (1.0 + r) / (1.0 - r)
            if level > 0:
                estimate /= 1.0 + 2.0 / math.sqrt(blocks)
            largest = max(largest, estimate)
    return math.sqrt(largest)
