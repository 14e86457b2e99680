"""Moves of the price: each is complete when the mid has come a given way from where the last one was complete."""

import numpy as np
from numpy.typing import NDArray

from msray.arguments import checked_fraction
from msray.labels import kernels_moves as k
from msray.labels.barriers import LEAST_WIDTH
from msray.labels.prices import Prices


def completed_moves(prices: Prices, move_pct: float) -> NDArray[np.int64]:
    """When the mid has moved by a fraction since the last such move, or since the first price after a gap.

    Parameters
    ----------
    prices
        Bid and ask over time.
    move_pct
        The fraction, as 0.005 for 0.5 %; 1e-9 to below 0.5.

    Returns
    -------
    NDArray[np.int64]
        Times at which moves were complete, ascending.

    Raises
    ------
    UsageError
        If the fraction is out of range.

    Notes
    -----
    What no trader can do without is the way, not its duration: these are the events in "intrinsic time" of Guillaume
    et al. (1997), without their reversal.

    Examples
    --------
    >>> prices = Prices.of_quotes([10, 20, 30, 40], [99.0, 100.0, 101.2, 99.9], [101.0, 101.0, 101.2, 99.9])
    >>> completed_moves(prices, 0.01)
    array([30, 40])
    """
    checked_fraction("move_pct", move_pct, least=LEAST_WIDTH)
    mid = prices.mid
    rows = np.empty(len(mid), np.int64)
    count = k.completed_moves(mid, move_pct, rows)
    return np.asarray(prices.at_ns[rows[:count]])
