from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.feeds.time_order import cut, event_ns, in_time_order, messages_in
from msray.market import LEVEL, MESSAGE, Records
from msray.prediction import Arrived, Disconnected, LogEvent, Replayed
from msray.venues import Frames
from tests.feeds.made import frame_rows


def stream(venue: str, chunks: list[list[int]]) -> list[LogEvent]:
    """Chunks of frames at these times; each frame says its number."""
    events: list[LogEvent] = []
    number = 0
    for times in chunks:
        payloads = [f"{venue}{number + i}".encode() for i in range(len(times))]
        number += len(times)
        events.append(Arrived(venue, Frames.of(payloads, times)))
    return events


def merged(streams: list[list[LogEvent]], grain_ns: int = 0) -> list[LogEvent]:
    begins = [event_ns(events[0]) if events else 0 for events in streams]
    return list(in_time_order([(b, iter(e)) for b, e in zip(begins, streams, strict=True)], grain_ns=grain_ns))


times = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6).map(sorted), max_size=4)


@given(st.lists(times, max_size=4))
def test_frames_of_all_streams_come_in_order_of_time_and_none_is_lost(chunks: list[list[list[int]]]) -> None:
    streams = []
    for i, one in enumerate(chunks):
        flat = sorted(t for part in one for t in part)
        bounds = np.cumsum([0, *(len(part) for part in one)]).tolist()
        streams.append(stream(f"v{i}_", [flat[a:b] for a, b in pairwise(bounds)]))

    rows = frame_rows(merged(streams))

    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    for i, events in enumerate(streams):
        assert [row for row in rows if row[0] == f"v{i}_"] == frame_rows(events)


def test_order_within_a_stream_is_kept_where_its_times_go_back() -> None:
    streams = [stream("a", [[5, 9, 2, 7]]), stream("b", [[6, 8]])]

    rows = frame_rows(merged(streams))

    assert [row[3] for row in rows if row[0] == "a"] == [b"a0", b"a1", b"a2", b"a3"]
    assert [row[3] for row in rows if row[0] == "b"] == [b"b0", b"b1"]


def test_one_stream_passes_uncut() -> None:
    events = stream("a", [[1, 2, 3], [4, 5]])

    assert merged([events]) == events


def test_a_stream_is_not_begun_before_its_time() -> None:
    begun: list[str] = []

    def late() -> object:
        begun.append("late")
        yield from stream("b", [[100]])

    merging = in_time_order([(1, iter(stream("a", [[1], [50]]))), (100, late())])  # type: ignore[list-item]
    next(merging)
    next(merging)

    assert begun == []
    assert len(list(merging)) == 1


def test_other_events_keep_their_place() -> None:
    lost = Disconnected(("a:A",), 4)
    streams: list[list[LogEvent]] = [[*stream("a", [[1, 4]]), lost], stream("b", [[2, 6]])]

    events = merged(streams)

    assert [row[3] for row in frame_rows(events)] == [b"a0", b"b0", b"a1", b"b1"]
    assert events.index(lost) == 3


@pytest.mark.parametrize("grain", [1, 10, 1000])
def test_a_grain_bounds_how_much_comes_at_once(grain: int) -> None:
    streams = [stream("a", [list(range(1, 500, 3))]), stream("b", [list(range(2, 500, 7))])]

    events = merged(streams, grain)

    for event in events:
        assert isinstance(event, Arrived)
        assert event.frames.local_ns[-1] - event.frames.local_ns[0] <= grain
    assert len(frame_rows(events)) == 167 + 72
    assert len(events) <= 2 * (500 // grain + 2)


@pytest.mark.parametrize("grain", [0, 10])
def test_records_are_merged_as_frames_are(grain: int) -> None:
    messages = np.zeros(150, MESSAGE)
    messages["local_ns"] = messages["last_id"] = range(2, 302, 2)
    replayed: list[LogEvent] = [Replayed("x:X", Records(messages, np.zeros(0, LEVEL)))]

    events = merged([stream("a", [list(range(1, 301, 2))]), replayed], grain)

    parts = [event for event in events if isinstance(event, Replayed)]
    assert [int(i) for part in parts for i in part.records.messages["last_id"]] == list(range(2, 302, 2))
    assert {part.instrument for part in parts} == {"x:X"}
    assert len(parts) == (150 if grain == 0 else 25)
    assert sum(messages_in(event) for event in events) == 300


def test_cut_leaves_at_least_one_frame() -> None:
    event = stream("a", [[10, 20, 30]])[0]
    assert isinstance(event, Arrived)

    first, rest = cut(event, 5)

    assert first.frames.local_ns.tolist() == [10]
    assert rest is not None
    assert rest.frames.local_ns.tolist() == [20, 30]
    assert cut(event, 30) == (event, None)
