"""A diagram of purged folds: which labels each of them trains on, tests and leaves out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msray.backtest.page.charts import Period, legend, over_time
from msray.backtest.page.html import Markup
from msray.evaluation import Role

MOST_FOLDS = 20
KINDS = {
    Role.TRAIN: ("train", "trained on"),
    Role.TEST: ("test", "tested"),
    Role.PURGED: ("purged", "purged: shares time with a tested one"),
    Role.EMBARGOED: ("embargoed", "embargo: right after the tested ones"),
    Role.UNUSED: ("unused", "not used"),
}
_HALF = {Role.TRAIN: 0.3, Role.TEST: 0.42, Role.PURGED: 0.18, Role.EMBARGOED: 0.09, Role.UNUSED: 0.03}
"""Half of a bar's height: the roles can be told apart without colours."""


class Folds(Protocol):
    """A splitter of :mod:`msray.evaluation`."""

    def get_n_splits(self) -> int:
        """How many splits it makes."""
        ...

    def roles(self, split: int) -> NDArray[np.int8]:
        """The :class:`~msray.evaluation.Role` of each label in a split."""
        ...


def fold_diagram(width: float, spans: NDArray[np.int64], folds: Folds) -> Markup:
    """One row a fold, at most ``MOST_FOLDS``; each label is drawn where it begins, up to the next one.

    Parameters
    ----------
    width
        Of the drawing.
    spans
        ``(n, 2)`` int64: first and last instant of each label, nanoseconds UTC, at least one.
    folds
        The splitter that was made from them.
    """
    count = min(folds.get_n_splits(), MOST_FOLDS)
    period = Period(int(spans[:, 0].min()), max(int(spans[:, 1].max()), int(spans[:, 0].min()) + 1))
    plot = over_time("Folds of the judged signals", (width, 54.0 + 26.0 * count), period, (float(count), 0.0))
    plot.y_axis([], "fold")
    order = np.argsort(spans[:, 0], kind="stable")
    starts = period.place(spans[order, 0])
    # Of labels that begin within one pixel, the first is drawn.
    seen = np.flatnonzero(np.diff(np.floor(starts * (width / period.seconds)), prepend=-1.0))
    for fold in range(count):
        roles = folds.roles(fold)[order][seen]
        plot.text(plot.x.begin - 6, float(plot.y(fold + 0.5)) + 4, "end", f"{fold + 1}")
        runs = np.flatnonzero(np.diff(roles, prepend=-1))
        begins = starts[seen][runs]
        ends = np.append(begins[1:], period.seconds)
        for begin, end, role in zip(begins.tolist(), ends.tolist(), roles[runs].tolist(), strict=True):
            half = _HALF[Role(role)]
            plot.box((begin, end), (fold + 0.5 - half, fold + 0.5 + half), KINDS[Role(role)][0])
    return plot.svg()


def fold_legend() -> Markup:
    """What the bars of a fold with an embargo mean."""
    shown = (Role.TRAIN, Role.TEST, Role.PURGED, Role.EMBARGOED)
    return legend([(f"M-12 0v{14 * _HALF[role]:.1f}h24v{-28 * _HALF[role]:.1f}h-24z", *KINDS[role]) for role in shown])
