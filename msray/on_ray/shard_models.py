"""The models of a shard: fed beside the detectors, stepped on a thread of their own, exchanged where an alias moves."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msray.clock import Clock
from msray.errors import MsrayError, UnavailableError, UnknownNameError
from msray.market import Signal
from msray.models.tempering import Scores
from msray.on_ray.shard_plan import ShardPlan
from msray.prediction import (
    Dropping,
    Forecasts,
    LogEvent,
    ModelChanged,
    ModelName,
    Question,
    Runner,
    ServedModel,
    check_horizon,
)
from msray.store.model_served import load_named, named
from msray.store.registry import Registry
from msray.telemetry.families import PREDICTION_STEP
from msray.telemetry.metrics import Figures

FOLLOW_S = 5.0
ANSWER_S, AWAY_S = 2.0, 10.0
"""How long an answer is waited for; how long nobody is asked when there was none."""
Ask = Callable[[Question], Awaitable[Mapping[str, Scores]]]
"""Shows windows to a model that is elsewhere; raises UnavailableError where nobody answers."""
Note = Callable[[ModelChanged | Dropping], bool]
"""Has something take its place in the log; False where the log refuses it, or is closed."""

_log = logging.getLogger(__name__)


class ShardModels:
    """What predicts in a shard; it never raises: without models, detection goes on.

    Parameters
    ----------
    plan
        Names the models.
    clock
        Time.
    figures
        Where steps are counted.
    found
        Takes signals.
    ask
        Shows windows to models; None, or where nobody answers: the shard's own thread does, with the same answers.

    Attributes
    ----------
    forecasts
        Of all instruments.
    has_left
        Whether :meth:`caught_up` was begun, and has not come to its end.
    """

    def __init__(
        self,
        plan: ShardPlan,
        clock: Clock,
        figures: Figures,
        found: Callable[[Sequence[Signal]], None],
        ask: Ask | None = None,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._found = found
        self._ask = ask
        self._registry = None if plan.models_dir is None else Registry(plan.models_dir)
        self._refusals: dict[str, str] = {}
        self._failed = self._away = ""
        self.has_left = False
        self._away_until_ns = 0
        self._prepared: dict[str, Runner] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._news = asyncio.Event()
        self._turning = asyncio.Lock()
        self._asking: set[asyncio.Task[None]] = set()
        self._check: Callable[[ServedModel], None] = partial(check_horizon, config=plan.predict)
        self._dropping: set[tuple[str, str]] = set()
        self._answers: deque[tuple[Question, Mapping[str, Scores] | None]] = deque()
        self.forecasts = Forecasts(
            plan.ids,
            self._load_all(),
            plan.predict,
            is_asked=ask is not None,
            timer=clock.monotonic_ns,
            observe=lambda name, seconds: figures.observe(PREDICTION_STEP, name, value=seconds),
        )
        self._check = self.forecasts.check

    @property
    def names(self) -> tuple[ModelName, ...]:
        """Those that predict."""
        served = (runner.served for runner in self.forecasts.runners.values())
        return tuple(ModelName(one.name, one.version, one.digest) for one in served)

    @property
    def dropping(self) -> tuple[tuple[str, str], ...]:
        """Instruments and models whose rows are dropped."""
        return tuple((one.instrument, one.model) for one in self.forecasts if one.is_dropping)

    @property
    def problems(self) -> list[str]:
        """What is wrong, a line each."""
        return [*self._refusals.values(), *filter(None, (self._failed, self._away))]

    def load(self, model: ModelName, missed: list[str]) -> ServedModel:
        """A model of the registry, by what it was called then; one that may be there another time is noted."""
        try:
            if self._registry is None:
                raise UnavailableError("no registry of models is named")
            return load_named(self._registry, model)
        except UnknownNameError:
            raise
        except MsrayError:
            missed.append(str(model))
            raise

    def wake(self) -> None:
        """Rows have come."""
        if not self._failed and self.forecasts.has_work:
            self._news.set()

    @property
    def _has_work(self) -> bool:
        return self.forecasts.has_work or any(one.questions for one in self.forecasts)

    def apply(self, event: LogEvent) -> None:
        """Use another version from here on, or drop rows; the log says the same at this place."""
        if isinstance(event, Dropping):
            self.forecasts.drop(event)
        elif isinstance(event, ModelChanged) and (runner := self._prepared.pop(event.model.digest, None)):
            self.forecasts.use(runner)

    def keep_up(self, note: Note) -> None:
        """Have it noted where too many rows wait, or nobody will ever look at them; and where none wait again."""
        for one in self.forecasts:
            key = one.instrument, one.model
            is_on = key in self._dropping
            most = 0 if is_on else self._plan.predict.most_waiting_rows
            is_behind = bool(self._failed) or one.waiting > most
            if is_behind != is_on and note(Dropping(*key, is_behind, self._clock.now_ns())):
                self._dropping ^= {key}

    async def run(self) -> None:
        """Step the models whenever rows wait; for ever."""
        try:
            while not self._failed:
                await self._news.wait()
                self._news.clear()
                await self._turn()
                self.wake()
            await asyncio.Event().wait()  # an end would be the end of the shard
        finally:
            for task in self._asking:
                task.cancel()

    async def caught_up(self) -> None:
        """Wait until models have seen all that came."""
        self.has_left = True
        while not self._failed and (self._has_work or self._answers or self._asking):
            await self._turn()
            if self._asking:
                await asyncio.wait(self._asking)
        async with self._turning:  # whoever is in it hands over what it found
            self.has_left = False

    async def follow(self, note: Note) -> None:
        """Look every few seconds which models are meant, and have another one take its place in the log; for ever."""
        while True:
            await self._clock.sleep(FOLLOW_S)
            for words in self._plan.predict.models:
                runner = await asyncio.to_thread(self._newer, words)
                if runner is not None:
                    served = runner.served
                    self._prepared[served.digest] = runner
                    model = ModelName(served.name, served.version, served.digest)
                    if not note(ModelChanged(model, self._clock.now_ns())):
                        del self._prepared[served.digest]

    def close(self) -> None:
        """Forget what is not predicted yet."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # ---------------------------------------------------------------- on the thread

    async def _turn(self) -> None:
        if self._failed:
            return
        async with self._turning:
            loop = asyncio.get_running_loop()
            try:
                signals, questions = await loop.run_in_executor(self._thread, self._work, not self._asking)
            except Exception as error:  # of a model, which is no reason to detect nothing
                _log.exception("models predict no longer")
                self._failed = f"models predict no longer: {type(error).__name__}: {error}"
                return
            if signals:
                self._found(signals)
            for question in questions:
                task = asyncio.create_task(self._answer(question))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    def _work(self, may_ask: bool) -> tuple[list[Signal], list[Question]]:
        signals: list[Signal] = []
        while self._answers:
            question, scores = self._answers.popleft()
            signals += self._answered_here(question) if scores is None else self.forecasts.answered(question, scores)
        signals += self.forecasts.turn()
        if self._clock.monotonic_ns() >= self._away_until_ns:
            return signals, self.forecasts.questions() if may_ask else []
        while may_ask and (questions := self.forecasts.questions()):
            signals += [signal for question in questions for signal in self._answered_here(question)]
        return signals, []

    def _answered_here(self, question: Question) -> list[Signal]:
        return self.forecasts.answered(question, question.runner.window_scores(question.rows))

    async def _answer(self, question: Question) -> None:
        """Ask; whatever becomes of it, the windows are looked at: here, where nobody else did."""
        assert self._ask is not None
        scores: Mapping[str, Scores] | None = None
        try:
            async with asyncio.timeout(ANSWER_S):
                scores = await self._ask(question)
            self._away = ""
        except (Exception, asyncio.CancelledError) as error:  # of whoever was asked: Serve cancels its answers, too
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._away = f"the shard shows windows to {question.runner.served.words} itself: {_why(error)}"
            self._away_until_ns = self._clock.monotonic_ns() + int(AWAY_S * 1e9)
        finally:
            self._answers.append((question, scores))
            self._news.set()

    # ---------------------------------------------------------------- from the registry

    def _load_all(self) -> list[Runner]:
        found = [self._load(words) for words in self._plan.predict.models]
        return [runner for runner in found if runner is not None]

    def _load(self, words: str, known: Collection[str] = ()) -> Runner | None:
        """The model that is meant now; None where it is known by its digest, or refused, which is a problem then."""
        try:
            if self._registry is None:
                raise UnavailableError("no registry of models is named")
            model = named(self._registry, words)
            runner = None
            if model.digest not in known:
                served = load_named(self._registry, model)
                self._check(served)
                runner = Runner(served)
        except MsrayError as error:
            self._refusals[words] = f"model {words} is refused: {error}"
            return None
        self._refusals.pop(words, None)
        return runner

    def _newer(self, words: str) -> Runner | None:
        in_force = (runner.served.digest for runner in self.forecasts.runners.values())
        return self._load(words, {*in_force, *self._prepared})


def _why(error: BaseException) -> str:
    """Why there was no answer, in a line."""
    if isinstance(error, MsrayError):
        return str(error)
    is_mute = isinstance(error, TimeoutError | asyncio.CancelledError)
    return "no answer came" if is_mute else f"{type(error).__name__}: {error}"
