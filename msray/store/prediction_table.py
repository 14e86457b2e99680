"""Predictions of others, from a Parquet or CSV file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msray.backtest.follower import SIDES, side_of
from msray.errors import FeedError, UsageError
from msray.evaluation import Predictions
from msray.market import Signal
from msray.store.columns import Column, need, read_columns

CHANCES = ("probability_down", "probability_flat", "probability_up")
DIRECTION, LABEL, SCORE, PROBABILITY = "direction", "label", "score", "probability"
SPANS = ("begin_ns", "end_ns")


def read_predictions(path: Path) -> tuple[Predictions, int]:
    """Predictions with the labels that came.

    Parameters
    ----------
    path
        Columns: ``label`` (0 or 1, or -1, 0 and 1), ``score`` or ``probability`` (of label 1). For directions
        ``direction`` (-1, 0, 1) with ``score``, or ``probability_down, probability_flat, probability_up``. Where
        labels last, ``begin_ns`` and ``end_ns``.

    Returns
    -------
    tuple
        The predictions, and the number of rows left out because they have no label.

    Raises
    ------
    UsageError, FeedError
        As :func:`read_columns` does; the latter also if a column is missing or a value out of range.
    """
    columns = read_columns(path)
    need(path, columns, [LABEL])
    known = ~_is_null(columns[LABEL])
    columns = {name: column[known] for name, column in columns.items()}
    try:
        return _predictions(path, columns), int((~known).sum())
    except UsageError as error:
        raise FeedError(f"{path}: {error}", hint=error.hint) from error


@dataclass(frozen=True, slots=True, eq=False)
class GivenSignals:
    """Signals of others.

    Attributes
    ----------
    event_ns, score, side
        Exchange time, how sure each is (0 to 1), and the side it speaks for: 1, -1, or 0 for none.
    instrument
        ``venue:SYMBOL`` of each; None where the file does not say.
    """

    event_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    side: NDArray[np.int64]
    instrument: Column | None

    @classmethod
    def of(cls, signals: Sequence[Signal]) -> "GivenSignals":
        """Those that our detectors found."""
        return cls(
            event_ns=np.array([one.event_ns for one in signals], np.int64),
            score=np.array([one.score for one in signals], np.float64),
            side=np.array([side_of(one) for one in signals], np.int64),
            instrument=np.array([one.instrument for one in signals], object),
        )

    def by_instrument(self, instruments: Sequence[str]) -> "list[GivenSignals]":
        """Those of each instrument.

        Raises
        ------
        FeedError
            If the file does not say whose they are and there are several, or names one that is not among them.
        """
        if self.instrument is None:
            if len(instruments) > 1:
                raise FeedError("signals of several instruments must have a column instrument")
            return [self]
        strange = set(self.instrument.tolist()) - set(instruments)
        if strange:
            raise FeedError(
                f"signals must be of instruments that were recorded, got {min(map(str, strange))}",
                hint=f"recorded: {', '.join(instruments)}",
            )
        parts = [np.flatnonzero(self.instrument == name) for name in instruments]
        return [GivenSignals(self.event_ns[i], self.score[i], self.side[i], self.instrument[i]) for i in parts]


def read_signals(path: Path) -> GivenSignals:
    """Signals to be judged by a recording.

    Parameters
    ----------
    path
        Columns: ``event_ns`` (exchange time), ``score`` (0 to 1), ``direction`` (of the price: -1, 0, 1); where there
        are several instruments, ``instrument``. With ``signal_type``, as ``msray replay --signals`` writes them,
        ``direction`` is of what that type watches.

    Raises
    ------
    UsageError, FeedError
        As :func:`read_columns` does; the latter also if a column is missing or a value out of range.
    """
    columns = read_columns(path)
    need(path, columns, ["event_ns", SCORE, DIRECTION])
    event_ns, score, direction = (columns[name] for name in ("event_ns", SCORE, DIRECTION))
    if event_ns.dtype.kind not in "iu":
        raise FeedError(f"{path}: event_ns must be whole nanoseconds, got {event_ns.dtype}")
    if score.dtype.kind not in "iuf" or not ((score >= 0) & (score <= 1)).all():
        raise FeedError(f"{path}: score must be 0 to 1")
    if direction.dtype.kind not in "iuf" or not np.isin(direction, (-1, 0, 1)).all():
        raise FeedError(f"{path}: direction must be -1, 0 or 1")
    side = direction.astype(np.int64)
    if "signal_type" in columns:
        side *= np.array([SIDES.get(name, 0) for name in columns["signal_type"]], np.int64)
    return GivenSignals(event_ns.astype(np.int64), score.astype(np.float64), side, columns.get("instrument"))


def _predictions(path: Path, columns: Mapping[str, Column]) -> Predictions:
    if any(name in columns for name in SPANS):
        need(path, columns, SPANS)
    spans = np.column_stack([columns[name] for name in SPANS]) if SPANS[0] in columns else None
    has_chances = any(name in columns for name in CHANCES)
    if has_chances:
        need(path, columns, CHANCES)
    if has_chances or DIRECTION in columns:
        chances = np.column_stack([columns[name] for name in CHANCES]) if has_chances else None
        said = columns[DIRECTION] if chances is None or DIRECTION in columns else chances.argmax(axis=1) - 1
        if chances is None:
            need(path, columns, [SCORE])
        return Predictions.of_directions(columns[LABEL], said, columns.get(SCORE), probability=chances, spans=spans)
    if PROBABILITY not in columns:
        need(path, columns, [SCORE])
    return Predictions.of_labels(
        columns[LABEL],
        columns[PROBABILITY] if PROBABILITY in columns else columns[SCORE],
        is_probability=PROBABILITY in columns,
        spans=spans,
    )


def _is_null(column: Column) -> NDArray[np.bool_]:
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.array([value is None for value in column]) if column.dtype == object else np.zeros(len(column), bool)
