"""Bars and signals of one instrument: what a bar is, and what a signal says."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from msray.errors import ConfigError
from msray.features import NAMES
from msray.market import UNCALIBRATED, Signal, signal_id
from msray.prediction import (
    Arrived,
    CalibrationConfig,
    CalibrationTask,
    DetectionConfig,
    LogEvent,
    Pipeline,
    Rows,
    WatchConfig,
)
from msray.prediction import kernels as k
from msray.prediction.detection import CARRY_LIMIT_BARS, Detection
from msray.venues import Frames
from tests.naive.bars import bars
from tests.prediction.made import (
    BTC,
    CALIBRATED,
    MS,
    NEVER_CALIBRATED,
    OnceSolver,
    market_events,
    payloads_of,
    run,
)

EVERYTHING = DetectionConfig(
    bar_ms=250,
    watches=(
        WatchConfig(name="mean", feature="imbalance_l5"),
        WatchConfig(name="close", feature="imbalance_l5", at="close"),
        WatchConfig(name="absolute", feature="return_1s", transform="abs"),
        WatchConfig(name="absolute_close", feature="return_1s", transform="abs", at="close"),
        WatchConfig(name="root", feature="trade_rate_1s", transform="sqrt"),
    ),
    calibration=CalibrationConfig(first_bar=3, bars=60, delay_bars=0),
)


class TakesTasks:
    """Keeps what it is asked to solve, and then solves none of it."""

    class EnoughError(Exception):
        """A calibration was asked for."""

    def __init__(self) -> None:
        self.tasks: list[CalibrationTask] = []

    def begin(self, task: CalibrationTask) -> None:
        self.tasks.append(task)

    def finish(self, task: CalibrationTask) -> None:
        assert task is self.tasks[-1]
        raise self.EnoughError


def later(events: Sequence[LogEvent], ms: int) -> list[LogEvent]:
    """The same, so much later in exchange time."""

    def shifted(payload: bytes) -> bytes:
        return re.sub(rb'"([ET])":(\d+)', lambda found: b'"%s":%d' % (found[1], int(found[2]) + ms), payload)

    return [
        Arrived(one.venue, Frames.of([shifted(p) for p in payloads_of(one)], one.frames.local_ns[0], one.frames.hint))
        if isinstance(one, Arrived)
        else one
        for one in events
    ]


@pytest.mark.parametrize("pause_ms", [0, 260, 5_000, -700], ids=lambda ms: f"pause of {ms} ms")
def test_bars_are_what_their_definition_says(pause_ms: int) -> None:
    """Rows out of a sink, put into bars one by one, are the bars that a calibration is made from."""
    times: list[int] = []
    rows: list[np.ndarray] = []

    def sink(found: Rows) -> None:
        times.extend(found.messages["event_ns"].tolist())
        rows.append(found.values.copy())

    solver = TakesTasks()
    machine = Pipeline((BTC,), EVERYTHING, solver=solver, sink=lambda _: sink)  # type: ignore[arg-type]
    events = market_events(seconds=30, seed=4)

    with pytest.raises(TakesTasks.EnoughError):
        run(machine, [*events[:60], *later(events[60:], pause_ms)])

    (task,) = solver.tasks
    values = np.concatenate(rows)
    assert task.last_bar - task.first_bar + 1 == 60
    for watch, found in zip(EVERYTHING.watches, task.values, strict=True):
        naive = bars(times, values[:, NAMES.index(watch.feature)].tolist(), watch, 250 * MS)
        wanted = [naive[number] for number in range(task.first_bar, task.last_bar + 1)]
        np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=watch.name)
    assert task.first_bar == min(naive) + 3


def calibrated_signals() -> list[Signal]:
    signals = run(Pipeline((BTC,), CALIBRATED, solver=OnceSolver()), market_events(seconds=40, lost=(20,)))
    assert len(signals) >= 10
    return signals


def test_a_signal_says_what_it_is() -> None:
    by_name = {watch.name: watch for watch in CALIBRATED.watches}
    for signal in calibrated_signals():
        watch = by_name[signal.signal_type]
        assert (signal.instrument, signal.detector, signal.event_kind) == (BTC.id, watch.detector, "depth")
        assert list(signal.features) == [watch.feature]
        assert 0.5 <= signal.score <= 1.0
        assert signal.direction in (-1, 1)
        assert 0 < signal.change_ns <= signal.event_ns
        assert signal.change_ns % (CALIBRATED.bar_ms * MS) == 0 or signal.change_ns == signal.event_ns
        assert signal.price is not None
        assert signal.price > 0.0
        assert not signal.shares, "a lone detector has no members"


def test_shares_of_an_ensemble_sum_to_one() -> None:
    words = DetectionConfig(
        bar_ms=100,
        arl0=20,
        watches=(WatchConfig(name="imbalance", feature="imbalance_l5"),),
        calibration=CalibrationConfig(bars=100_000),
    )

    signals = run(Pipeline((BTC,), words), market_events(seconds=120))

    assert signals
    for signal in signals:
        assert signal.shares.keys() == {"cusum", "page_hinkley", "focus"}
        assert sum(signal.shares.values()) == pytest.approx(1.0)
        assert min(signal.shares.values()) >= 0.0


def test_the_id_is_of_everything_that_tells_signals_apart() -> None:
    for signal in calibrated_signals():
        watch = next(one for one in CALIBRATED.watches if one.name == signal.signal_type)
        instance = f"{watch.name}/{watch.detector}/{watch.feature}/{watch.at}/{watch.transform}/{CALIBRATED.bar_ms}"
        assert signal.signal_id == signal_id(
            BTC.id,
            instance,
            CALIBRATED.words_digest(),
            signal.calibration,
            "depth",
            signal.event_id,
            signal.event_ns,
            signal.direction,
        )


def test_two_watches_of_one_series_raise_signals_of_their_own() -> None:
    watch = WatchConfig(name="one", feature="imbalance_l5", detector="cusum")
    words = NEVER_CALIBRATED.model_copy(update={"watches": (watch, watch.model_copy(update={"name": "other"}))})

    signals = run(Pipeline((BTC,), words), market_events(seconds=90))

    assert {signal.signal_type for signal in signals} == {"one", "other"}
    assert len({signal.signal_id for signal in signals}) == len(signals)


def test_a_message_that_closes_many_bars_raises_no_id_twice() -> None:
    events = market_events(seconds=60)
    pieces = [later(events[at : at + 100], at * 2_000) for at in range(0, len(events), 100)]
    machine = Pipeline((BTC,), CALIBRATED, solver=OnceSolver())

    signals = run(machine, [event for piece in pieces for event in piece])

    assert machine.lanes[BTC.id].engine.closed_bars > 10_000
    assert machine.lanes[BTC.id].engine.counts.time_jumps == 0
    assert len({signal.signal_id for signal in signals}) == len(signals)
    assert all(one.event_ns <= other.event_ns for one, other in pairwise(signals))


@pytest.mark.parametrize("sign", [1, -1], ids=["forward", "back"])
def test_time_that_jumps_too_far_starts_features_and_detectors_anew(sign: int) -> None:
    events = market_events(seconds=40)
    jump_ms = sign * (CARRY_LIMIT_BARS + 100) * CALIBRATED.bar_ms
    machine = Pipeline((BTC,), CALIBRATED, solver=OnceSolver())
    engine = machine.lanes[BTC.id].engine
    run(machine, events[:300])
    before = engine.closed_bars

    run(machine, later(events[300:350], jump_ms))

    assert engine.counts.time_jumps == 1
    assert engine.is_synced, "the book is the book, whatever the time"
    assert 40 <= engine.closed_bars <= 60 < before


def test_one_message_from_the_far_future_blinds_nobody() -> None:
    events = market_events(seconds=60)
    machine = Pipeline((BTC,), CALIBRATED, solver=OnceSolver())
    engine = machine.lanes[BTC.id].engine

    run(machine, [*events[:200], *later(events[200:201], 10 * 365 * 86_400_000), *events[201:]])

    assert engine.counts.time_jumps == 2
    assert engine.closed_bars > 300
    assert engine.calibration is not None


def test_restart_forgets_all_but_the_calibration() -> None:
    machine = Pipeline((BTC,), CALIBRATED, solver=OnceSolver())
    run(machine, market_events(seconds=20))
    calibration = machine.lanes[BTC.id].engine.calibration
    assert calibration is not None
    fresh, used = (Detection(BTC.id, CALIBRATED, calibration) for _ in range(2))
    used.arena[:] = machine.lanes[BTC.id].engine._detection.arena

    used.restart()

    assert used.calibration is calibration
    kept = slice(int(fresh.arena[k.KEEP_AT]), int(fresh.arena[k.WATCH_AT]))  # written anew before they are read
    for words in (used.arena, fresh.arena):
        words[: k.HEADER], words[kept] = 0, 0
    assert used.arena.tobytes() == fresh.arena.tobytes()


def test_a_calibration_is_checked_when_it_is_given() -> None:
    machine = Pipeline((BTC,), CALIBRATED, solver=OnceSolver())
    run(machine, market_events(seconds=20))
    calibration = machine.lanes[BTC.id].engine.calibration

    with pytest.raises(ConfigError, match=f"calibration is for {BTC.id}, not for binance_usdm:OTHER"):
        Detection("binance_usdm:OTHER", CALIBRATED, calibration)
    with pytest.raises(ConfigError, match="other watches, bars or rates"):
        Detection(BTC.id, CALIBRATED.model_copy(update={"arl0": 21.0}), calibration)


def test_before_its_calibration_a_signal_says_so() -> None:
    signals = run(Pipeline((BTC,), NEVER_CALIBRATED), market_events(seconds=90))

    assert signals
    assert {signal.calibration for signal in signals} == {UNCALIBRATED}
