import asyncio
from pathlib import Path

import pytest

from msray.errors import UnavailableError
from msray.feeds.outlet import MOST_BYTES, MOST_EVENTS, Idle, Outlet
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.raw_log_reader import RawLog
from msray.prediction import Disconnected, LogEvent, Requested
from tests.feeds.clocks import ManualClock, settle
from tests.feeds.made import arrived, frame_rows, plain
from tests.instruments import USDM


def taken(outlet: Outlet) -> list[LogEvent | Idle]:
    return [outlet.take() for _ in range(len(outlet))]


class FullDisk:
    """Makes a raw log refuse while ``is_full``."""

    def __init__(self, writer: RawLogWriter, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        append = writer.append

        def refusing(event: LogEvent) -> None:
            if self.is_full:
                raise UnavailableError("raw log cannot be written: No space left on device")
            append(event)

        monkeypatch.setattr(writer, "append", refusing)


def test_events_come_out_in_order_and_idle_only_where_nothing_waits() -> None:
    outlet = Outlet([USDM.id], ManualClock(77))
    events = [Requested(USDM.id, 1), arrived("binance_usdm", [b"x"]), Disconnected((USDM.id,), 2)]

    outlet.idle()
    for event in events:
        outlet.emit(event)
    outlet.idle()

    assert taken(outlet) == [Idle(77), *events]


def test_an_event_is_in_the_log_before_it_is_out(tmp_path: Path) -> None:
    outlet = Outlet([USDM.id], ManualClock(), RawLogWriter(tmp_path, (USDM,), ManualClock()))

    outlet.emit(arrived("binance_usdm", [b"x"]))

    assert len(frame_rows(list(RawLog([tmp_path]).events()))) == 1


def test_it_is_full_by_bytes_and_by_events_and_says_when_half_is_gone() -> None:
    for event, count in (
        (arrived("binance_usdm", [bytes(1 << 20)]), MOST_BYTES >> 20),
        (Requested("v:S", 1), MOST_EVENTS),
    ):
        outlet, told = Outlet([USDM.id], ManualClock()), []
        for _ in range(count):
            assert not outlet.is_full
            outlet.emit(event)
        assert outlet.is_full
        outlet.when_room(lambda told=told: told.append(len(told)))  # type: ignore[misc]

        while not told:
            outlet.take()

        assert count // 2 - 1 <= len(outlet) <= count // 2
        taken(outlet)
        assert told == [0]


async def test_a_source_waits_for_room() -> None:
    outlet = Outlet([USDM.id], ManualClock())
    for i in range(MOST_EVENTS):
        outlet.emit(Requested(USDM.id, i))

    waiting = asyncio.create_task(outlet.room())
    await settle()
    assert not waiting.done()
    taken(outlet)
    await settle()

    assert waiting.done()
    await outlet.room()


def test_what_the_log_refuses_is_not_delivered_and_live_equals_the_replay_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    writer = RawLogWriter(tmp_path, (USDM,), clock)
    disk = FullDisk(writer, monkeypatch)
    outlet = Outlet([USDM.id], clock, writer)

    for number in range(10):
        disk.is_full = number in (3, 4, 5, 8, 9)
        outlet.emit(arrived("binance_usdm", [b"%d" % number]))
    assert "No space left" in outlet.log_problem
    assert outlet.dropped == 5
    disk.is_full = False
    outlet.emit(arrived("binance_usdm", [b"10"]))
    assert outlet.log_problem == ""
    writer.close()
    live = taken(outlet)
    replayed = list(RawLog([tmp_path]).events(most_frames=1))[1:]

    def folded(events: list[LogEvent | Idle]) -> list[object]:
        """Frames, and one mark for any number of losses in a row."""
        result: list[object] = []
        for event in events:
            one = "lost" if isinstance(event, Disconnected) else plain(event)  # type: ignore[arg-type]
            if one != "lost" or result[-1:] != ["lost"]:
                result.append(one)
        return result

    assert folded(live) == folded(list(replayed))
    assert [row[3] for row in frame_rows(list(replayed))] == [b"0", b"1", b"2", b"6", b"7", b"10"]
    assert folded(live).count("lost") == 2


def test_a_log_that_may_have_lost_what_it_took_starts_over(tmp_path: Path) -> None:
    writer = RawLogWriter(tmp_path, (USDM,), ManualClock())
    outlet = Outlet([USDM.id], ManualClock(), writer)

    outlet.lose_log("disk failed")
    outlet.lose_log("disk failed again")
    outlet.emit(Requested(USDM.id, 1))
    writer.close()

    assert [type(event).__name__ for event in taken(outlet)] == ["Disconnected", "Disconnected", "Requested"]
    assert [type(e).__name__ for e in RawLog([tmp_path]).events()] == ["Began", "Disconnected", "Requested"]
