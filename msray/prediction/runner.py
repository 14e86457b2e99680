"""``Runner``: a model in ONNX Runtime, stepped row by row or shown windows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.errors import UnavailableError, UsageError
from msray.extras import from_extra
from msray.models.classes import FLAT, NO_LABEL
from msray.models.conformal import FollowingSets
from msray.models.tempering import Scores
from msray.prediction.served import ServedMember, ServedModel

RowValues = NDArray[np.float32]
Memory = dict[str, list[NDArray[np.float32]]]
"""What each stepped member remembers, by its name; the first axis of each array is the stream."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What a model says of some rows.

    Attributes
    ----------
    chances
        ``(n, h, 3)`` float64: of down, flat, up; NaN where no member says anything.
    directions
        ``(n, h)`` int64: -1 down, 0 flat, 1 up; 0 where nothing is said.
    is_sure
        ``(n, h)``: whether every other class is excluded.
    votes
        ``(n, h)`` int64 by member, likewise; :data:`~msray.models.classes.NO_LABEL` where one says nothing.
    """

    chances: NDArray[np.float64]
    directions: NDArray[np.int64]
    is_sure: NDArray[np.bool_]
    votes: Mapping[str, NDArray[np.int64]]


@contextmanager
def our_errors() -> Iterator[None]:
    """What ONNX Runtime cannot do is an error of ours; its errors have no base of their own.

    Raises
    ------
    UnavailableError
        In its place.
    """
    try:
        yield
    except _errors_of_onnxruntime() as error:
        raise UnavailableError(f"ONNX Runtime: {str(error).splitlines()[0]}") from error


def _errors_of_onnxruntime() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return tuple(one for one in vars(state).values() if isinstance(one, type) and issubclass(one, Exception))


class Runner:
    """Predicts with a model; one thread at a time may use it.

    Parameters
    ----------
    served
        The model.

    Raises
    ------
    UsageError
        If ONNX Runtime is not installed.
    UnavailableError
        If it cannot run one of the networks.

    Notes
    -----
    Each session has one thread, which does not spin while it waits: a shard and its models share few cores. Products of
    matrices may differ in their last bits with how many windows are looked at in one go, so that :meth:`window_scores`
    looks at each by itself: what is predicted live must not depend on what else was asked at that moment.
    """

    def __init__(self, served: ServedModel) -> None:
        self.served = served
        with from_extra("models", "predicting"), our_errors():
            self._stepped = {one.name: _Stepped(one) for one in served.members if one.window is None}
            self._windowed = {one.name: (_session(one.onnx), one.window) for one in served.members if one.window}

    def start(self, streams: int = 1) -> Memory:
        """The memory of so many streams of which nothing has been seen."""
        return {name: member.start(streams) for name, member in self._stepped.items()}

    def step(self, rows: RowValues, memory: Memory) -> tuple[dict[str, Scores], Memory]:
        """Show the stepped members the next row of each stream.

        Parameters
        ----------
        rows
            ``(b, c)`` float32, contiguous; NaN where a feature is not known.
        memory
            What :meth:`start` or the last step gave; its arrays are written over.

        Returns
        -------
        scores
            ``(b, h, 3)`` by member.
        memory
            For the next step.
        """
        return {name: member.step(rows, memory[name]) for name, member in self._stepped.items()}, memory

    def window_scores(self, rows: ArrayLike) -> dict[str, Scores]:
        """What the members over windows say behind the last row.

        Parameters
        ----------
        rows
            ``(b, t, c)``: the latest rows of each stream. Those before a member's window are not looked at.

        Returns
        -------
        dict[str, Scores]
            ``(b, h, 3)`` by member; NaN where ``t`` is less than its window.

        Raises
        ------
        UsageError
            If ``rows`` has another shape.
        """
        given = self._checked(rows)
        alone = [self._of_windows(given[at : at + 1]) for at in range(len(given))]
        return {name: np.concatenate([self._nothing(0), *(one[name] for one in alone)]) for name in self._windowed}

    def whole(self, rows: ArrayLike) -> dict[str, Scores]:
        """What every member says behind the last row, stepped ones from nothing through all rows.

        All windows in one go, which is faster; else see :meth:`window_scores`.
        """
        given = self._checked(rows)
        memory = self.start(len(given))
        scores = {name: self._nothing(len(given)) for name in self._stepped}
        for at in range(given.shape[1]):
            scores, memory = self.step(np.ascontiguousarray(given[:, at]), memory)
        return {**scores, **self._of_windows(given)}

    def answers(self, scores: Mapping[str, Scores], sets: FollowingSets | None = None) -> Answers:
        """What the model says, from the scores ``(n, h, 3)`` of all its members.

        Sets that have followed what came say what is sure; else those of the model do.
        """
        spoken = self.served.mixture.say(scores)
        decided, possible = spoken.classes, spoken.possible if sets is None else sets.sets(spoken.chances)
        alone = (possible.sum(axis=2) == 1) & (possible.argmax(axis=2) == decided)
        return Answers(
            chances=spoken.chances,
            directions=np.where(decided == NO_LABEL, 0, decided - FLAT),
            is_sure=alone,
            votes={
                one.name: np.where(vote == NO_LABEL, NO_LABEL, vote - FLAT)
                for one, vote in zip(self.served.members, spoken.votes, strict=True)
            },
        )

    def _checked(self, rows: ArrayLike) -> RowValues:
        given = np.ascontiguousarray(rows, np.float32)
        columns = len(self.served.features)
        if given.ndim != 3 or given.shape[2] != columns:
            raise UsageError(f"rows must have the shape (windows, rows, {columns}), got {given.shape}")
        return given

    def _of_windows(self, rows: RowValues) -> dict[str, Scores]:
        found: dict[str, Scores] = {}
        for name, (session, window) in self._windowed.items():
            is_shown = len(rows) and rows.shape[1] >= window
            shown = np.ascontiguousarray(rows[:, -window:])
            found[name] = session.run(None, {"rows": shown})[0][:, 0] if is_shown else self._nothing(len(rows))
        return found

    def _nothing(self, streams: int) -> Scores:
        return np.full((streams, len(self.served.horizons), 3), np.nan, np.float32)


class _Stepped:
    """A stepped network; what goes in and out lies in arrays that stay, as long as the number of streams does."""

    def __init__(self, member: ServedMember) -> None:
        self._session = _session(member.onnx)
        row, *memory = self._session.get_inputs()
        scores, *after = self._session.get_outputs()
        self._row, self._scores = (row.name, row.shape[1:]), (scores.name, scores.shape[1:])
        self._memory = [(one.name, one.shape[1:]) for one in memory]
        self._after = [one.name for one in after]
        self._bind(1)

    def start(self, streams: int) -> list[NDArray[np.float32]]:
        return [np.zeros((streams, *shape), np.float32) for _, shape in self._memory]

    def step(self, rows: RowValues, memory: list[NDArray[np.float32]]) -> Scores:
        if len(rows) != len(self._rows):
            self._bind(len(rows))
        np.copyto(self._rows, rows)
        for into, one in zip(self._before, memory, strict=True):
            np.copyto(into, one)
        self._session.run_with_iobinding(self._binding)
        for one, found in zip(memory, self._behind, strict=True):
            np.copyto(one, found)
        return self._found.copy()

    def _bind(self, streams: int) -> None:
        self._rows, self._found = (np.zeros((streams, *shape), np.float32) for _, shape in (self._row, self._scores))
        self._before, self._behind = self.start(streams), self.start(streams)
        self._binding = self._session.io_binding()
        entering = zip([self._row[0], *(name for name, _ in self._memory)], [self._rows, *self._before], strict=True)
        for name, array in entering:
            self._binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in zip([self._scores[0], *self._after], [self._found, *self._behind], strict=True):
            self._binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def _session(onnx: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
