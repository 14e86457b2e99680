"""Which rows are learned from, which choose, which judge: in this order of time, and nothing reaches over a border."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.training.labels import Changes

Part = tuple[int, int]
"""Rows from the first on, before the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Three parts of the rows, one after the other.

    Attributes
    ----------
    train, valid, test
        What is learned from, what stops and tunes, what judges; ``test`` may be empty.
    """

    train: Part
    valid: Part
    test: Part


def by_share(rows: int, shares: tuple[float, float, float] = (0.6, 0.2, 0.2)) -> Parts:
    """Parts of so many rows by their shares.

    Examples
    --------
    >>> by_share(10)
    Parts(train=(0, 6), valid=(6, 8), test=(8, 10))
    """
    if min(shares[:2]) <= 0 or shares[2] < 0 or abs(sum(shares) - 1.0) > 1e-9:
        raise UsageError(f"shares must be positive (the last may be 0) and sum to 1, got {shares}")
    first, second = round(rows * shares[0]), round(rows * (shares[0] + shares[1]))
    return Parts(train=(0, first), valid=(first, second), test=(second, rows))


def by_day(lengths: Sequence[int], least_train: int = 1) -> list[Parts]:
    """Walk forward over days (or files): learn from all before, choose on the next one, judge on the one behind it.

    Parameters
    ----------
    lengths
        Rows of each day.
    least_train
        Days that are learned from at least.

    Examples
    --------
    >>> by_day([5, 6, 7])
    [Parts(train=(0, 5), valid=(5, 11), test=(11, 18))]
    """
    if not 1 <= least_train <= len(lengths) - 2:
        raise UsageError(f"days must be {least_train + 2} or more to learn, choose and judge, got {len(lengths)}")
    at = np.cumsum([0, *lengths]).tolist()
    return [
        Parts(train=(0, at[day]), valid=(at[day], at[day + 1]), test=(at[day + 1], at[day + 2]))
        for day in range(least_train, len(lengths) - 1)
    ]


def purged(labels: NDArray[np.int64], found: Changes, part: Part, *, embargo: int = 0) -> NDArray[np.int64]:
    """Labels of a part, :data:`NO_LABEL` everywhere else.

    A label that looks at a row behind the part is dropped: what is learned from must not know what is judged. So are
    the first ``embargo`` rows.
    """
    begin, end = part
    kept = np.full_like(labels, NO_LABEL)
    inside = slice(min(begin + embargo, end), end)
    kept[inside] = np.where(found.end_row[inside] < end, labels[inside], NO_LABEL)
    return kept
