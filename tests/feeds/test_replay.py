import itertools
from pathlib import Path

import numpy as np
import pytest

from msray.errors import UsageError
from msray.feeds.pace import Pace
from msray.feeds.playback import Playback
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.reconnect import SECOND
from msray.feeds.replay import LogReplay, RecordingReplay, drive, open_replay
from msray.feeds.time_order import event_ns
from msray.market import Signal
from msray.prediction import LogEvent, Requested
from tests.feeds.clocks import ManualClock
from tests.feeds.made import frame_rows, plain, random_events
from tests.feeds.test_recording import NS, depth, snapshot, write
from tests.instruments import ETH, SPOT, USDM


class Listener:
    """A pipeline that remembers, and raises a signal at every third event."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.events: list[LogEvent] = []
        self.times: list[int] = []

    def apply(self, event: LogEvent) -> list[Signal]:
        self.events.append(event)
        self.times.append(self.clock.monotonic_ns())
        return ["signal"] if len(self.events) % 3 == 0 else []  # type: ignore[list-item]


def two_recordings(folder: Path) -> Path:
    write(folder / "a", [depth("AAA", i) for i in range(50)], NS, SECOND)
    write(folder / "b", [depth("BBB", i) for i in range(50)] + [snapshot()], NS + SECOND // 2, SECOND)
    return folder


def test_a_folder_of_segments_is_a_raw_log_and_everything_else_a_recording(tmp_path: Path) -> None:
    RawLogWriter(tmp_path / "log", (USDM, ETH, SPOT), ManualClock()).close()
    two_recordings(tmp_path / "recordings")

    assert isinstance(open_replay([tmp_path / "log"]), LogReplay)
    assert isinstance(open_replay([tmp_path / "recordings"]), RecordingReplay)
    with pytest.raises(UsageError, match=r"cannot be replayed together: .*recordings is no raw log"):
        open_replay([tmp_path / "log", tmp_path / "recordings"])


def test_a_raw_log_is_replayed_as_it_was_written(tmp_path: Path) -> None:
    clock = ManualClock()
    events = random_events(np.random.default_rng(1), 100)
    writer = RawLogWriter(tmp_path, (USDM, ETH, SPOT), clock)
    for event in events:
        writer.append(event)
    writer.close()
    joined, single = Listener(clock), Listener(clock)

    result = drive(open_replay([tmp_path]), joined, clock=clock)
    drive(open_replay([tmp_path]), single, clock=clock, speed=10.0)

    assert frame_rows(joined.events) == frame_rows(events)
    assert [plain(e) for e in single.events[1:]] == [plain(e) for e in events]
    assert result.frames == len(frame_rows(events))
    assert result.events == len(joined.events)


def test_instruments_of_recordings_get_the_places_that_a_pipeline_gives_them(tmp_path: Path) -> None:
    two_recordings(tmp_path)
    write(tmp_path / "spot", [depth("AAA", 1, "binance_spot")])
    replay = open_replay([tmp_path])
    listener = Listener(ManualClock())

    drive(replay, listener, clock=listener.clock)

    assert [one.id for one in replay.instruments] == ["binance_usdm:AAA", "binance_usdm:BBB", "binance_spot:AAA"]
    assert {(v, h) for v, h, _, _ in frame_rows(listener.events)} == {
        ("binance_usdm", 0),
        ("binance_usdm", 1),
        ("binance_spot", 0),
    }


def test_progress_ends_at_the_total_and_signals_are_told(tmp_path: Path) -> None:
    replay, listener = open_replay([two_recordings(tmp_path)]), Listener(ManualClock())
    done: list[int] = []
    told: list[list[Signal]] = []

    result = drive(replay, listener, clock=listener.clock, progress=done.append, on_signals=told.append)

    assert done == sorted(done)
    assert done[-1] == replay.total_bytes
    assert len(result.signals) == len(told) == len(listener.events) // 3


@pytest.mark.parametrize("speed", [0.5, 1.0, 20.0])
def test_a_paced_replay_keeps_recorded_time(tmp_path: Path, speed: float) -> None:
    listener = Listener(ManualClock())

    drive(open_replay([two_recordings(tmp_path)]), listener, clock=listener.clock, speed=speed)

    due = [(ns - NS) / speed for _, _, ns, _ in frame_rows(listener.events)]
    applied = [at for at, event in zip(listener.times, listener.events, strict=True) for _ in event.frames.begin]  # type: ignore[union-attr]
    late = np.array(applied) - due
    assert np.abs(late).max() <= 0.02 * SECOND + 1000


def test_a_silence_of_days_does_not_hold_up_a_paced_replay() -> None:
    pace = Pace(2.0)

    waits = [pace.wait_s(at * SECOND, 0) for at in (100, 110, 10**6, 10**6 + 1)]

    assert waits == [0.0, 5.0, 35.0, 35.5]


def test_time_that_goes_back_is_due_at_once() -> None:
    pace = Pace(1.0)

    assert [pace.wait_s(at * SECOND, 0) for at in (100, 105, 103, 106)] == [0.0, 5.0, 5.0, 6.0]


def test_a_run_that_wrote_at_the_same_time_as_the_one_before_is_paced_too() -> None:
    pace = Pace(1.0)

    assert [pace.wait_s(at * SECOND, 0) for at in (100, 150, 200, 101, 151)] == [0.0, 50.0, 100.0, 100.0, 150.0]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(UsageError, match="speed must be a positive number"):
        Pace(speed)


@pytest.mark.parametrize("after", [-1.0, 0.0, 0.25, 0.5, 7.3, 20.0, 1000.0])
@pytest.mark.parametrize("speed", [None, 100.0])
def test_nothing_after_until_is_taken_and_everything_before_is(
    tmp_path: Path, after: float, speed: float | None
) -> None:
    until_ns = NS + round(after * SECOND)
    every, some = Listener(ManualClock()), Listener(ManualClock())

    drive(open_replay([two_recordings(tmp_path)]), every, clock=every.clock)
    drive(open_replay([tmp_path]), some, clock=some.clock, until_ns=until_ns, speed=speed)

    wanted = [row for row in frame_rows(every.events) if row[2] <= until_ns]
    assert sorted(frame_rows(some.events)) == sorted(wanted)


async def test_until_ends_every_run_of_a_log(tmp_path: Path) -> None:
    clock = ManualClock()
    writers = [RawLogWriter(tmp_path / one.symbol, [one], clock) for one in (USDM, ETH)]
    begin_ns = clock.now_ns()
    for _ in range(10):
        for one, writer in zip((USDM, ETH), writers, strict=True):
            writer.append(Requested(one.id, clock.now_ns()))
        await clock.advance(1)
    for writer in writers:
        writer.close()
    listener = Listener(ManualClock())
    folders = [tmp_path / one.symbol for one in (USDM, ETH)]

    drive(open_replay(folders), listener, clock=listener.clock, until_ns=begin_ns + 4 * SECOND)

    names = [event.instrument for event in listener.events if isinstance(event, Requested)]
    assert names == [USDM.id] * 5 + [ETH.id] * 5


def test_what_could_not_be_read_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [depth("AAA", i) for i in range(3)])
    path.write_bytes(path.read_bytes() + b"nonsense\n")
    replay = open_replay([path])

    for _ in itertools.islice(replay.events(), 10):
        pass

    assert replay.problems == ["1 bad lines of binance_usdm:AAA"]


def test_what_lies_before_from_is_folded_at_once_and_not_told(tmp_path: Path) -> None:
    clock = ManualClock()
    listener = Listener(clock)
    from_ns = NS + 20 * SECOND + SECOND // 4

    result = drive(
        open_replay([two_recordings(tmp_path)]), listener, clock=clock, speed=10.0, playback=Playback(from_ns)
    )

    is_told = [event_ns(event) >= from_ns for event in listener.events]
    early = {at for told, at in zip(is_told, listener.times, strict=True) if not told}
    assert early == {0}
    assert len(result.signals) == sum(told for number, told in enumerate(is_told, 1) if number % 3 == 0)
    assert clock.monotonic_ns() == pytest.approx(2.95 * SECOND, abs=0.1 * SECOND)


def test_a_paused_replay_goes_on_where_it_stood(tmp_path: Path) -> None:
    clock, playback = ManualClock(), Playback()
    stood: list[int] = []

    class Impatient(Listener):
        def apply(self, event: LogEvent) -> list[Signal]:
            if len(self.events) == 10:
                playback.pause()
            return super().apply(event)

    class Hand(ManualClock):
        def pause(self, seconds: float) -> None:
            super().pause(seconds)
            if playback.is_paused:
                stood.append(playback.at_ns)
                if len(stood) == 100:
                    playback.resume()

    clock = Hand()
    listener = Impatient(clock)
    drive(open_replay([two_recordings(tmp_path)]), listener, clock=clock, speed=10.0, playback=playback)

    assert len(stood) == 100
    assert len(set(stood)) == 1
    gaps = np.diff(listener.times)
    assert sorted(gaps)[-1] >= 5 * SECOND
    assert sorted(gaps)[-2] < SECOND, "what was missed is not made up for in a hurry"


def test_a_jump_ahead_folds_what_lies_between() -> None:
    playback = Playback()
    playback.seek(100)
    playback.seek(50)

    assert [playback.skips(at) for at in (50, 99, 100)] == [True, True, False]
    assert playback.at_ns == 100
