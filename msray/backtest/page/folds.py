"""Purged folds as rows of a time line: which labels each of them trains on, tests and leaves out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msray.backtest.page.timeline import Row, Span
from msray.evaluation import Role

MOST_FOLDS = 20
COLUMNS = 1000
"""Of the whole time: of labels that begin within one, the first is drawn."""
KINDS = {
    Role.TRAIN: "train",
    Role.TEST: "test",
    Role.PURGED: "purged",
    Role.EMBARGOED: "embargoed",
    Role.UNUSED: "unused",
}
"""Role of a label -> kind of a span."""


class Folds(Protocol):
    """A splitter of :mod:`msray.evaluation`."""

    def get_n_splits(self) -> int:
        """How many splits it makes."""
        ...

    def roles(self, split: int) -> NDArray[np.int8]:
        """The :class:`~msray.evaluation.Role` of each label in a split."""
        ...


def fold_rows(spans: NDArray[np.int64], folds: Folds) -> list[Row]:
    """A row a fold, at most ``MOST_FOLDS``; each label lies where it begins, up to the next one.

    Parameters
    ----------
    spans
        ``(n, 2)`` int64: first and last instant of each label, nanoseconds UTC, at least one.
    folds
        The splitter that was made from them.
    """
    order = np.argsort(spans[:, 0], kind="stable")
    begins, end_ns = spans[order, 0], int(spans[:, 1].max())
    column = (begins - begins[0]) * (COLUMNS / max(end_ns - int(begins[0]), 1))
    seen = np.flatnonzero(np.diff(np.floor(column), prepend=-1.0))
    return [
        (f"{fold + 1}", _row(begins[seen], folds.roles(fold)[order][seen], end_ns))
        for fold in range(min(folds.get_n_splits(), MOST_FOLDS))
    ]


def _row(begins: NDArray[np.int64], roles: NDArray[np.int8], end_ns: int) -> list[Span]:
    """Labels of one role that follow each other, as one span."""
    runs = np.flatnonzero(np.diff(roles, prepend=-1))
    ends = np.append(begins[runs[1:]], end_ns)
    return [
        Span(begin, end, KINDS[Role(role)])
        for begin, end, role in zip(begins[runs].tolist(), ends.tolist(), roles[runs].tolist(), strict=True)
    ]
