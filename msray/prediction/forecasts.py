"""``Forecasts``: the models of a driver, for all its instruments, beside the pipeline that finds signals."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msray.errors import MsrayError, UsageError
from msray.features import NAMES, column, has_levels
from msray.market import Prediction, PredictionScore, Signal
from msray.models.tempering import Scores
from msray.prediction.config import PredictConfig
from msray.prediction.engine import LevelSink, Rows, RowSink
from msray.prediction.forecaster import Forecaster, check_horizon
from msray.prediction.log import Began, Dropping, LogEvent, ModelChanged, ModelName, read_log_dropping, read_log_models
from msray.prediction.pieces import Due
from msray.prediction.pipeline import Pipeline
from msray.prediction.runner import Runner
from msray.prediction.served import ServedModel
from msray.prediction.track_record import score


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Windows to be shown to a model, of all instruments that want it now.

    Attributes
    ----------
    runner
        The model, here.
    rows
        ``(b, w, c)`` float32.
    asking
        Who asks, and what for.
    """

    runner: Runner
    rows: NDArray[np.float32]
    asking: tuple[tuple[Forecaster, Due], ...]


class Forecasts:
    """Predictions of any number of models for any number of instruments.

    A driver gives :meth:`sink` to its pipeline and calls :meth:`predict` behind each event, when the signals of the
    detectors have been handed on: those never wait for a model.

    Parameters
    ----------
    instruments
        Their ids.
    models
        All of them, with different names; or their runners, where they are made already.
    config
        The user's words.
    is_asked
        Whether somebody else shows windows to the models; see :meth:`questions`.
    timer
        Monotonic nanoseconds.
    observe
        Told model and seconds of each row that a model was shown.
    """

    def __init__(
        self,
        instruments: Iterable[str],
        models: Sequence[ServedModel | Runner],
        config: PredictConfig,
        *,
        is_asked: bool = False,
        timer: Callable[[], int] = int,
        observe: Callable[[str, float], None] | None = None,
    ) -> None:
        self.runners: dict[str, Runner] = {}
        self._config = config
        self._is_asked = is_asked
        self._timer, self._observe = timer, observe
        self._scores: dict[str | None, tuple[int, tuple[PredictionScore, ...]]] = {}
        self._of: dict[str, dict[str, Forecaster]] = {instrument: {} for instrument in instruments}
        runners = [one if isinstance(one, Runner) else Runner(one) for one in models]
        self.has_levels = any(has_levels([column(name) for name in one.served.features]) for one in runners)
        for runner in runners:
            self.use(runner)

    def __iter__(self) -> Iterator[Forecaster]:
        """Every instrument's forecasters."""
        return iter([one for models in self._of.values() for one in models.values()])

    def check(self, served: ServedModel) -> None:
        """Refuse a model that cannot predict here.

        Raises
        ------
        UsageError
            If it reads features of the levels family and the models at the beginning did not: they are not computed
            then. If it does not predict at the horizon of signals.
        """
        if not self.has_levels and has_levels([column(one) for one in served.features]):
            raise UsageError(
                f"{served.words} reads features of the levels family, and none of the models at the start did",
                hint="msray down, then msray live",
            )
        check_horizon(served, self._config)

    def use(self, runner: Runner) -> None:
        """Predict with a model from the next rows on, from nothing, and no longer with another version of it.

        Raises what :meth:`check` does.
        """
        name = runner.served.name
        self.check(runner.served)
        self.runners = {**self.runners, name: runner}
        self._scores.clear()
        for instrument, models in self._of.items():
            if name in models:
                models[name].switch(runner)
            else:
                self._of[instrument] = {**models, name: self._forecaster(instrument, runner)}

    def drop(self, event: Dropping) -> None:
        """Drop an instrument's rows for a model from here on, or no longer."""
        if (one := self._of.get(event.instrument, {}).get(event.model)) is not None:
            one.drop(is_on=event.is_on)

    def _forecaster(self, instrument: str, runner: Runner) -> Forecaster:
        observe, name = self._observe, runner.served.name
        return Forecaster(
            instrument,
            runner,
            self._config,
            is_asked=self._is_asked,
            timer=self._timer,
            observe=None if observe is None else lambda seconds: observe(name, seconds),
        )

    def of(self, instrument: str) -> tuple[Forecaster, ...]:
        """Those of one instrument."""
        return tuple(self._of.get(instrument, {}).values())

    def sink(self, instrument: str) -> RowSink | None:
        """Takes an instrument's rows; None where there is no model, nor will be one."""

        def take(rows: Rows) -> None:
            for one in self._of[instrument].values():
                one.take(rows)

        if not self._config.models and not self.runners:
            return None
        return LevelSink(take) if self.has_levels else take

    @property
    def waiting(self) -> int:
        """Rows that a model has not seen yet."""
        return sum(one.waiting for one in self)

    @property
    def has_work(self) -> bool:
        """Whether :meth:`turn` has something to go through."""
        return any(one.has_work for one in self)

    def predict(self) -> list[Signal]:
        """Show the models all rows that wait; the signals that came of it."""
        signals: list[Signal] = []
        while self.has_work:
            signals += self.turn()
        return signals

    def turn(self) -> list[Signal]:
        """Show each model a piece of the rows that wait for it; the signals that came of it."""
        return [signal for one in self for signal in one.forecast()]

    def questions(self) -> list[Question]:
        """What waits for an answer of somebody else, one question a model with the oldest of each instrument."""
        asking: dict[str, list[tuple[Forecaster, Due]]] = {}
        for one in self:
            if one.questions:
                asking.setdefault(one.runner.served.digest, []).append((one, one.questions.popleft()))
        found = []
        for some in asking.values():
            if windows := [due.window for _, due in some if due.window is not None]:
                found.append(Question(some[0][0].runner, np.stack(windows), tuple(some)))
        return found

    def answered(self, question: Question, scores: Mapping[str, Scores] | None) -> list[Signal]:
        """The answer to a question, as :meth:`Runner.window_scores` gives it; None where there will be none."""
        signals: list[Signal] = []
        for at, (forecaster, due) in enumerate(question.asking):
            own = None if scores is None else {name: found[at : at + 1] for name, found in scores.items()}
            signals += forecaster.answered(due, own)
        return signals

    def latest(self, instrument: str) -> tuple[Prediction, ...]:
        """The newest prediction of each model that has made one."""
        return tuple(one.latest for one in self.of(instrument) if one.latest is not None)

    def scores(self, instrument: str | None = None) -> tuple[PredictionScore, ...]:
        """What came of predictions, by model and horizon: of one instrument, or of all together."""
        some = self if instrument is None else self.of(instrument)
        judged = sum(one.record.judged for one in some)
        if instrument not in self._scores or self._scores[instrument][0] != judged:
            self._scores[instrument] = judged, tuple(self._score(instrument))
        return self._scores[instrument][1]

    def _score(self, instrument: str | None) -> Iterator[PredictionScore]:
        for name, runner in self.runners.items():
            served = runner.served
            some = [one for one in self if one.model == name and instrument in (None, one.instrument)]
            steps = [one.step_s for one in some if one.step_s is not None]
            for number, k in enumerate(served.horizons):
                # One that has still to go through rows of the version before is of other horizons, perhaps.
                records = [one.record for one in some]
                tallies = [one.tallies[number] for one in records if one.horizons == served.horizons]
                yield score(tallies, served.words, served.digest, k, sum(steps) / len(steps) if steps else None)


class Forecasting:
    """A pipeline with models behind it, for drivers that wait for them: replays, and whoever recovers a run.

    Parameters
    ----------
    make
        Makes the pipeline that uses these sinks.
    forecasts
        The models at the beginning.
    load
        Gives the models that a log names; those that predict are then those that its runs had, each from its place in
        the log. None: the models stay, whatever the log says.
    timer
        Monotonic nanoseconds, for models of the log.

    Attributes
    ----------
    pipeline
        As it was made.
    forecasts
        Of the run that is replayed now.
    made, signals
        Predictions, and signals of models, of all runs.
    problems
        Models of the log that could not be loaded, or run, a line each.
    has_failed
        Whether models of the run that is replayed now could not be run.
    """

    def __init__(
        self,
        make: Callable[[Callable[[str], RowSink | None]], Pipeline],
        forecasts: Forecasts,
        *,
        load: Callable[[ModelName], ServedModel] | None = None,
        timer: Callable[[], int] = int,
    ) -> None:
        self.forecasts = forecasts
        self._timer = timer
        self.problems: list[str] = []
        self._load = load
        self._of_earlier = (0, 0)
        self.has_failed = False
        self.pipeline = make(lambda instrument: self.forecasts.sink(instrument))

    def apply(self, event: LogEvent) -> list[Signal]:
        """The signals of the detectors, then those of the models."""
        if self._load is not None:
            self._follow(event, self._load)
        return [*self.pipeline.apply(event), *self._predict()]

    @property
    def made(self) -> int:
        """See the class."""
        return self._of_earlier[0] + sum(one.predictions for one in self.forecasts)

    @property
    def signals(self) -> int:
        """See the class."""
        return self._of_earlier[1] + sum(one.signals for one in self.forecasts)

    def _follow(self, event: LogEvent, load: Callable[[ModelName], ServedModel]) -> None:
        """Do with the models what the run did."""
        if isinstance(event, Began):
            self._begin(event, load)
        elif isinstance(event, ModelChanged) and not self.has_failed:
            self._change(event.model, load)
        elif isinstance(event, Dropping) and not self.has_failed:
            self.forecasts.drop(event)

    def _predict(self) -> list[Signal]:
        if self.has_failed:
            return []
        try:
            return self.forecasts.predict()
        except Exception as error:  # of a model: where that is one of the log, the rest is found without it, as live
            if self._load is None:
                raise
            self.problems.append(f"models predict no longer: {type(error).__name__}: {error}")
            self.has_failed = True
            for one in self.forecasts:
                one.drop(is_on=True)
            return []

    def _begin(self, event: Began, load: Callable[[ModelName], ServedModel]) -> None:
        """Predict with the models of a run, of which there may be none, and no longer with those of the run before."""
        config, models = read_log_models(event.metadata) or (PredictConfig(), ())
        self._of_earlier = self.made, self.signals
        self.has_failed = False
        self.forecasts = Forecasts(event.instruments, self._loaded(models, load), config, timer=self._timer)
        for dropping in read_log_dropping(event.metadata, event.local_ns):
            self.forecasts.drop(dropping)

    def _change(self, model: ModelName, load: Callable[[ModelName], ServedModel]) -> None:
        for served in self._loaded([model], load):
            try:
                self.forecasts.use(Runner(served))
            except MsrayError as error:  # as where it reads levels, and the one before it is gone
                self.problems.append(f"{model} does not predict: {error}")

    def _loaded(self, models: Iterable[ModelName], load: Callable[[ModelName], ServedModel]) -> list[ServedModel]:
        found = []
        for model in models:
            try:
                found.append(load(model))
            except MsrayError as error:
                self.problems.append(f"{model} does not predict: {error}")
        return found


def shared_sink(*sinks: RowSink | None) -> RowSink | None:
    """One sink for several; those that did not ask for the levels family do not see it."""
    wanted = [sink for sink in sinks if sink is not None]
    if not any(isinstance(sink, LevelSink) for sink in wanted):
        return _each(wanted) if len(wanted) > 1 else wanted[0] if wanted else None
    plain = _each([sink for sink in wanted if not isinstance(sink, LevelSink)])
    levels = _each([sink for sink in wanted if isinstance(sink, LevelSink)])

    def take(rows: Rows) -> None:
        plain(replace(rows, values=rows.values[:, : len(NAMES)]))
        levels(rows)

    return LevelSink(take)


def _each(sinks: Sequence[RowSink]) -> RowSink:
    def take(rows: Rows) -> None:
        for sink in sinks:
            sink(rows)

    return take
