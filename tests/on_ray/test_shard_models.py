"""Models in a shard: what they predict live is what a replay of its raw log predicts, id for id."""

import asyncio
import itertools
import shutil
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from msray.clock import SystemClock
from msray.errors import MsrayError, UnavailableError
from msray.features import NAMES
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recovery import signals_again, unsettled
from msray.market import MESSAGE, Signal
from msray.models.tempering import Scores
from msray.on_ray.shard_models import Ask, ShardModels
from msray.on_ray.shard_plan import ShardPlan
from msray.prediction import Dropping, ModelChanged, ModelName, PredictConfig, Question, Rows, Runner, ServedModel
from msray.prediction.warm_up import warm_up
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from msray.store.durable import write_over
from msray.store.ledger_store import LedgerStore
from msray.store.model_aliases import sealed_steps
from msray.store.model_served import load_named, named
from msray.store.registry import Registry
from msray.telemetry.metrics import Figures
from tests.on_ray.shards import Ledger, Running, running
from tests.on_ray.test_feed_shard import TODAY, problems
from tests.prediction.made import NEVER_CALIBRATED
from tests.store.trained import a_trained_package, a_trained_registry

WORDS = PredictConfig(models=("small",), interval_seconds=0.5, signal_horizon=5, signal_cooldown_seconds=0.0)
NOW_NS = 1_767_225_600_000_000_000


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    warm_up()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return a_trained_registry(tmp_path_factory.mktemp("models"))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    store = LedgerStore(f"{tmp_path}/ledger.db", clock=SystemClock())
    yield Ledger(store)
    store.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    source = SyntheticSource([TODAY.id], 1, start_ns=NOW_NS, seconds=3600.0)
    async with Simulator(source, SimulatorSettings(speed=10.0, one_socket=True)) as simulator:
        yield simulator.url


def plan(endpoint: str, folder: Path, registry: Registry, words: PredictConfig = WORDS) -> ShardPlan:
    return ShardPlan(
        name="shard-0",
        instruments=(TODAY,),
        detection=NEVER_CALIBRATED,
        endpoint=endpoint,
        one_socket=True,
        raw_log=folder / "log",
        predict=words,
        models_dir=registry.folder,
    )


def of_models(signals: list[Signal]) -> list[Signal]:
    return [one for one in signals if one.signal_type == "prediction"]


def signals_of_models(one: Running) -> int:
    return sum(model.signals for model in one.shard.update().status.models)


def again(folder: Path, registry: Registry, found: list[str] | None = None) -> list[Signal]:
    """What a replay of the raw log finds."""

    def load(model: ModelName) -> ServedModel:
        return load_named(registry, model)

    segments = list(RawLog([folder / "log" / "shard-0"]).files)
    return [signal for signals in signals_again(segments, load, found) for signal in signals]


async def test_predictions_become_signals_and_the_replay_of_the_log_finds_the_same(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path
) -> None:
    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: len(of_models(ledger.signals())) >= 4)
        (shown,) = one.shard.snapshots()
        (status,) = one.shard.update().status.models
        sample = one.shard.update().sample
        await one.stop()

    stored = ledger.signals()
    found = again(tmp_path, registry)
    assert sorted(signal.signal_id for signal in found) == sorted(signal.signal_id for signal in stored)
    assert {signal.signal_type for signal in stored} > {"prediction"}
    (prediction,) = shown.predictions
    assert (prediction.model, prediction.instrument, prediction.horizons) == ("small:1", TODAY.id, (2, 5))
    assert [score.horizon for score in shown.performance] == [2, 5]
    assert shown.performance[0].rows > 0
    assert (status.model, status.dropped, status.unanswered) == ("small:1", 0, 0)
    assert status.predictions >= status.signals >= 4
    assert sample["microstructure_predictions_total"]["small", TODAY.id][0] >= 4
    assert problems(one) == []


async def test_a_killed_shard_finds_the_signals_of_its_models_again(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path
) -> None:
    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: signals_of_models(one) >= 4)
        ledger.failures = 10**9
        await one.until(lambda: signals_of_models(one) >= 6)
        await one.kill()
    expected = {signal.signal_id for signal in again(tmp_path, registry)}
    ledger.failures = 0
    assert expected > {signal.signal_id for signal in ledger.signals()}

    without = plan(endpoint, tmp_path, registry, PredictConfig())
    async with running(without, ledger) as one:
        await one.until(lambda: expected <= {signal.signal_id for signal in ledger.signals()})

    assert problems(one) == []


async def test_a_model_that_is_gone_is_said_and_the_detectors_signals_are_found_again(
    endpoint: str, ledger: Ledger, tmp_path: Path
) -> None:
    registry = a_trained_registry(tmp_path / "models")
    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: len(of_models(ledger.signals())) >= 2)
        await one.kill()
    stored = ledger.signals()
    shutil.rmtree(registry.folder)

    found: list[str] = []
    signals = again(tmp_path, registry, found)

    of_detectors = {one.signal_id for one in stored} - {one.signal_id for one in of_models(stored)}
    assert of_models(signals) == []
    assert {one.signal_id for one in signals} >= of_detectors
    assert len(found) == 1
    assert found[0].startswith("small:1 does not predict:")


async def test_a_model_that_is_not_there_is_a_problem_and_detection_goes_on(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path
) -> None:
    words = WORDS.model_copy(update={"models": ("smaller",)})

    async with running(plan(endpoint, tmp_path, registry, words), ledger) as one:
        await one.until(lambda: len(ledger.signals()) >= 2)
        (told,) = problems(one)
        await one.stop()

    assert told == "model smaller is refused: unknown model 'smaller'"


async def test_another_version_takes_over_where_the_log_says_so(
    endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.shard_models.FOLLOW_S", 0.1)
    registry = a_trained_registry(tmp_path / "models")

    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: len(of_models(ledger.signals())) >= 2)
        registry.publish("small", a_trained_package(seed=9), now_ns=NOW_NS)
        registry.promote("small", 2, now_ns=NOW_NS)
        await one.until(lambda: one.shard.update().status.models[0].model == "small:2")
        await one.until(lambda: len({signal.calibration for signal in of_models(ledger.signals())}) == 2)
        await one.stop()

    stored = ledger.signals()
    found = again(tmp_path, registry)
    changed = [event for event in RawLog([tmp_path / "log" / "shard-0"]).events() if isinstance(event, ModelChanged)]
    assert [event.model.version for event in changed] == [2]
    assert sorted(signal.signal_id for signal in found) == sorted(signal.signal_id for signal in stored)


async def test_a_damaged_version_is_refused_and_the_old_one_goes_on(
    endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.shard_models.FOLLOW_S", 0.1)
    registry = a_trained_registry(tmp_path / "models")
    registry.publish("small", a_trained_package(seed=9), now_ns=NOW_NS)
    steps = [registry.promote("small", 2, now_ns=NOW_NS), registry.rollback("small", now_ns=NOW_NS)]
    (registry.folder / "small" / "2" / "gru.onnx").write_bytes(b"damaged")
    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: signals_of_models(one) > 0)
        write_over(registry.folder / "small" / "aliases.json", sealed_steps([*steps, steps[0]]))
        await one.until(lambda: any("gru.onnx must have sha256" in text for text in problems(one)))
        before = one.shard.update().status.models[0].predictions
        await one.until(lambda: one.shard.update().status.models[0].predictions > before + 3)
        assert one.shard.update().status.models[0].model == "small:1"
        await one.stop()


@pytest.mark.parametrize("answers", ["always", "never", "late"])
async def test_windows_are_looked_at_elsewhere_or_here_with_the_same_signals(
    answers: str, endpoint: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.shard_models.ANSWER_S", 0.2)
    registry = a_trained_registry(tmp_path / "models", seed=7, name="bin_ctabl")
    other, asked = Runner(load_named(registry, named(registry, "small"))), 0

    async def ask(question: Question) -> Mapping[str, Scores]:
        nonlocal asked
        asked += 1
        if answers == "late":
            await asyncio.Event().wait()
        if answers == "never":
            raise UnavailableError("nobody is there")
        return other.window_scores(question.rows)

    async with running(plan(endpoint, tmp_path, registry), ledger, ask=ask) as one:
        await one.until(lambda: len(of_models(ledger.signals())) >= 2)
        told = problems(one)
        await one.stop()

    found = again(tmp_path, registry)
    assert sorted(signal.signal_id for signal in found) == sorted(signal.signal_id for signal in ledger.signals())
    why = {"always": None, "never": "nobody is there", "late": "no answer came"}[answers]
    assert told == ([f"the shard shows windows to small:1 itself: {why}"] if why else [])
    assert asked > 2 if answers == "always" else asked >= 1


def the_models(registry: Registry, folder: Path, ask: Ask | None = None) -> ShardModels:
    """Of a shard that has no other part."""
    return ShardModels(plan("http://127.0.0.1:1", folder, registry), SystemClock(), Figures(), lambda _: None, ask)


def some_rows(count: int = 20, stretch: int = 1) -> Rows:
    """Rows of a second each, drawn from a seed."""
    messages = np.zeros(count, MESSAGE)
    messages["event_ns"] = NOW_NS + np.arange(count) * 1_000_000_000
    bests = np.tile(np.array([[600_000, 1, 600_002, 1]]), (count, 1))
    return Rows(TODAY, 7, messages, bests, np.random.default_rng(0).normal(size=(count, len(NAMES))), stretch)


async def test_models_that_fail_leave_the_loop_to_others_and_take_no_more_rows(
    registry: Registry, tmp_path: Path
) -> None:
    models = the_models(registry, tmp_path)
    sink = models.forecasts.sink(TODAY.id)
    assert sink is not None

    def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    (one,) = models.forecasts
    one.runner.step = fail  # type: ignore[method-assign,assignment]
    sink(some_rows(2000))  # two pieces, so that rows wait behind those that fail
    running = asyncio.create_task(models.run())
    models.wake()
    async with asyncio.timeout(20.0):
        while not models.problems:
            await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    waiting = models.forecasts.waiting
    noted: list[ModelChanged | Dropping] = []
    for _ in range(2):
        models.keep_up(lambda event: not noted.append(event))
    for event in noted:
        models.apply(event)

    sink(some_rows())
    models.wake()

    assert [(event.instrument, event.model, event.is_on) for event in noted] == [(TODAY.id, "small", True)]
    assert models.forecasts.waiting == waiting > 0
    assert one.dropped == len(some_rows().messages)
    assert not models._news.is_set()
    assert not running.done()
    assert models.problems == ["models predict no longer: RuntimeError: no memory"]
    running.cancel()
    models.close()


@pytest.mark.parametrize("error", [KeyError("small"), RuntimeError("gone"), asyncio.CancelledError()], ids=type)
async def test_whatever_befalls_who_was_asked_the_windows_are_looked_at_here(
    error: BaseException, tmp_path: Path
) -> None:
    async def ask(_: Question) -> Mapping[str, Scores]:
        raise error

    models = the_models(a_trained_registry(tmp_path / "models", seed=7, name="bin_ctabl"), tmp_path, ask)
    sink = models.forecasts.sink(TODAY.id)
    assert sink is not None
    sink(some_rows(60))

    async with asyncio.timeout(20.0):
        await models.caught_up()

    (one,) = models.forecasts
    assert one.predictions > 10
    assert (one.unanswered, len(one._dues)) == (0, 0)
    (problem,) = models.problems
    assert problem.startswith("the shard shows windows to small:1 itself: ")
    models.close()


async def test_whoever_is_asked_at_the_end_is_asked_no_longer(tmp_path: Path) -> None:
    async def ask(_: Question) -> Mapping[str, Scores]:
        await asyncio.Event().wait()
        return {}

    models = the_models(a_trained_registry(tmp_path / "models", seed=7, name="bin_ctabl"), tmp_path, ask)
    sink = models.forecasts.sink(TODAY.id)
    assert sink is not None
    sink(some_rows(60))
    running = asyncio.create_task(models.run())
    models.wake()
    async with asyncio.timeout(20.0):
        while not models._asking:
            await asyncio.sleep(0)
        (asking,) = models._asking

        running.cancel()
        await asyncio.wait([asking])

    assert asking.cancelled()
    models.close()


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_model_that_may_be_there_another_time_is_noted(is_gone: bool, tmp_path: Path) -> None:
    registry = a_trained_registry(tmp_path / "models")
    models, name, missed = the_models(registry, tmp_path), named(registry, "small"), list[str]()
    if is_gone:
        shutil.rmtree(registry.folder / "small")
    else:
        (registry.folder / "small" / "1" / "gru.onnx").unlink()

    with pytest.raises(MsrayError):
        models.load(name, missed)

    assert missed == ([] if is_gone else ["small:1"])
    models.close()


async def test_models_that_are_behind_keep_no_lease_and_settle_no_run(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.feed_shard.CATCH_UP_S", 0.05)

    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: len(ledger.signals()) >= 2)
        models = one.shard._models
        assert models is not None
        models._asking.add(asyncio.create_task(asyncio.Event().wait()))  # type: ignore[arg-type]
        await one.stop()

    assert one.shard.update().status.signals_waiting == 0
    assert await ledger.lease([TODAY.id], "another", 1.0)
    assert len(unsettled(tmp_path / "log" / "shard-0")) == 1


def test_a_model_that_cannot_be_run_is_a_problem_and_no_end(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Registry, model: ModelName) -> ServedModel:
        served = load_named(folder, model)
        return replace(served, members=(replace(served.members[0], onnx=b"of a later opset"),))

    monkeypatch.setattr("msray.on_ray.shard_models.load_named", broken)

    models = the_models(registry, tmp_path)

    assert models.names == ()
    assert models._newer("small") is None
    assert models.problems[0].startswith("model small is refused: ONNX Runtime: ")
    models.close()


def droppings(folder: Path) -> list[Dropping]:
    if not (folder / "log" / "shard-0").exists():
        return []
    return [event for event in RawLog([folder / "log" / "shard-0"]).events() if isinstance(event, Dropping)]


async def test_a_model_that_falls_behind_drops_rows_and_a_replay_drops_the_same(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = WORDS.model_copy(update={"most_waiting_rows": 100})
    with monkeypatch.context() as held_up:
        step, may_go_on = Runner.step, threading.Event()
        held_up.setattr(Runner, "step", lambda *of: may_go_on.wait(20.0) and step(*of))
        async with running(plan(endpoint, tmp_path, registry, words), ledger) as one:
            for number in (1, 3):
                may_go_on.clear()
                await one.until(lambda number=number: len(droppings(tmp_path)) == number)
                may_go_on.set()
                await one.until(lambda number=number: len(droppings(tmp_path)) == number + 1)
            await one.until(lambda: signals_of_models(one) >= 2)
            (status,) = one.shard.update().status.models
            await one.stop()

    found = again(tmp_path, registry)
    assert sorted(signal.signal_id for signal in found) == sorted(signal.signal_id for signal in ledger.signals())
    assert status.dropped > 0
    assert [event.is_on for event in droppings(tmp_path)][:4] == [True, False, True, False]


async def test_what_models_that_failed_never_saw_is_not_predicted_after_a_death(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path
) -> None:
    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: signals_of_models(one) >= 4)
        assert one.shard._models is not None
        one.shard._models._failed = "models predict no longer"
        before = len(ledger.signals())
        await one.until(lambda: len(ledger.signals()) >= before + 10)
        await one.kill()
    stored = {signal.signal_id for signal in of_models(ledger.signals())}
    (noted,) = droppings(tmp_path)
    (session,) = unsettled(tmp_path / "log" / "shard-0")
    segments = list(RawLog([tmp_path / "log" / "shard-0"]).files)
    expected = {signal.signal_id for signal in of_models(again(tmp_path, registry))}
    assert noted.is_on
    assert stored <= expected
    steps = signals_again(segments, lambda model: load_named(registry, model))
    behind = itertools.dropwhile(lambda step: step[0] != noted, zip(RawLog(segments).events(), steps, strict=True))
    assert [signal for _, signals in behind for signal in of_models(signals)] == []

    async with running(plan(endpoint, tmp_path, registry, PredictConfig()), ledger) as one:
        await one.until(lambda: session not in unsettled(segments[0].parent))

    found = ledger.signals()
    assert {signal.signal_id for signal in of_models(found)} == expected
    assert max(signal.event_ns for signal in of_models(found)) < max(signal.event_ns for signal in found)


async def test_a_run_whose_models_cannot_be_run_is_gone_through_again_at_the_next_start(
    endpoint: str, ledger: Ledger, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(plan(endpoint, tmp_path, registry), ledger) as one:
        await one.until(lambda: signals_of_models(one) >= 2)
        await one.kill()
    (session,) = unsettled(tmp_path / "log" / "shard-0")
    with monkeypatch.context() as failing:

        def fail(*_: object) -> None:
            raise MemoryError("no room")

        failing.setattr(Runner, "step", fail)
        async with running(plan(endpoint, tmp_path, registry, PredictConfig()), ledger) as one:
            await one.until(lambda: len(problems(one)) == 2)
            told = problems(one)

    assert told == [
        f"run {session} could not be gone through again: its models could not be run",
        f"run {session}: models predict no longer: MemoryError: no room",
    ]
    assert session in unsettled(tmp_path / "log" / "shard-0")
