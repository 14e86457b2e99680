"""Labels made for tests."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def random_spans(seed: int, rows: int, *, longest: int = 60, step: int = 10) -> Ints:
    """Labels of any length from 0 to ``longest``, that start every ``step`` on average, in no order."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, rows * step, rows)
    return np.column_stack([starts, starts + rng.integers(0, longest + 1, rows)])


def bars(rows: int, length: int) -> Ints:
    """A label a bar, that lasts ``length`` bars: the last instant of one is the first of another."""
    starts = np.arange(rows)
    return np.column_stack([starts, starts + length])
