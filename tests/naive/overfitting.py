"""Backtest overfitting as its definition says: every half of the blocks joined, every Sharpe ratio anew."""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def naive_overfitting(returns: Floats, blocks: int) -> list[tuple[int, float, float, float]]:
    """Winner, its Sharpe ratio in and out of sample, and the logit of its rank there; a row a split."""
    bounds = [len(returns) * block // blocks for block in range(blocks + 1)]
    parts = [returns[begin:end] for begin, end in itertools.pairwise(bounds)]
    found = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = _sharpes([parts[block] for block in chosen])
        outside = _sharpes([parts[block] for block in range(blocks) if block not in chosen])
        winner = inside.index(max(inside))
        below = sum(one < outside[winner] for one in outside)
        equal = sum(one == outside[winner] for one in outside)
        share = (below + (equal + 1) / 2) / (len(outside) + 1)
        found.append((winner, inside[winner], outside[winner], math.log(share / (1 - share))))
    return found


def _sharpes(parts: list[Floats]) -> list[float]:
    joined = np.concatenate(parts)
    return [_sharpe(column) for column in joined.T]


def _sharpe(values: Floats) -> float:
    return 0.0 if len(set(values.tolist())) == 1 else float(values.mean() / values.std(ddof=1))
