"""The oracle's books against dicts of decimals."""

import itertools
from pathlib import Path

import msgspec
import pytest

from msray.book import SequenceRule
from msray.errors import UnavailableError
from msray.market import Instrument
from msray.simulator.books import BookView, TrueBook, UnknownIdError
from msray.simulator.recording import RecordingSource
from msray.simulator.source import Kind
from msray.simulator.synthetic import SyntheticSource
from msray.venues import Encoder
from tests.simulator.made import COIN, SPOT, SYN, decimals, naive_books

X = Instrument(venue="binance_usdm", symbol="X", price_decimals=1, size_decimals=0, tick=1, grid=1)
SNAPSHOT = b'{"lastUpdateId":10,"E":1,"T":1,"bids":[["9.0","5"]],"asks":[["11.0","5"]]}'


def depth(first: int, last: int, previous: int, price: str = "9.5", size: str = "1") -> bytes:
    ids = f'"U":{first},"u":{last},"pu":{previous}'
    return f'{{"e":"depthUpdate","E":{last},"T":{last},"s":"X",{ids},"b":[["{price}","{size}"]],"a":[]}}'.encode()


def shown(view: BookView) -> tuple[object, object]:
    body = msgspec.json.decode(Encoder(X).snapshot(view.instrument, view.update_id, view.event_ns, view.levels))
    return decimals(body["bids"]), decimals(body["asks"])


def small_book(history: int = 5) -> TrueBook:
    book = TrueBook(X, SequenceRule.LINKED, history)
    book.restart(SNAPSHOT)
    return book


@pytest.mark.parametrize("instrument_id", [SYN, SPOT, COIN])
def test_every_id_of_the_past_has_its_book(instrument_id: str) -> None:
    source = SyntheticSource([instrument_id], seed=4, seconds=40)
    (listed,) = source.listed
    encoder = Encoder(listed.instrument)
    messages = [event.payload for event in source.events() if event.kind is Kind.DEPTH]
    book = TrueBook(listed.instrument, SequenceRule(instrument_id != SPOT), history=100)
    assert listed.snapshot is not None
    book.restart(listed.snapshot)

    for message in messages:
        book.take(message)

    ids = book.ids()
    assert len(ids) > 100
    checked = 0
    for update_id, truth in naive_books(listed.snapshot, messages):
        if update_id in ids[::7]:
            view = book.view(update_id)
            body = msgspec.json.decode(encoder.snapshot(view.instrument, view.update_id, view.event_ns, view.levels))
            assert (decimals(body["bids"]), decimals(body["asks"])) == (truth.bids, truth.asks)
            checked += 1
    assert checked >= len(ids) // 7


def test_the_present_book_of_a_recording_is_exact(data_dir: Path) -> None:
    source = RecordingSource([data_dir / "binance_2024-08-08_multi_venue" / "spot" / "ethusdt_20240808.gz"])
    (listed,) = source.listed
    events = list(itertools.islice(source.events(), 12_000))
    book = TrueBook(listed.instrument, SequenceRule.CONTIGUOUS)
    assert listed.snapshot is not None
    book.restart(listed.snapshot)

    for event in events:
        if event.kind is Kind.DEPTH:
            book.take(event.payload)

    *_, (update_id, truth) = naive_books(listed.snapshot, (event.payload for event in events))
    view = book.view()
    body = msgspec.json.decode(Encoder(listed.instrument).snapshot(view.instrument, 0, 0, view.levels))
    assert view.update_id == update_id
    assert (decimals(body["bids"]), decimals(body["asks"])) == (truth.bids, truth.asks)


def test_an_id_the_past_does_not_hold_names_the_range() -> None:
    book = small_book()
    for i in range(11, 1000):
        book.take(depth(i, i, i - 1))

    first, last = book.ids()[0], book.ids()[-1]

    assert last == 999
    assert 5 <= last - first < 5 + 2 * 256, "bounded"
    for wrong in (first - 1, last + 1):
        with pytest.raises(UnknownIdError, match=f"from {first} to {last}, got {wrong}"):
            book.view(wrong)
    assert book.view(first).update_id == first


def test_there_is_no_book_without_a_snapshot() -> None:
    book = TrueBook(X, SequenceRule.LINKED)
    book.take(depth(11, 11, 10))

    assert book.ids() == []
    with pytest.raises(UnavailableError):
        book.view()


def test_what_is_older_than_the_snapshot_is_no_part_of_the_book() -> None:
    book = small_book()
    book.take(depth(5, 8, 4, price="8.0"))
    assert not book.has_joined

    book.take(depth(9, 12, 8))

    assert book.has_joined
    assert book.ids() == [10, 12]
    assert shown(book.view()) == (decimals([["9.5", "1"], ["9", "5"]]), decimals([["11", "5"]]))


def test_a_gap_in_the_recording_loses_the_book_until_its_next_snapshot() -> None:
    book = small_book()
    for message in (depth(11, 12, 10), depth(20, 21, 19)):
        book.take(message)
    assert book.ids() == []

    book.restart(SNAPSHOT.replace(b":10,", b":20,"))
    book.take(depth(22, 23, 21, price="9.1"))

    assert book.ids() == [20, 21, 23]


def test_a_snapshot_changes_nothing_while_the_book_is_whole() -> None:
    book = small_book()
    book.take(depth(11, 12, 10))

    book.restart(SNAPSHOT.replace(b'"9.0"', b'"8.0"'))

    assert book.ids() == [10, 12]


def test_a_price_off_the_grid_makes_it_finer_and_the_past_stays_true() -> None:
    book = small_book()
    for message in (depth(11, 12, 10, "9.5", "2"), depth(13, 13, 12, "9.25", "3"), depth(14, 14, 13, "9.5", "0")):
        book.take(message)

    asks = decimals([["11", "5"]])
    assert shown(book.view(12)) == (decimals([["9.5", "2"], ["9", "5"]]), asks)
    assert shown(book.view(13)) == (decimals([["9.5", "2"], ["9.25", "3"], ["9", "5"]]), asks)
    assert shown(book.view(14)) == (decimals([["9.25", "3"], ["9", "5"]]), asks)
