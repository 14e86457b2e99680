"""Places, pages and newest versions: everything about the stream that needs no socket."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.api.reading import book_document
from msray.api.state import InstrumentSnapshot
from msray.api.stream_hub import PAGE, Reader, StreamHub, Subscription, Topic
from msray.store.ledger_records import Source, StoredSignal
from tests.api.service import Books
from tests.clocks import START_NS
from tests.store.examples import BTC, ETH, a_signal

BOOKS = Subscription(topics=frozenset({Topic.BOOKS}))
A_BOOK = InstrumentSnapshot(
    instrument=BTC, state="synced", epoch=1, update_id=1, event_ns=START_NS, local_ns=START_NS, bids=[(9, 1)] * 50
)


def row(seq: int) -> StoredSignal:
    """Every third is of ETH, every fifth of another type."""
    changes = {"instrument": ETH if seq % 3 == 0 else BTC, "signal_type": "spread" if seq % 5 == 0 else "imbalance"}
    return StoredSignal(seq, START_NS, Source.DETECTION, a_signal(seq, **changes))


def rows(first: int, last: int) -> list[StoredSignal]:
    return [row(seq) for seq in range(first, last + 1)]


def version(update_id: int, **changes: Any) -> InstrumentSnapshot:
    return replace(A_BOOK, update_id=update_id, **changes)


def documents(reader: Reader) -> list[dict[str, Any]]:
    return [json.loads(frame.text) for frame in reader.frames()]


def seqs(frames: Iterable[Mapping[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames]


def drain(reader: Reader, hub: StreamHub, ledger: list[StoredSignal]) -> list[int]:
    """All it can get, with the pages it lacks read from the ledger."""
    got: list[int] = []
    while reader.has_more:
        if (number := reader.missing_page) is not None:
            hub.signals.put(number, [one for one in ledger if one.seq > number * PAGE][:PAGE])
        got += seqs(documents(reader))
    return got


def test_a_reader_gets_what_comes_after_its_place() -> None:
    hub = StreamHub()
    hub.signals.start_at(10)
    hub.signals.add(rows(1, 12))
    reader = hub.reader(Subscription(), 10)

    first = documents(reader)
    hub.signals.add(rows(13, 14))

    assert seqs(first) == [11, 12]
    assert seqs(documents(reader)) == [13, 14]
    assert documents(reader) == []
    assert not reader.has_more


def test_a_signal_is_what_the_route_answers() -> None:
    hub = StreamHub()
    hub.signals.add(rows(1, 1))

    frame = documents(hub.reader(Subscription(), 0))[0]

    assert frame == {"type": "signal", "topic": "signals", "seq": 1, "data": row(1).document()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"instruments": frozenset({ETH})}, [3, 6, 9, 12, 15]),
        ({"signal_types": frozenset({"spread"})}, [5, 10, 15]),
        ({"instruments": frozenset({ETH}), "signal_types": frozenset({"spread"})}, [15]),
        ({"instruments": frozenset({"x:NONE"})}, []),
    ],
)
def test_only_what_was_asked_for_is_sent_and_the_place_moves_on(words: dict[str, Any], expected: list[int]) -> None:
    hub = StreamHub()
    hub.signals.add(rows(1, 16))
    reader = hub.reader(Subscription(**words), 0)

    assert seqs(documents(reader)) == expected
    assert json.loads(reader.heartbeat([]).text)["seq"] == {"signals": 16}


def test_a_reader_that_was_away_reads_pages_that_are_read_once_for_all() -> None:
    hub, ledger, asked = StreamHub(), rows(1, 3 * PAGE + 5), []
    hub.signals.start_at(len(ledger))
    hub.signals.add(ledger[3 * PAGE :])
    readers = [hub.reader(Subscription(), place) for place in (0, 5, PAGE, 3 * PAGE + 4)]

    got: list[list[int]] = [[] for _ in readers]
    while any(reader.has_more for reader in readers):
        for reader, seen in zip(readers, got, strict=True):
            if (number := reader.missing_page) is not None:
                asked.append(number)
                hub.signals.put(number, ledger[number * PAGE : (number + 1) * PAGE])
            seen += seqs(documents(reader))

    assert asked == [0, 1, 2]
    assert [(seen[0], seen[-1], len(seen)) for seen in got] == [
        (place + 1, len(ledger), len(ledger) - place) for place in (0, 5, PAGE, 3 * PAGE + 4)
    ]


@settings(max_examples=30)
@given(
    places=st.lists(st.integers(0, 700), min_size=1, max_size=4),
    growth=st.lists(st.integers(0, 300), min_size=1, max_size=5),
    kept=st.integers(2, 4),
    holes=st.sets(st.integers(1, 1500), max_size=200),
)
def test_whoever_reads_at_whatever_pace_misses_nothing_and_gets_nothing_twice(
    places: list[int], growth: list[int], kept: int, holes: set[int]
) -> None:
    ledger = [one for one in rows(1, 1500) if one.seq not in holes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("msray.api.stream_hub._PAGES_KEPT", kept)
        hub, newest = StreamHub(), 700
        hub.signals.start_at(newest)
        readers = [hub.reader(Subscription(), place) for place in places]
        got: list[list[int]] = [[] for _ in places]
        for turn, more in enumerate(growth):
            newest = min(1500, newest + more)
            hub.signals.add([one for one in ledger if hub.signals.newest < one.seq <= newest])
            lazy = turn % len(readers)
            for number, reader in enumerate(readers):
                if number != lazy:
                    got[number] += drain(reader, hub, ledger)
        for number, reader in enumerate(readers):
            got[number] += drain(reader, hub, ledger)

        assert len(hub.signals._pages) <= kept
    expected = [[one.seq for one in ledger if place < one.seq <= hub.signals.newest] for place in places]
    assert got == expected


def test_a_book_is_what_the_route_answers_and_comes_once() -> None:
    hub = StreamHub()
    hub.books.look(Books(A_BOOK), START_NS + 5_000_000)
    reader = hub.reader(replace(BOOKS, depth=3), 0)

    frames = documents(reader)
    hub.books.look(Books(replace(A_BOOK)), START_NS + 9_000_000)

    data = book_document(A_BOOK, 3, START_NS + 5_000_000)
    book = {"type": "book", "topic": "books", "seq": 1, "skipped": 0, "instrument": BTC, "data": data}
    assert frames == [json.loads(json.dumps(book))]
    assert documents(reader) == []


def test_the_newest_version_wins_and_says_how_many_were_skipped() -> None:
    hub = StreamHub()
    fast, slow = hub.reader(BOOKS, 0), hub.reader(BOOKS, 0)
    seen = []
    for update_id in (1, 2, 3):
        hub.books.look(Books(version(update_id), version(1, instrument=ETH)), START_NS)
        seen += [(one["instrument"], one["data"]["update_id"], one["skipped"]) for one in documents(fast)]
        if update_id == 1:
            documents(slow)
    hub.books.look(Books(version(4), version(1, instrument=ETH)), START_NS)

    late = documents(slow)

    assert sorted(seen) == [(BTC, 1, 0), (BTC, 2, 0), (BTC, 3, 0), (ETH, 1, 0)]
    assert [(one["instrument"], one["data"]["update_id"], one["skipped"]) for one in late] == [(BTC, 4, 2)]


def test_a_book_that_had_to_wait_for_its_turn_is_not_an_old_one() -> None:
    hub = StreamHub()
    hub.books.look(Books(version(1), version(1, instrument=ETH)), START_NS)
    reader = hub.reader(BOOKS, 0)

    frames = reader.frames()
    first = json.loads(next(frames).text)["instrument"]
    other = ETH if first == BTC else BTC
    hub.books.look(Books(version(2, instrument=first), version(2, instrument=other)), START_NS)
    second = json.loads(next(frames).text)

    assert (second["instrument"], second["data"]["update_id"], list(frames)) == (other, 2, [])
    assert [(one["instrument"], one["data"]["update_id"]) for one in documents(reader)] == [(first, 2)]
    assert documents(reader) == []


def test_only_the_books_asked_for_are_sent() -> None:
    hub = StreamHub()
    hub.books.look(Books(version(1), version(1, instrument=ETH)), START_NS)

    frames = documents(hub.reader(replace(BOOKS, instruments=frozenset({ETH, "x:LATER"})), 0))

    assert [one["instrument"] for one in frames] == [ETH]


def test_a_book_that_stops_running_is_null_for_those_who_knew_it() -> None:
    hub = StreamHub()
    hub.books.look(Books(A_BOOK), START_NS)
    reader = hub.reader(BOOKS, 0)
    documents(reader)

    hub.books.look(Books(), START_NS)

    assert documents(reader) == [
        {"type": "book", "topic": "books", "seq": 2, "skipped": 0, "instrument": BTC, "data": None}
    ]
    assert documents(hub.reader(BOOKS, 0)) == []
    hub.books.look(Books(A_BOOK), START_NS)
    assert [one["data"]["update_id"] for one in documents(reader)] == [1]


def test_a_book_that_is_not_synced_shows_no_levels() -> None:
    hub = StreamHub()
    hub.books.look(Books(version(1, state="unsynced")), START_NS)

    assert documents(hub.reader(BOOKS, 0))[0]["data"]["bids"] is None


def test_hello_says_what_was_understood() -> None:
    hub = StreamHub()
    wants = Subscription(topics=frozenset(Topic), instruments=frozenset({ETH, BTC}), signal_types=frozenset({"spread"}))

    assert json.loads(hub.reader(wants, 7).hello(15.0).text) == {
        "type": "hello",
        "schema": "msray.stream/1",
        "topics": ["books", "predictions", "signals"],
        "instruments": [BTC, ETH],
        "signal_types": ["spread"],
        "seq": {"signals": 7, "books": 0, "predictions": 0},
        "heartbeat_s": 15.0,
    }
