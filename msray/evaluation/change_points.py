"""Alarms and segmentations against changes that are known, or that people marked.

There is no point-adjusted F1 here: it calls a whole stretch found once one point of it is, so random alarms score high.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import MOST_NS, checked_count, checked_whole
from msray.errors import UsageError

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayScore:
    """How soon changes were found, and how often there was an alarm without one.

    Attributes
    ----------
    delays
        Of each change, ascending: from the change to its alarm, None where it was missed.
    false_alarms
        Alarms that found no change.
    quiet
        Length in which an alarm would have been false: all but from each change to its alarm, or to the end of its
        time where it was missed.

    Notes
    -----
    Everything is in the unit of the places: values, bars or nanoseconds. Bifet (2017), "Classifier
    concept drift detection and the illusion of progress".
    """

    delays: tuple[int | None, ...]
    false_alarms: int
    quiet: int

    @property
    def mtfa(self) -> float:
        """Mean time to a false alarm, the ARL0 that was seen; inf where there was none."""
        return self.quiet / self.false_alarms if self.false_alarms else math.inf

    @property
    def mtd(self) -> float:
        """Mean time to detection of the changes that were found; NaN where none was."""
        found = [delay for delay in self.delays if delay is not None]
        return sum(found) / len(found) if found else math.nan

    @property
    def mdr(self) -> float:
        """Missed detection rate: share of the changes that were missed; NaN without any."""
        return self.delays.count(None) / len(self.delays) if self.delays else math.nan

    @property
    def mtr(self) -> float:
        """Mean time ratio, ``mtfa / mtd * (1 - mdr)``; 0 where all were missed, NaN without any change."""
        if self.mdr == 1.0:
            return 0.0
        return self.mtfa / self.mtd * (1.0 - self.mdr) if self.mtd else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginScore:
    """Precision against the changes that anybody marked, recall averaged over those who marked, and their F1."""

    precision: float
    recall: float
    f1: float


def score_delays(change_at: ArrayLike, alarm_at: ArrayLike, *, length: int, within: int) -> DelayScore:
    """Judge the alarms of one stream.

    A change is found by the first alarm in the ``within`` places from its own on, up to the next change or the end of
    the stream. Every other alarm is false, the second one after the same change too: after an alarm a detector starts
    anew, and nothing has changed since.

    Parameters
    ----------
    change_at
        First place after each change, counted from 0, below ``length``, in any order; a repeated one is one change.
    alarm_at
        Places of the alarms, likewise; a repeated one is two alarms.
    length
        Of the stream, at least 1.
    within
        Places in which an alarm still finds a change, at least 1.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Examples
    --------
    >>> score = score_delays([1000, 2000, 3000], [500, 1020, 2060, 2500], length=4000, within=200)
    >>> score.delays, score.false_alarms, score.quiet
    ((20, 60, None), 2, 3720)
    >>> score.mtfa, score.mtd, round(score.mdr, 3), round(score.mtr, 3)
    (1860.0, 40.0, 0.333, 31.0)
    """
    checked_count("length", length, 1, MOST_NS)
    checked_count("within", within, 1, MOST_NS)
    changes = _changes("change_at", change_at, length)
    alarms = np.sort(checked_whole("alarm_at", alarm_at, most=length - 1))
    ends = np.minimum(changes + min(within, length), np.append(changes[1:], length))
    delays: list[int | None] = []
    quiet = length
    for change, end in zip(changes.tolist(), ends.tolist(), strict=True):
        first = int(np.searchsorted(alarms, change))
        is_found = first < len(alarms) and alarms[first] < end
        delays.append(int(alarms[first]) - change if is_found else None)
        quiet -= (int(alarms[first]) if is_found else end) - change
    false_alarms = len(alarms) - sum(delay is not None for delay in delays)
    return DelayScore(delays=tuple(delays), false_alarms=false_alarms, quiet=quiet)


def covering(annotations: Sequence[ArrayLike], predicted: ArrayLike, *, length: int) -> float:
    """Overlap of a segmentation with those that people marked, 0 to 1.

    Parameters
    ----------
    annotations
        For each person the places that they marked: the first of each new segment, counted from 0, below ``length``. At
        least one person; one who marked nothing says that nothing changed.
    predicted
        The places that are judged, likewise.
    length
        Of the series, at least 1.

    Returns
    -------
    float
        Mean over persons of the mean over places of the largest Jaccard index between the segment that the person has
        there and a predicted one.

    Raises
    ------
    UsageError
        If a place is outside the series, or nobody marked.

    Notes
    -----
    Arbelaez et al. (2010); van den Burg and Williams (2020), "An evaluation of change point detection algorithms". Who
    predicts nothing scores .583 there on average: that is the floor.

    Examples
    --------
    >>> round(covering([[10, 20], [10], [0, 5]], [10, 20], length=45), 10)
    0.7962962963
    """
    checked_count("length", length, 1, MOST_NS)
    said = _edges(_changes("predicted", predicted, length), length)
    marked = _marked(annotations, length)
    return sum(_covered(_edges(places, length), said) for places in marked) / len(marked) / length


def f1_with_margin(annotations: Sequence[ArrayLike], predicted: ArrayLike, *, margin: int = 5) -> MarginScore:
    """F1 of predicted changes, each of which may be off by ``margin`` places.

    Parameters
    ----------
    annotations, predicted
        As in :func:`covering`.
    margin
        Largest distance at which a prediction is right, at least 0.

    Raises
    ------
    UsageError
        If a place is negative, nobody marked, or the margin is negative.

    Notes
    -----
    van den Burg and Williams (2020): place 0 is added everywhere, so that nothing is undefined, and each marked place,
    in ascending order, takes the nearest prediction that is still free. Who predicts nothing scores .669 there on
    average.

    Examples
    --------
    >>> round(f1_with_margin([[], [10], [50]], [10]).f1, 7)
    0.9090909
    """
    checked_count("margin", margin, 0, MOST_NS)
    said = {0, *_changes("predicted", predicted).tolist()}
    persons = [{0, *places.tolist()} for places in _marked(annotations)]
    precision = _right(set().union(*persons), said, margin) / len(said)
    recall = sum(_right(places, said, margin) / len(places) for places in persons) / len(persons)
    return MarginScore(precision=precision, recall=recall, f1=2.0 * precision * recall / (precision + recall))


def _changes(name: str, values: ArrayLike, length: int = MOST_NS) -> Places:
    """Ascending, each once."""
    return np.unique(checked_whole(name, values, most=length - 1))


def _marked(annotations: Sequence[ArrayLike], length: int = MOST_NS) -> list[Places]:
    if not len(annotations):
        raise UsageError("annotations must be those of at least one person, got none")
    return [_changes(f"annotations[{i}]", places, length) for i, places in enumerate(annotations)]


def _edges(changes: Places, length: int) -> Places:
    """Where segments begin, and the end of the last."""
    return np.unique([0, *changes, length])


def _covered(marked: Places, said: Places) -> float:
    """Sum over marked segments of length times the largest Jaccard index with one that was said."""
    total = 0.0
    for begin, end in pairwise(marked.tolist()):
        first, last = np.searchsorted(said, begin, side="right") - 1, np.searchsorted(said, end)
        begins, ends = said[first:last], said[first + 1 : last + 1]
        shared = np.minimum(ends, end) - np.maximum(begins, begin)
        total += (end - begin) * float((shared / (np.maximum(ends, end) - np.minimum(begins, begin))).max())
    return total


def _right(marked: set[int], said: set[int], margin: int) -> int:
    """Marked places that have a prediction of their own."""
    free, right = sorted(said), 0
    for place in sorted(marked):
        near = free[bisect_left(free, place - margin) : bisect_right(free, place + margin)]
        if near:
            free.remove(min(near, key=lambda one: abs(one - place)))
            right += 1
    return right
