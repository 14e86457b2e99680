"""``ModelServer``: the models of a registry, answering in this process and following their aliases."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from msray.api.model_shelf import Meant, RegistryShelf, Shelf, Taken
from msray.api.models import Answered, ModelStatus
from msray.clock import Clock, SystemClock
from msray.errors import MsrayError, UnavailableError, UnknownNameError, UsageError
from msray.models.tempering import Scores
from msray.prediction import Answers, Runner, ServedModel
from msray.prediction.runner import our_errors
from msray.store.sealed import ModelRefusedError
from msray.telemetry.families import MODEL_LOADS, PREDICTION_BATCH, PREDICTION_SECONDS
from msray.telemetry.metrics import Figures

AGAIN_S = 30.0
"""After which a model that was refused is tried again: its files may have been mended."""

_log = logging.getLogger(__name__)

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """What the members over windows say.

    Attributes
    ----------
    digest
        Of the model.
    scores
        ``(windows, horizons, 3)`` by member; see :meth:`msray.prediction.runner.Runner.window_scores`.
    """

    digest: str
    scores: Mapping[str, Scores]


class Question(NamedTuple):
    """What is asked of a model.

    Attributes
    ----------
    model
        The words for it, or its digest: a shard that has stepped it asks for the same one, even if it has just become
        another.
    rows
        ``(windows, rows, features)``; NaN where a feature is not known.
    is_whole
        Whether all its members are to answer together, else those over windows by themselves.
    """

    model: str
    rows: Rows
    is_whole: bool = True


Reply = Answered | Scored | MsrayError
"""What a question is answered with."""


@dataclass(slots=True)
class _Line:
    """What is served for some words, and what is known of it."""

    status: ModelStatus
    runner: Runner | None = None
    before: Runner | None = None
    refused: str = ""
    refused_ns: int = 0


class ModelServer:
    """Serves models by name; safe to use from several threads, of which one at a time is answered.

    Parameters
    ----------
    models_dir
        Folder of the registry.
    models
        ``NAME``, which is ``NAME@production``, ``NAME@ALIAS`` or ``NAME:VERSION``.
    figures
        Where loads, batches and times are counted.
    clock
        The machine's by default.

    Raises
    ------
    UsageError
        If a model is named twice.

    Examples
    --------
    ``ModelServer("models", ["spread-gru"]).whole("spread-gru", rows).answers.chances``

    Notes
    -----
    :meth:`follow` is to be called every few seconds, on a thread of its own: another model is loaded beside the one
    that serves, tried, and takes its place between two answers. One that is refused does not, and its status says why.
    """

    def __init__(
        self,
        models_dir: str | Path | Shelf,
        models: Sequence[str],
        *,
        figures: Figures | None = None,
        clock: Clock | None = None,
    ) -> None:
        if len(set(models)) < len(models):
            raise UsageError(f"models must name each once, got {', '.join(models)}")
        self._shelf = RegistryShelf(Path(models_dir)) if isinstance(models_dir, str | Path) else models_dir
        self._figures = figures or Figures()
        self._clock = clock or SystemClock()
        self._turn = threading.Lock()
        self._lines = {words: _Line(_unknown(words)) for words in models}
        self.follow()

    def models(self) -> tuple[ModelStatus, ...]:
        """All that are to be served."""
        return tuple(line.status for line in self._lines.values())

    def follow(self) -> None:
        """Look what the words mean now, and serve that."""
        for words, line in self._lines.items():
            try:
                self._follow(words, line)
            except MsrayError as error:
                line.status = replace(line.status, problem=str(error))

    def whole(self, model: str, rows: Rows) -> Answered:
        """What a model says behind the last row of each window.

        Parameters
        ----------
        model
            The words for it, as it was named, or its digest.
        rows
            ``(windows, rows, features)``; NaN where a feature is not known.

        Raises
        ------
        UnknownNameError
            If it was not named.
        UnavailableError
            If it is not served now.
        UsageError
            If the rows are of another shape.
        """
        (answer,) = self.answer_all([Question(model, np.asarray(rows, np.float32))])
        if not isinstance(answer, Answered):
            raise answer if isinstance(answer, MsrayError) else TypeError(type(answer))
        return answer

    def answer_all(self, questions: Sequence[Question]) -> list[Reply]:
        """An answer to each, or the error that it would raise; those of one model and shape are answered in one go."""
        found: dict[int, Reply] = {}
        order = sorted(range(len(questions)), key=lambda at: _kind(questions[at]))
        for _, group in groupby(order, key=lambda at: _kind(questions[at])):
            places = list(group)
            try:
                with self._turn, our_errors():
                    answers = self._answered([questions[at] for at in places])
            except MsrayError as error:
                found |= dict.fromkeys(places, error)
            else:
                found |= zip(places, answers, strict=True)
        return [found[at] for at in range(len(questions))]

    def _answered(self, questions: Sequence[Question]) -> Sequence[Answered | Scored]:
        model, _, is_whole = questions[0]
        words, runner = self._found(model)
        started_ns, rows = self._clock.monotonic_ns(), np.concatenate([one.rows for one in questions])
        ends = np.cumsum([len(one.rows) for one in questions])[:-1]
        answers = _whole(runner, rows, ends) if is_whole else _windowed(runner, rows, ends)
        seconds = (self._clock.monotonic_ns() - started_ns) / 1e9
        self._figures.observe(PREDICTION_SECONDS, words, value=seconds)
        self._figures.observe(PREDICTION_BATCH, words, value=len(rows))
        return answers

    def _found(self, model: str) -> tuple[str, Runner]:
        if line := self._lines.get(model):
            if line.runner is None:
                raise UnavailableError(f"{model} is not served now", hint=line.status.problem)
            return model, line.runner
        for words, line in self._lines.items():
            for runner in (line.runner, line.before):
                if runner is not None and runner.served.digest == model:
                    return words, runner
        raise UnknownNameError("model", model, self._lines)

    def _follow(self, words: str, line: _Line) -> None:
        meant, now_ns = self._shelf.meant(words), self._clock.monotonic_ns()
        if meant.digest == line.status.digest:
            line.status = replace(line.status, problem="")
            return
        if meant.digest == line.refused and now_ns - line.refused_ns < AGAIN_S * 1e9:
            return
        try:
            taken = self._shelf.take(meant)
            with our_errors():
                runner = _tried(taken.served)
        except MsrayError as error:
            _log.warning("%s is not served: %s; %s goes on", words, error, line.status.version or "nothing")
            line.refused, line.refused_ns = meant.digest, now_ns
            self._figures.add(MODEL_LOADS, words, "refused")
            raise
        with self._turn:
            line.before, line.runner, line.status = line.runner, runner, _status(words, meant, taken)
        self._figures.add(MODEL_LOADS, words, "loaded")


def _kind(question: Question) -> tuple[str, tuple[int, ...], bool]:
    """Of those that can be answered in one go."""
    return question.model, question.rows.shape[1:], question.is_whole


def _whole(runner: Runner, rows: Rows, ends: NDArray[np.int64]) -> list[Answered]:
    said = runner.answers(runner.whole(rows))
    parts = zip(*(np.split(one, ends) for one in (said.chances, said.directions, said.is_sure)), strict=True)
    votes = _split(said.votes, ends)
    return [
        Answered(
            version=runner.served.version,
            digest=runner.served.digest,
            answers=Answers(chances=chances, directions=directions, is_sure=is_sure, votes=vote),
        )
        for (chances, directions, is_sure), vote in zip(parts, votes, strict=True)
    ]


def _windowed(runner: Runner, rows: Rows, ends: NDArray[np.int64]) -> list[Scored]:
    scores = _split(runner.window_scores(rows), ends)
    return [Scored(digest=runner.served.digest, scores=one) for one in scores]


def _split(named: Mapping[str, NDArray[Any]], ends: NDArray[np.int64]) -> list[dict[str, NDArray[Any]]]:
    """A mapping for each question."""
    parts = {name: np.split(values, ends) for name, values in named.items()}
    return [{name: one[at] for name, one in parts.items()} for at in range(len(ends) + 1)]


def _tried(served: ServedModel) -> Runner:
    """A model that has answered once.

    Raises
    ------
    ModelRefusedError
        If it has nothing to say of rows that are all zero.
    """
    runner = Runner(served)
    zeros = np.zeros((1, max(served.window, 1), len(served.features)), np.float32)
    answers = runner.answers(runner.whole(zeros))
    if not np.isfinite(answers.chances).all():
        raise ModelRefusedError(f"{served.words} must give chances for rows of zeros, got NaN")
    return runner


def _status(words: str, meant: Meant, taken: Taken) -> ModelStatus:
    served = taken.served
    return ModelStatus(
        words=words,
        name=served.name,
        alias=meant.alias,
        version=served.version,
        digest=served.digest,
        features=served.features,
        horizons=served.horizons,
        windows={member.name: member.window for member in served.members},
        worth=taken.worth,
    )


def _unknown(words: str) -> ModelStatus:
    """Before it was looked for."""
    name, _, alias = words.partition("@")
    return ModelStatus(words=words, name=name.partition(":")[0], alias=alias or None, problem="not loaded yet")
