"""Cross-validation of labels that last: none is trained on that shares time with a label of the test fold.

A label is a closed span, from its event to the instant at which its outcome is known. Spans that share an instant
overlap. Test folds are blocks of labels next to each other in order of their start (labels that start together, in
order of their rows); their sizes differ by one at most. Around each test block are left out:

- purged: labels that overlap one of the block, and those that end in the ``purge_ns`` before its first start;
- embargoed: labels that start in the ``embargo_ns`` after its last end, the largest of all its ends.

Nothing else is. Rows may come in any order; a splitter holds 32 bytes a label and needs 12 more while it makes a
split. Lopez de Prado (2018), "Advances in Financial Machine Learning", chapters 7 and 12.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import MOST_NS, checked_count, checked_number, checked_spans
from msray.errors import UsageError

PURGE, EMBARGO = 0.01, 0.02
"""Margins where none are given, as shares of the time from the first start to the last end."""
MOST_SPLITS = 100_000


class Role(IntEnum):
    """What a label is to one split. The two reasons to leave one out are told as ``PURGED`` where both hold."""

    TRAIN = 0
    TEST = 1
    PURGED = 2
    EMBARGOED = 3
    UNUSED = 4
    """Walk-forward only: later than the test block, or before the rolling window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDescription:
    """One split in figures.

    Attributes
    ----------
    test_ns
        First start and last end of each test block, in order; blocks that are next to each other are one.
    train_rows, test_rows, purged_rows, embargoed_rows, unused_rows
        Labels in each :class:`Role`; they sum to all.
    """

    test_ns: tuple[tuple[int, int], ...]
    train_rows: int
    test_rows: int
    purged_rows: int
    embargoed_rows: int
    unused_rows: int


class _PurgedSplitter:
    """Blocks of labels, and which of them each split tests."""

    purge_ns: int
    embargo_ns: int | None

    def __init__(self, spans: ArrayLike) -> None:
        starts, ends = checked_spans("spans", spans, least=-MOST_NS, at_least_one=True).T
        self._order = np.argsort(starts, kind="stable")
        self._starts, self._ends = starts[self._order], ends[self._order]
        self._latest = np.maximum.accumulate(self._ends)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803
        """Number of splits; the arguments are scikit-learn's and are not read."""
        return len(self._tests)

    def split(
        self,
        X: ArrayLike | None = None,  # noqa: N803
        y: object = None,
        groups: object = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Training and test rows of each split, ascending.

        Parameters
        ----------
        X
            Only its number of rows is looked at, where it is given.
        y, groups
            Not read.

        Raises
        ------
        UsageError
            If ``X`` has not one row a label, or a split leaves nothing to train on.
        """
        if X is not None and np.shape(X)[:1] != (len(self._starts),):
            raise UsageError(f"X must have {len(self._starts)} rows, one a span, got the shape {np.shape(X)}")
        for number in range(len(self._tests)):
            roles = self.roles(number)
            train = np.flatnonzero(roles == Role.TRAIN)
            if len(train) == 0:
                raise UsageError(
                    f"split {number} leaves no label to train on: its test labels, with purge_ns={self.purge_ns} and "
                    f"embargo_ns={self.embargo_ns}, meet all others",
                    hint="take more and smaller blocks, shorter labels or margins",
                )
            yield train, np.flatnonzero(roles == Role.TEST)

    def roles(self, split: int) -> NDArray[np.int8]:
        """The :class:`Role` of each row in a split, for a diagram of the folds; int8 of shape (n,)."""
        blocks = self._tests[checked_count("split", split, 0, len(self._tests) - 1)]
        by_start = np.full(len(self._starts), Role.TRAIN, np.int8)
        self._assign(by_start, blocks)
        roles = np.empty_like(by_start)
        roles[self._order] = by_start
        return roles

    def describe(self, split: int) -> SplitDescription:
        """Test blocks of a split as times, and how many labels are left out and why."""
        counts = np.bincount(self.roles(split), minlength=len(Role)).tolist()
        return SplitDescription(
            test_ns=tuple(self._times(run) for run in _runs(self._tests[split])),
            train_rows=counts[Role.TRAIN],
            test_rows=counts[Role.TEST],
            purged_rows=counts[Role.PURGED],
            embargoed_rows=counts[Role.EMBARGOED],
            unused_rows=counts[Role.UNUSED],
        )

    def _cut(self, blocks: int, tests: Sequence[tuple[int, ...]]) -> None:
        rows = len(self._starts)
        sizes = np.full(blocks, rows // blocks)
        sizes[: rows % blocks] += 1
        self._bounds: list[int] = [0, *np.cumsum(sizes).tolist()]
        self._block_ends: list[int] = np.maximum.reduceat(self._ends, self._bounds[:-1]).tolist()
        self._tests = tests

    def _times(self, run: Sequence[int]) -> tuple[int, int]:
        return int(self._starts[self._bounds[run[0]]]), max(self._block_ends[block] for block in run)

    def _assign(self, roles: NDArray[np.int8], blocks: Sequence[int]) -> None:
        """Write roles, in order of start. Of a block and its margins, all that counts is where they begin and end.

        A label before the block starts no later than the block's first: it meets that one, or ends before the block. A
        label behind starts no earlier than any in the block: it meets the one that ends last, or starts after all.
        """
        for block in blocks:
            begin, end = self._bounds[block], self._bounds[block + 1]
            since_ns, until_ns = int(self._starts[begin]) - self.purge_ns, self._block_ends[block]
            first = min(int(np.searchsorted(self._latest, since_ns)), begin)
            roles[first:begin][self._ends[first:begin] >= since_ns] = Role.PURGED
            reached, clear = np.searchsorted(self._starts, [until_ns, until_ns + (self.embargo_ns or 0)], side="right")
            roles[end:reached] = Role.PURGED
            later = roles[reached:clear]
            later[later == Role.TRAIN] = Role.EMBARGOED
        for block in blocks:
            roles[self._bounds[block] : self._bounds[block + 1]] = Role.TEST

    def _length_ns(self, name: str, share: float | None, length_ns: int | None, default: float) -> int:
        if length_ns is not None:
            if share is not None:
                raise UsageError(f"{name} and {name}_ns say the same thing: give one, got {share} and {length_ns}")
            return checked_count(f"{name}_ns", length_ns, 0, MOST_NS)
        share = checked_number(name, default if share is None else share, least=0, below=1)
        return min(int(share * (int(self._latest[-1]) - int(self._starts[0]))), MOST_NS)


class PurgedKFold(_PurgedSplitter):
    """Each block is the test fold once; all labels that share no time with it are trained on.

    A scikit-learn splitter: ``cross_val_score(model, X, y, cv=PurgedKFold(spans))``.

    Parameters
    ----------
    spans
        First and last instant of each label, ns since 1970; int64 of shape (n, 2), one row a row of X, in any order.
    n_splits
        2 to n.
    purge, purge_ns
        Margin before each test block, as a share of the time from the first start to the last end, or as a time.
    embargo, embargo_ns
        Margin after it, likewise.

    Raises
    ------
    UsageError
        If a parameter is out of range, or a margin is given both ways.

    Examples
    --------
    >>> spans = [[0, 10], [10, 20], [21, 40], [41, 50], [60, 70], [71, 80]]
    >>> for train, test in PurgedKFold(spans, n_splits=3, purge_ns=0, embargo_ns=5).split():
    ...     print(train, test)
    [3 4 5] [0 1]
    [0 1 4 5] [2 3]
    [0 1 2 3] [4 5]
    """

    def __init__(
        self,
        spans: ArrayLike,
        n_splits: int = 5,
        *,
        purge: float | None = None,
        purge_ns: int | None = None,
        embargo: float | None = None,
        embargo_ns: int | None = None,
    ) -> None:
        super().__init__(spans)
        self.n_splits = checked_count("n_splits", n_splits, 2, len(self._starts))
        self.purge_ns = self._length_ns("purge", purge, purge_ns, PURGE)
        self.embargo_ns = self._length_ns("embargo", embargo, embargo_ns, EMBARGO)
        self._cut(self.n_splits, [(block,) for block in range(self.n_splits)])


class PurgedWalkForward(_PurgedSplitter):
    """Each block but the first is the test fold once; trained on is only what had ended before it.

    The future of a test block is never trained on, so there is no embargo (``embargo_ns`` is None: without an end).

    Parameters
    ----------
    spans
        As in :class:`PurgedKFold`.
    n_splits
        1 to n - 1; there is one block more.
    max_train_ns
        Length of a rolling window, which ends where the margin before the test block begins: labels that start in it
        are trained on. None: all that is past.
    purge, purge_ns
        As in :class:`PurgedKFold`.

    Raises
    ------
    UsageError
        If a parameter is out of range, or the margin is given both ways.

    Examples
    --------
    >>> spans = [[0, 10], [10, 20], [21, 40], [40, 50], [60, 70], [71, 80]]
    >>> for train, test in PurgedWalkForward(spans, n_splits=2, purge_ns=0).split():
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4 5]
    """

    embargo_ns = None

    def __init__(
        self,
        spans: ArrayLike,
        n_splits: int = 5,
        *,
        max_train_ns: int | None = None,
        purge: float | None = None,
        purge_ns: int | None = None,
    ) -> None:
        super().__init__(spans)
        if len(self._starts) < 2:
            raise UsageError("spans must have at least 2 rows to walk forward, got 1")
        self.n_splits = checked_count("n_splits", n_splits, 1, len(self._starts) - 1)
        self.purge_ns = self._length_ns("purge", purge, purge_ns, PURGE)
        self.max_train_ns = None if max_train_ns is None else checked_count("max_train_ns", max_train_ns, 1, MOST_NS)
        self._cut(self.n_splits + 1, [(block,) for block in range(1, self.n_splits + 1)])

    def _assign(self, roles: NDArray[np.int8], blocks: Sequence[int]) -> None:
        super()._assign(roles, blocks)
        (block,) = blocks
        roles[self._bounds[block + 1] :] = Role.UNUSED
        if self.max_train_ns is not None:
            begin = self._bounds[block]
            since_ns = max(int(self._starts[begin]) - self.purge_ns - self.max_train_ns, -MOST_NS)
            roles[: min(int(np.searchsorted(self._starts, since_ns)), begin)] = Role.UNUSED


class CombinatorialPurgedCV(_PurgedSplitter):
    """Every choice of ``n_test_groups`` of ``n_groups`` blocks is tested once, which makes several whole backtests.

    Test blocks that are not next to each other are purged and embargoed each for itself.

    Parameters
    ----------
    spans
        As in :class:`PurgedKFold`.
    n_groups
        Blocks, 2 to n.
    n_test_groups
        Of them tested at once, 1 to ``n_groups - 1``; at most MOST_SPLITS choices.
    purge, purge_ns, embargo, embargo_ns
        As in :class:`PurgedKFold`.

    Raises
    ------
    UsageError
        If a parameter is out of range, or a margin is given both ways.

    Examples
    --------
    >>> cv = CombinatorialPurgedCV([[i, i] for i in range(60)], n_groups=6, n_test_groups=2)
    >>> cv.get_n_splits(), cv.n_paths
    (15, 5)
    >>> cv.describe(1).test_ns
    ((0, 9), (20, 29))
    """

    def __init__(
        self,
        spans: ArrayLike,
        n_groups: int = 10,
        n_test_groups: int = 2,
        *,
        purge: float | None = None,
        purge_ns: int | None = None,
        embargo: float | None = None,
        embargo_ns: int | None = None,
    ) -> None:
        super().__init__(spans)
        self.n_groups = checked_count("n_groups", n_groups, 2, len(self._starts))
        self.n_test_groups = checked_count("n_test_groups", n_test_groups, 1, self.n_groups - 1)
        splits = math.comb(self.n_groups, self.n_test_groups)
        if splits > MOST_SPLITS:
            raise UsageError(f"n_groups over n_test_groups must be at most {MOST_SPLITS} splits, got {splits}")
        self.purge_ns = self._length_ns("purge", purge, purge_ns, PURGE)
        self.embargo_ns = self._length_ns("embargo", embargo, embargo_ns, EMBARGO)
        self._cut(self.n_groups, list(itertools.combinations(range(self.n_groups), self.n_test_groups)))

    @property
    def n_paths(self) -> int:
        """Whole backtests that the splits make: how often each group is tested."""
        return math.comb(self.n_groups - 1, self.n_test_groups - 1)

    def paths(self) -> NDArray[np.int64]:
        """The split that tests each group of each path; int64 of shape (n_paths, n_groups).

        Within a group splits are dealt to the paths in order, so each split serves each of its groups once.

        Examples
        --------
        >>> CombinatorialPurgedCV([[i, i] for i in range(8)], n_groups=4, n_test_groups=2).paths()
        array([[0, 0, 1, 2],
               [1, 3, 3, 4],
               [2, 4, 5, 5]])
        """
        tested = np.array(self._tests)
        groups = [np.flatnonzero((tested == group).any(axis=1)) for group in range(self.n_groups)]
        return np.column_stack(groups)


def _runs(blocks: Sequence[int]) -> list[list[int]]:
    """Blocks that are next to each other, together."""
    runs: list[list[int]] = []
    for block in blocks:
        if runs and runs[-1][-1] == block - 1:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs
