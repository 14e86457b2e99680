"""Splits held against the definition of purging, pair by pair: slow, and it believes no splitter."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import MOST_NS, checked_count, checked_spans
from msray.errors import UsageError

_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAudit:
    """What is wrong with splits, added up over them; all zeros: nothing.

    Attributes
    ----------
    overlapping_pairs
        Pairs of a training and a test label that share an instant, once the test label is widened by the margins.
    leaking_rows
        Training rows in at least one such pair.
    needless_rows
        Rows that are neither trained on nor tested although they are in no such pair.
    """

    overlapping_pairs: int
    leaking_rows: int
    needless_rows: int


def audit_splits(
    splits: Iterable[tuple[ArrayLike, ArrayLike]],
    spans: ArrayLike,
    *,
    purge_ns: int = 0,
    embargo_ns: int | None = 0,
) -> SplitAudit:
    """Compare every label with every test label of every split.

    Parameters
    ----------
    splits
        Training and test rows of each split, of any splitter.
    spans
        First and last instant of each label, ns; int64 of shape (n, 2).
    purge_ns, embargo_ns
        Margins that each test label claims before its start and after its end. An embargo of None never ends, which is
        what walk-forward splits promise; what a rolling window leaves out counts as needless.

    Raises
    ------
    UsageError
        If a parameter is out of range, or a split names a row that ``spans`` does not have.

    Notes
    -----
    Time is O(n^2) a split; memory is a few MiB.

    Examples
    --------
    >>> audit_splits([([0, 1], [3])], [[0, 5], [1, 9], [2, 3], [9, 12]])
    SplitAudit(overlapping_pairs=1, leaking_rows=1, needless_rows=1)
    """
    starts, ends = checked_spans("spans", spans, least=-MOST_NS, at_least_one=True).T.copy()
    checked_count("purge_ns", purge_ns, 0, MOST_NS)
    until = (
        np.full_like(ends, MOST_NS)
        if embargo_ns is None
        else ends + checked_count("embargo_ns", embargo_ns, 0, MOST_NS)
    )
    pairs = leaking = needless = 0
    for train, test in splits:
        trained, tested = _rows(train, len(starts)), _rows(test, len(starts))
        meets = _met(starts, ends, starts[tested] - purge_ns, until[tested])
        pairs += int(meets[trained].sum())
        leaking += int((meets[trained] > 0).sum())
        meets[trained] = meets[tested] = 1
        needless += int((meets == 0).sum())
    return SplitAudit(overlapping_pairs=pairs, leaking_rows=leaking, needless_rows=needless)


def _met(
    starts: NDArray[np.int64], ends: NDArray[np.int64], since: NDArray[np.int64], until: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many of the spans ``since`` to ``until`` each label meets."""
    met = np.zeros(len(starts), np.int64)
    step = max(_PAIRS_AT_ONCE // len(starts), 1)
    for begin in range(0, len(since), step):
        chunk = slice(begin, begin + step)
        met += ((starts <= until[chunk, None]) & (ends >= since[chunk, None])).sum(axis=0)
    return met


def _rows(rows: ArrayLike, count: int) -> NDArray[np.int64]:
    """Row numbers, each once."""
    given = np.unique(np.asarray(rows))
    if len(given) and (given.dtype.kind not in "iu" or given[0] < 0 or given[-1] >= count):
        raise UsageError(f"rows must be numbers from 0 to {count - 1}, got {given[0]} to {given[-1]}")
    return given.astype(np.int64)
