"""``TrackRecord``: what came of predictions, as their horizons are completed by the rows that follow.

``Hindsight`` knows of those of one stretch.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.market import Prediction, PredictionScore
from msray.models.classes import DOWN, FLAT, UP
from msray.models.conformal import ConformalSets, FollowingSets

BINS = 15
_EDGES = np.linspace(0.0, 1.0, BINS + 1)[1:-1]

WINDOWS: Mapping[str, Callable[[int, int], tuple[int, int]]] = {
    "next_mean_over_mid": lambda k, _: (1, k),
    "later_mid_over_mid": lambda k, _: (1, 1),
    "next_mean_over_last_mean": lambda k, _: (k, k),
    "later_mean_over_last_mean": lambda k, smoothing: (smoothing, smoothing),
}
"""Rows of the mean that a family of labels divides by, and of the one that ends ``k`` rows later; see
:mod:`msray.labels`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One prediction at one horizon, and what came."""

    true: int
    said: int
    persisting: int
    is_sure: bool
    chance: float
    is_likeliest: bool


class Tally:
    """The latest outcomes of one horizon, counted; a row costs the same however many there are.

    Parameters
    ----------
    most
        The oldest beyond so many are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._latest: deque[Outcome] = deque()
        self._most = most
        self.told = np.zeros((3, 3), np.int64)
        """By what came and what was said."""
        self.persisted = np.zeros((3, 3), np.int64)
        """By what came and what persistence would have said."""
        self.sure = np.zeros(2, np.int64)
        """Those that were sure, and those of them that were right."""
        self.bins = np.zeros((BINS, 3))
        """By chance of the likeliest class: how many, sum of the chances, how many came true."""

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self._count(outcome, 1)
        self._latest.append(outcome)
        if len(self._latest) > self._most:
            self._count(self._latest.popleft(), -1)

    def _count(self, one: Outcome, by: int) -> None:
        self.told[one.true, one.said] += by
        self.persisted[one.true, one.persisting] += by
        if one.is_sure:
            self.sure += (by, by * (one.true == one.said))
        at = int(np.searchsorted(_EDGES, one.chance))
        self.bins[at] += (by, by * one.chance, by * one.is_likeliest)


class TrackRecord:
    """What came of the predictions of one model on one instrument, in all stretches.

    Parameters
    ----------
    horizons, thresholds, family, smoothing
        Of the labels that it was trained for.
    most
        Outcomes of each horizon that are counted, the latest.

    Attributes
    ----------
    horizons
        As given.
    windows
        Of each horizon; see :data:`WINDOWS`.
    smoothed
        Rows that persistence looks back on; 0: as many as the horizon.
    tallies
        Of each horizon.
    judged
        Outcomes so far, of all horizons.
    """

    def __init__(
        self, horizons: Sequence[int], thresholds: Sequence[float], family: str, smoothing: int, *, most: int
    ) -> None:
        self.judged = 0
        self.tallies = tuple(Tally(most) for _ in horizons)
        self.smoothed = smoothing if family == "later_mean_over_last_mean" else 0
        self.horizons, self._thresholds = tuple(horizons), tuple(thresholds)
        self.windows = tuple(WINDOWS[family](k, smoothing) for k in horizons)

    def begin(self, sets: ConformalSets | None = None) -> "Hindsight":
        """Of a new stretch: nothing is known of it yet."""
        return Hindsight(self, sets)

    def add(self, column: int, outcome: Outcome) -> None:
        """Count what came at a horizon, by its number."""
        self.judged += 1
        self.tallies[column].add(outcome)

    def class_of(self, change: float, column: int) -> int:
        """Of a change of the mid, at a horizon, by its number."""
        threshold = self._thresholds[column]
        return UP if change > threshold else DOWN if change < -threshold else FLAT


class Hindsight:
    """Follows the predictions of one stretch until it is known what came, and the model's sets with them.

    Parameters
    ----------
    record
        Where outcomes are counted.
    sets
        Of the model, if it has any.

    Notes
    -----
    A prediction enters with the number of its row, and is judged when the rows behind it are complete: nothing looks
    ahead, as there is nothing ahead to look at. One whose stretch ends before is never judged, nor is it in training.
    Each stretch begins with the sets as they were fitted, as networks begin with nothing: what is said of a stretch
    depends on its rows alone, so that whoever finds its log can say it again.
    """

    def __init__(self, record: TrackRecord, sets: ConformalSets | None) -> None:
        self._record = record
        self._sets = None if sets is None else FollowingSets(sets)
        self._reach = max(*record.horizons, *(rows for window in record.windows for rows in window))
        self._waiting: list[deque[tuple[int, int, Prediction]]] = [deque() for _ in record.horizons]
        self._came: list[deque[tuple[int, Sequence[float], int, int]]] = [deque() for _ in record.horizons]
        self._last = -1
        self._sums = np.zeros(1, np.int64)
        self._first = 0

    def rows(self, mid: NDArray[np.int64], *, due: int | None = None) -> None:
        """The next rows; judges whatever they complete.

        Parameters
        ----------
        mid
            Best bid and best ask, added.
        due
            The first row before these behind which a prediction is still to come; none is, if left out.
        """
        begin = min(self._count - self._reach, self._count if due is None else due) - self._reach
        begin = max(begin, self._first)
        kept, self._first = self._sums[begin - self._first :], begin
        self._sums = np.concatenate([kept, kept[-1] + np.cumsum(mid)])
        self._judge_all()

    def predicted(self, row: int, prediction: Prediction) -> None:
        """A prediction behind a row of this stretch, counted from its first; rows come in order.

        It is judged at once where the rows behind it are there: so figures do not depend on how rows are cut.
        """
        for waiting in self._waiting:
            waiting.append((row, row - self._last, prediction))
        self._last = row
        self._judge_all()

    def learn_until(self, row: int) -> FollowingSets | None:
        """Let the sets learn all that had come by a row, and nothing else; rows come in order."""
        if self._sets is not None:
            for column, came in enumerate(self._came):
                while came and came[0][0] <= row:
                    _, chances, true, rows = came.popleft()
                    self._sets.came(column, chances, true, rows)
        return self._sets

    @property
    def _count(self) -> int:
        return self._first + len(self._sums) - 1

    def _sum(self, begin: int, end: int) -> int | None:
        """Of the mids of these rows; None where they are not known, or not any more."""
        if begin < self._first:
            return None
        return int(self._sums[end - self._first] - self._sums[begin - self._first])

    def _judge_all(self) -> None:
        """Whatever is complete."""
        for column, waiting in enumerate(self._waiting):
            while waiting and waiting[0][0] + self._record.horizons[column] < self._count:
                self._judge(column, *waiting.popleft())

    def _judge(self, column: int, row: int, rows: int, prediction: Prediction) -> None:
        k, (past, future) = self._record.horizons[column], self._record.windows[column]
        before = self._sum(row + 1 - past, row + 1)
        after = self._sum(row + k + 1 - future, row + k + 1)
        persisting = self._persisting(column, row)
        if before is None or after is None or persisting is None:
            return
        before *= future // past
        chances = prediction.chances[column]
        true = self._record.class_of((after - before) / before, column)
        if self._sets is not None:
            self._came[column].append((row + k, chances, true, rows))
        self._record.add(
            column,
            Outcome(
                true=true,
                said=FLAT + prediction.directions[column],
                persisting=persisting,
                is_sure=prediction.is_sure[column],
                chance=max(chances),
                is_likeliest=chances.index(max(chances)) == true,
            ),
        )

    def _persisting(self, column: int, row: int) -> int | None:
        """What has just happened, as :func:`msray.training.floors.persistence` says it."""
        count = min(row + 1, self._record.smoothed or self._record.horizons[column])
        last, mid = self._sum(row + 1 - count, row + 1), self._sum(row, row + 1)
        if last is None or mid is None:
            return None
        return self._record.class_of((mid * count - last) / last, column)


def score(tallies: Iterable[Tally], model: str, digest: str, horizon: int, step_s: float | None) -> PredictionScore:
    """Figures of one horizon, from the tallies of any number of instruments."""
    all_tallies = list(tallies)
    told = sum((one.told for one in all_tallies), np.zeros((3, 3), np.int64))
    persisted = sum((one.persisted for one in all_tallies), np.zeros((3, 3), np.int64))
    sure, right = sum((one.sure for one in all_tallies), np.zeros(2, np.int64)).tolist()
    bins = sum((one.bins for one in all_tallies), np.zeros((BINS, 3)))
    rows = int(told.sum())
    moved = told[[DOWN, UP]]
    committed = moved[:, [DOWN, UP]]
    return PredictionScore(
        model=model,
        digest=digest,
        horizon=horizon,
        rows=rows,
        accuracy=_share(np.trace(told), rows),
        base_rate=_share(told.sum(axis=1).max(), rows),
        persistence=_share(np.trace(persisted), rows),
        mean_reversion=_share(np.trace(persisted[:, ::-1]), rows),
        moved_coverage=_share(moved.sum(), rows),
        moved_accuracy=_share(np.trace(committed), moved.sum()),
        moved_base_rate=_share(moved.sum(axis=1).max(), moved.sum()),
        committed_coverage=_share(committed.sum(), rows),
        committed_accuracy=_share(np.trace(committed), committed.sum()),
        committed_base_rate=_share(committed.sum(axis=1).max(), committed.sum()),
        sure_coverage=_share(sure, rows),
        sure_accuracy=_share(right, sure),
        ece=_share(np.abs(bins[:, 1] - bins[:, 2]).sum(), rows),
        step_seconds=step_s,
    )


def _share(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None
