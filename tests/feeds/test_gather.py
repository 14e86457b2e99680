import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.feeds import gather
from msray.feeds.gather import MOST_BYTES, MOST_FRAMES, Gatherer
from msray.feeds.link import Link
from msray.feeds.outlet import Outlet
from msray.prediction import Arrived
from tests.feeds.clocks import ManualClock, settle
from tests.feeds.made import frame_rows
from tests.instruments import USDM
from tests.waiting import until

HOUR_S = 3600.0


def gathering() -> Gatherer:
    return Gatherer("binance_usdm", Outlet([USDM.id], ManualClock()))


def taken(gatherer: Gatherer) -> list[Arrived]:
    events = [gatherer.outlet.take() for _ in range(len(gatherer.outlet))]
    return [event for event in events if isinstance(event, Arrived)]


def payloads(events: list[Arrived]) -> list[bytes]:
    return [row[3] for row in frame_rows(list(events))]


@given(st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=20), max_size=5))
def test_frames_come_out_as_they_went_in(batches: list[list[bytes]]) -> None:
    async def gathered() -> list[Arrived]:
        gatherer, now_ns = gathering(), 0
        for batch in batches:
            for payload in batch:
                gatherer.add(payload, now_ns)
                now_ns += 1
            gatherer.flush()
        return taken(gatherer)

    events = asyncio.run(gathered())

    flat = [payload for batch in batches for payload in batch]
    assert len(events) == len(batches)
    assert [(row[2], row[3]) for row in frame_rows(list(events))] == list(enumerate(flat))
    assert all(not event.frames.buffer[-64:].any() for event in events)


async def test_the_scanner_is_given_what_it_was_compiled_for() -> None:
    gatherer = gathering()
    gatherer.add(b"x", 1)
    gatherer.flush()

    (event,) = taken(gatherer)
    assert event.frames.buffer.flags.writeable


async def test_what_was_handed_on_does_not_change_when_more_comes() -> None:
    gatherer = gathering()
    gatherer.add(b"first", 1)
    gatherer.flush()
    first = taken(gatherer)

    gatherer.add(b"second", 2)

    assert payloads(first) == [b"first"]


async def test_the_first_frame_after_a_silence_does_not_wait_and_those_behind_it_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gather, "GATHER_S", HOUR_S)
    gatherer = gathering()
    gatherer.add(b"a", 1)
    await settle()
    assert payloads(taken(gatherer)) == [b"a"]

    gatherer.add(b"b", 2)
    await settle()
    gatherer.add(b"c", 3)
    await settle()
    assert taken(gatherer) == []

    gatherer.flush()
    assert [payloads([event]) for event in taken(gatherer)] == [[b"b", b"c"]]


async def test_what_waits_comes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "GATHER_S", 0.001)
    gatherer = gathering()
    for i in range(50):
        gatherer.add(b"%d" % i, i)
        await asyncio.sleep(0)
    found = list[bytes]()
    await until(lambda: found.extend(payloads(taken(gatherer))) or len(found) == 50)

    assert found == [b"%d" % i for i in range(50)]


@pytest.mark.parametrize(("size", "count"), [(0, MOST_FRAMES), (MOST_BYTES // 2, 2)], ids=["frames", "bytes"])
async def test_a_full_batch_does_not_wait_and_does_not_hurry_the_next(
    monkeypatch: pytest.MonkeyPatch, size: int, count: int
) -> None:
    monkeypatch.setattr(gather, "GATHER_S", HOUR_S)
    gatherer = gathering()
    gatherer.add(b"a", 1)
    await settle()
    for _ in range(3):
        for _ in range(count):
            gatherer.add(bytes(size), 2)
        gatherer.add(b"b", 3)
        await settle()
        gatherer.flush()

    assert [len(event.frames) for event in taken(gatherer)] == [1, count, 1, count, 1, count, 1]


async def test_frames_of_several_sockets_keep_the_order_in_which_they_came() -> None:
    gatherer, clock, told = gathering(), ManualClock(), list[tuple[str, int]]()
    depth = Link(gatherer, clock.now_ns, lambda frames: told.append(("depth", frames)))
    trades = Link(gatherer, clock.now_ns, lambda frames: told.append(("trades", frames)))
    for i in range(3):
        depth.take(b"depth %d" % i)
        trades.take(b"trade %d" % i)
    trades.take(memoryview(b"trade 3"))
    await settle()

    (event,) = taken(gatherer)
    assert payloads([event]) == [b"depth 0", b"trade 0", b"depth 1", b"trade 1", b"depth 2", b"trade 2", b"trade 3"]
    assert told == [("depth", 3), ("trades", 4)]


async def test_a_socket_that_held_nothing_back_brought_nothing() -> None:
    gatherer, told = gathering(), list[int]()
    link = Link(gatherer, ManualClock().now_ns, told.append, is_held=True)

    link.release()
    gatherer.flush()
    assert told == []

    link.take(b"x")
    gatherer.flush()
    assert told == [1]
