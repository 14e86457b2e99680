"""``Forecaster``: the pure fold from one instrument's rows to the predictions and signals of one model."""

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.features import column
from msray.market import MAX_TICK, Prediction, Signal, signal_id
from msray.models.classes import FLAT, NO_LABEL
from msray.models.conformal import FollowingSets
from msray.models.tempering import Scores
from msray.prediction.config import PredictConfig
from msray.prediction.engine import Rows
from msray.prediction.pieces import Due, Piece, Stretch
from msray.prediction.runner import Answers, Runner
from msray.prediction.served import ServedModel
from msray.prediction.track_record import TrackRecord

MOST_IN_PIECE = 1024
MOST_UNANSWERED = 64
"""Predictions of an instrument that wait for an answer at most; the oldest is looked at here then."""
SIGNAL_TYPE = "prediction"


class Forecaster:
    """Predicts with one model for one instrument.

    It reads the rows that the model was trained on, no other: those with two best prices, anew from nothing wherever
    features begin anew and wherever the grid of the book changes. Behind the first row at or after each multiple of
    the interval of exchange time it predicts, but not behind the first of a stretch. What it does depends on its rows
    alone, however they are cut into calls, and on where it is told to drop some.

    Parameters
    ----------
    instrument
        ``venue:SYMBOL``.
    runner
        Of the model.
    config
        The user's words.
    is_asked
        Whether somebody else shows windows to the model: see :attr:`questions`. Else they are shown to ``runner``.
    timer
        Monotonic nanoseconds.
    observe
        Told the seconds that a row took.

    Attributes
    ----------
    latest
        The newest prediction.
    predictions, signals, dropped, unanswered
        Made so far; rows dropped, and predictions given up since no answer came.
    is_dropping
        Whether it takes no rows.
    questions
        What is to be answered, oldest first; see :meth:`answered`.
    """

    def __init__(
        self,
        instrument: str,
        runner: Runner,
        config: PredictConfig,
        *,
        is_asked: bool = False,
        timer: Callable[[], int] = int,
        observe: Callable[[float], None] | None = None,
    ) -> None:
        self.instrument = instrument
        self.latest: Prediction | None = None
        self.predictions = self.signals = self.dropped = self.unanswered = 0
        self.questions: deque[Due] = deque()
        self._config = config
        self._is_asked = is_asked
        self._timer = timer
        self._observe = observe
        self._waiting: deque[Piece | Runner] = deque()
        self._dues: deque[Due] = deque()
        self._taken = self._done = self._breaks = 0
        self.is_dropping = False
        self._columns = columns_of(runner)
        self._use(runner)

    @property
    def model(self) -> str:
        """Name of the model, without its version."""
        return self.runner.served.name

    @property
    def has_work(self) -> bool:
        """Whether :meth:`forecast` has something to go through."""
        return bool(self._waiting)

    @property
    def waiting(self) -> int:
        """Rows that no model has seen yet."""
        return self._taken - self._done

    @property
    def step_s(self) -> float | None:
        """Seconds that a row took the model, on average."""
        return self._busy_ns / self._steps / 1e9 if self._steps else None

    def take(self, rows: Rows) -> None:
        """Keep a copy of what the model reads of these rows, to be gone through later."""
        quoted = (rows.bests[:, 0] >= 0) & (rows.bests[:, 2] <= MAX_TICK)
        at = np.flatnonzero(quoted)
        if self.is_dropping:
            self.dropped += len(at)
            return
        values = rows.values[at][:, self._columns].astype(np.float32, order="C")
        mid = rows.bests[at, 0] + rows.bests[at, 2]
        price = rows.instrument.price(mid) / 2
        times, ids = rows.messages["event_ns"][at], rows.messages["last_id"][at]
        stretch = rows.stretch, rows.instrument.grid, self._breaks
        for begin in range(0, len(at), MOST_IN_PIECE):
            some = slice(begin, begin + MOST_IN_PIECE)
            self._waiting.append(Piece(stretch, values[some], mid[some], price[some], times[some], ids[some]))
        self._taken += len(at)

    def drop(self, *, is_on: bool) -> None:
        """Take no rows from here on; or take them again, from nothing."""
        if self.is_dropping and not is_on:
            self._breaks += 1
        self.is_dropping = is_on

    def switch(self, runner: Runner) -> None:
        """Go on with another model behind the rows taken so far, from nothing."""
        self._columns = columns_of(runner)
        self._waiting.append(runner)

    def forecast(self) -> list[Signal]:
        """Go through a piece of what waits; the signals that came of it."""
        if not self._waiting:
            return []
        piece = self._waiting.popleft()
        if isinstance(piece, Runner):
            signals = self._settle()
            self._use(piece)
            return signals
        self._through(piece)
        self._done += len(piece.mid)
        return self._complete()

    def answered(self, due: Due, scores: Mapping[str, Scores] | None) -> list[Signal]:
        """The scores ``(1, h, 3)`` behind a question's window, by member; None where none will come."""
        if due not in self._dues:  # of a model that was exchanged meanwhile
            return []
        if scores is None:
            due.scores = None
            self.unanswered += 1
        elif due.scores is not None:
            due.scores |= self._of_complete(due, scores)
        due.window = None
        return self._complete()

    # ---------------------------------------------------------------- rows

    def _use(self, runner: Runner) -> None:
        served, config = runner.served, self._config
        check_horizon(served, config)
        self.runner = runner
        self.record = TrackRecord(
            served.horizons, served.thresholds, served.family, served.smoothing, most=config.scored_predictions
        )
        self._horizon = served.horizons.index(config.signal_horizon or served.horizons[0])
        self._interval_ns = round(config.interval_seconds * 1e9)
        self._cooldown_ns = round(config.signal_cooldown_seconds * 1e9)
        self._least_window = min((one.window for one in served.members if one.window), default=0)
        self._busy_ns = self._steps = 0
        self.latest = None
        # Of the latest prediction, which may be of an earlier stretch than the latest rows: answers take their time.
        self._said_in: Stretch = (-1,)
        self._said = self._said_ns = 0
        self._begin((-1,))

    def _begin(self, stretch: Stretch) -> None:
        self._stretch: Stretch = stretch
        self._memory = self.runner.start()
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=self.runner.served.window or 1)
        self._row = 0
        self._interval = -1
        self._hindsight = self.record.begin(self.runner.served.mixture.sets)

    def _through(self, piece: Piece) -> None:
        if piece.stretch != self._stretch:
            self._begin(piece.stretch)
        due = next((one.row for one in self._dues if one.hindsight is self._hindsight), None)
        self._hindsight.rows(piece.mid, due=due)
        for at, interval in enumerate((piece.event_ns // self._interval_ns).tolist()):
            started_ns = self._timer()
            row = piece.values[at]
            scores, self._memory = self.runner.step(row[None], self._memory)
            self._recent.append(row)
            if self._interval >= 0 and interval > self._interval:
                self._make_due(piece, at, scores)
            self._interval = max(interval, self._interval)
            self._row += 1
            took_ns = self._timer() - started_ns
            self._busy_ns += took_ns
            self._steps += 1
            if self._observe is not None:
                self._observe(took_ns / 1e9)

    # ---------------------------------------------------------------- predictions

    def _make_due(self, piece: Piece, at: int, scores: dict[str, Scores]) -> None:
        seen = self._row + 1
        due = Due(
            stretch=piece.stretch,
            row=self._row,
            hindsight=self._hindsight,
            event_ns=int(piece.event_ns[at]),
            event_id=int(piece.event_id[at]),
            price=float(piece.price[at]),
            window=self._window() if self._least_window and seen >= self._least_window else None,
            seen=seen,
            scores=scores,
        )
        for one in self.runner.served.members:
            if one.window:
                scores[one.name] = np.full((1, len(self.runner.served.horizons), 3), np.nan, np.float32)
        self._dues.append(due)
        if due.window is None:
            return
        if not self._is_asked:
            self._look(due)
            return
        if len(self.questions) >= MOST_UNANSWERED:
            self._look(self.questions.popleft())
        self.questions.append(due)

    def _window(self) -> NDArray[np.float32]:
        """The latest rows, as many as the widest member looks at; 0 where there are none yet."""
        served = self.runner.served
        window = np.zeros((served.window, len(served.features)), np.float32)
        window[served.window - len(self._recent) :] = np.stack(self._recent)
        return window

    def _of_complete(self, due: Due, scores: Mapping[str, Scores]) -> dict[str, Scores]:
        """Those of members whose window lies within the stretch."""
        widths = {one.name: one.window or 0 for one in self.runner.served.members}
        return {name: found for name, found in scores.items() if due.seen >= widths[name]}

    def _look(self, due: Due) -> None:
        """Show a window to the model here."""
        if due.window is not None and due.scores is not None:
            due.scores |= self._of_complete(due, self.runner.window_scores(due.window[None]))
        due.window = None

    def _settle(self) -> list[Signal]:
        """Make all that is due, without waiting for answers: a replay has it made by now."""
        self.questions.clear()
        for due in self._dues:
            self._look(due)
        return self._complete()

    def _complete(self) -> list[Signal]:
        """Make the predictions that have all their answers, in the order of their rows."""
        signals: list[Signal] = []
        while self._dues and self._dues[0].window is None:
            due = self._dues.popleft()
            if due.scores is None:
                continue
            sets = due.hindsight.learn_until(due.row)
            answers = self.runner.answers(due.scores, sets)
            if np.isfinite(answers.chances).all():
                signals += self._predict(due, answers, sets)
        self.signals += len(signals)
        return signals

    def _predict(self, due: Due, answers: Answers, sets: FollowingSets | None) -> list[Signal]:
        served = self.runner.served
        prediction = Prediction(
            prediction_id=signal_id(self.instrument, served.digest, due.event_id, due.event_ns),
            instrument=self.instrument,
            model=served.words,
            digest=served.digest,
            event_ns=due.event_ns,
            event_id=due.event_id,
            price=due.price,
            horizons=served.horizons,
            chances=tuple((down, flat, up) for down, flat, up in answers.chances[0].tolist()),
            directions=tuple(answers.directions[0].tolist()),
            is_sure=tuple(answers.is_sure[0].tolist()),
            votes={
                name: tuple(vote[0].tolist()) for name, vote in answers.votes.items() if (vote[0] != NO_LABEL).all()
            },
        )
        self.latest = prediction
        self.predictions += 1
        signals = self._signals(due, prediction, sets)
        due.hindsight.predicted(due.row, prediction)
        return signals

    def _signals(self, due: Due, prediction: Prediction, sets: FollowingSets | None) -> list[Signal]:
        """A signal, where the model is sure of a direction that it has not said yet."""
        direction = prediction.directions[self._horizon]
        if due.stretch != self._said_in:
            self._said_in, self._said = due.stretch, 0
        is_news = direction not in (0, self._said) and prediction.is_sure[self._horizon]
        if sets is None or not is_news or (self._said and due.event_ns - self._said_ns < self._cooldown_ns):
            return []
        self._said, self._said_ns = direction, due.event_ns
        return [self._signal(prediction, direction, float(sets.least_chance[self._horizon, FLAT + direction]))]

    def _signal(self, prediction: Prediction, direction: int, least: float) -> Signal:
        name, digest = self.model, prediction.digest
        chances = zip(prediction.horizons, prediction.chances, strict=True)
        return Signal(
            signal_id=signal_id(
                self.instrument, name, digest, "depth", prediction.event_id, prediction.event_ns, direction
            ),
            instrument=self.instrument,
            signal_type=SIGNAL_TYPE,
            detector=name,
            score=_score(prediction.chances[self._horizon][FLAT + direction], least),
            direction=direction,
            event_ns=prediction.event_ns,
            change_ns=prediction.event_ns,
            size_sigma=float("nan"),
            event_kind="depth",
            event_id=prediction.event_id,
            calibration=digest,
            price=prediction.price,
            features={
                f"{what}_{k}": chance
                for k, of_horizon in chances
                for what, chance in zip(("down", "flat", "up"), of_horizon, strict=True)
            },
        )


def _score(chance: float, least: float) -> float:
    """The chance, such that 0.5 is the least that is sure."""
    beyond = (chance - least) / (1.0 - least) if least < 1.0 else 0.0
    return min(0.5 + 0.5 * beyond, 1.0)


def check_horizon(served: ServedModel, config: PredictConfig) -> None:
    """UsageError where a model does not predict at the horizon of signals."""
    if config.signal_horizon not in (None, *served.horizons):
        known = ", ".join(map(str, served.horizons))
        raise UsageError(
            f"predict.signal_horizon must be one of {known} for {served.words}, got {config.signal_horizon}"
        )


def columns_of(runner: Runner) -> list[int]:
    """Where the features that a model reads are in a row."""
    return [column(name) for name in runner.served.features]
