"""Backtest overfitting: whether the strategy that was best in one half of the time is any good in the other."""

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_count, checked_numbers
from msray.errors import UsageError
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
_CELLS_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOverfitting:
    """What became, out of sample, of the strategy that was best in sample.

    Attributes
    ----------
    winner
        Number of that strategy in each split; int64 of shape (splits,), as are the following of float64.
    in_sample, out_of_sample
        Its Sharpe ratios per observation.
    logit
        Of its rank out of sample among all, as a share: 0 where it is the median, negative below.
    """

    winner: NDArray[np.int64]
    in_sample: Floats
    out_of_sample: Floats
    logit: Floats

    @property
    def pbo(self) -> float:
        """Probability of backtest overfitting: share of the splits whose winner is not above the median after."""
        return float((self.logit <= 0.0).mean())

    @property
    def probability_of_loss(self) -> float:
        """Share of the splits whose winner loses out of sample."""
        return float((self.out_of_sample < 0.0).mean())

    @property
    def degradation(self) -> float:
        """Slope of the out-of-sample over the in-sample ratio of the winners; NaN where the latter do not vary."""
        if np.ptp(self.in_sample) == 0.0:
            return math.nan
        x = self.in_sample - self.in_sample.mean()
        return float(x @ self.out_of_sample) / float(x @ x)

    def to_pandas(self) -> "pd.DataFrame":
        """One row a split: ``winner, in_sample, out_of_sample, logit``."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame({name: getattr(self, name) for name in self.__slots__})


def probability_of_backtest_overfitting(returns: ArrayLike, n_blocks: int = 16) -> BacktestOverfitting:
    """Choose the best of several strategies on half of the time, see how it ranks on the other half; all halves.

    Parameters
    ----------
    returns
        Of each strategy that was tried, a column each; shape (observations, strategies), with at least 2 strategies and
        ``2 * n_blocks`` observations.
    n_blocks
        Even, 2 to 20: blocks of time of which each half is taken. Their sizes differ by one at most.

    Returns
    -------
    BacktestOverfitting
        ``.pbo`` is the probability; a strategy that does not vary over a half has the Sharpe ratio 0 there.

    Raises
    ------
    UsageError
        If a parameter is out of range, or a return is not finite.

    Notes
    -----
    Combinatorially symmetric cross-validation: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of
    backtest overfitting". Strategies that are equal out of sample share their rank. Sums over blocks are taken once, so
    a split costs as much as ``n_blocks`` rows; memory is twice that of the returns and a few tens of MiB.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(640, 50))
    >>> noise[:, 7] += 0.3
    >>> probability_of_backtest_overfitting(noise, n_blocks=8).pbo
    0.0
    """
    blocks = checked_count("n_blocks", n_blocks, 2, 20)
    if blocks % 2:
        raise UsageError(f"n_blocks must be even, got {blocks}")
    values = checked_numbers("returns", returns, dimensions=(2,))
    if len(values) < 2 * blocks or values.shape[1] < 2:
        raise UsageError(
            f"returns must have at least {2 * blocks} rows and 2 columns, one a strategy, got the shape {values.shape}"
        )
    sums = _BlockSums.of(values, blocks)
    halves = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    step = max(_CELLS_AT_ONCE // values.shape[1], 1)
    parts = [_judged(sums, halves[begin : begin + step]) for begin in range(0, len(halves), step)]
    winner, inside, outside, logit = (np.concatenate(column) for column in zip(*parts, strict=True))
    return BacktestOverfitting(winner=winner, in_sample=inside, out_of_sample=outside, logit=logit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BlockSums:
    """Sums over each block of each strategy's returns less their mean, which keeps the squares exact."""

    means: Floats
    counts: Floats
    sums: Floats
    squares: Floats

    @classmethod
    def of(cls, values: Floats, blocks: int) -> "_BlockSums":
        bounds = [len(values) * block // blocks for block in range(blocks)]
        means = values.mean(axis=0)
        centred = values - means
        return cls(
            means=means,
            counts=np.diff(bounds, append=len(values)).astype(np.float64),
            sums=np.add.reduceat(centred, bounds),
            squares=np.add.reduceat(centred * centred, bounds),
        )

    def sharpe(self, chosen: Floats) -> Floats:
        """Sharpe ratio of each strategy over each choice of blocks; ``chosen`` is 1 for those in it."""
        counts = (chosen @ self.counts)[:, None]
        # Not @: equal strategies must come out equal, and how a matrix product adds up depends on the column.
        sums = np.einsum("cb,bs->cs", chosen, self.sums)
        squares = np.einsum("cb,bs->cs", chosen, self.squares)
        spread = squares - sums * sums / counts
        varies = spread > _ROUNDING * squares
        deviation = np.sqrt(np.where(varies, spread, 1.0) / (counts - 1.0))
        return np.where(varies, (self.means + sums / counts) / deviation, 0.0)


def _judged(sums: _BlockSums, halves: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    chosen = np.zeros((len(halves), len(sums.counts)))
    np.put_along_axis(chosen, halves, 1.0, axis=1)
    inside, outside = sums.sharpe(chosen), sums.sharpe(1.0 - chosen)
    winner = inside.argmax(axis=1)
    best = np.take_along_axis(outside, winner[:, None], axis=1)
    rank = (outside < best).sum(axis=1) + 0.5 * ((outside == best).sum(axis=1) + 1.0)
    share = rank / (outside.shape[1] + 1.0)
    at_best = np.take_along_axis(inside, winner[:, None], axis=1)
    return winner, at_best[:, 0], best[:, 0], np.log(share / (1.0 - share))
