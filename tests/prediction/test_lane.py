"""One instrument's way from messages to signals: the machines in their order, and a book that cannot be true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.book import BookSync, SequenceRule
from msray.market import DEPTH, SNAPSHOT, TRADE, Instrument, Records, concatenate
from msray.prediction import Lane, PredictionEngine
from tests.naive.exchange import NaiveExchange, record
from tests.prediction.made import MS, NEVER_CALIBRATED, SECOND, START_NS

INSTRUMENT = Instrument(venue="test", symbol="A", price_decimals=1, size_decimals=0, tick=1, grid=1)


def lane() -> Lane:
    return Lane(BookSync(INSTRUMENT, SequenceRule.CONTIGUOUS), PredictionEngine(INSTRUMENT, NEVER_CALIBRATED))


def depth(number: int, *levels: tuple[int, int, int]) -> Records:
    """The depth message of an id; levels are (side, tick, size)."""
    times = {"event_ns": START_NS + number * 10 * MS, "local_ns": START_NS + number * 10 * MS + MS}
    return record(DEPTH, list(levels), first_id=number, last_id=number, **times)


def snapshot(number: int) -> Records:
    """A book of 100 to 102, at an id."""
    return record(SNAPSHOT, [(0, 100, 5), (1, 102, 5)], last_id=number, local_ns=START_NS)


def trade(number: int) -> Records:
    times = {"event_ns": START_NS + number * 10 * MS, "local_ns": START_NS + number * 10 * MS}
    return record(TRADE, [(0, 101, 1)], first_id=number, last_id=number, **times)


CROSSING = (0, 103, 5)
HEALING = (0, 103, 0)
CROSSED = concatenate(
    [
        snapshot(10),
        depth(11, (0, 99, 1)),
        trade(1),
        depth(12, CROSSING),
        depth(13, (0, 98, 1)),
        depth(14, (0, 97, 1)),  # the third running: given up here
        trade(2),
        depth(15, HEALING),
        depth(16, (0, 96, 2)),
        snapshot(15),
        depth(17, (0, 95, 7)),
        trade(3),
    ]
)


def pieces(records: Records, at: list[int]) -> list[Records]:
    return [records[begin:end] for begin, end in zip([0, *at], [*at, len(records)], strict=True)]


cuts = st.lists(st.integers(0, len(CROSSED)), max_size=8).map(sorted)


@settings(max_examples=60)
@given(cuts)
def test_a_book_that_stays_crossed_is_given_up_however_messages_are_batched(at: list[int]) -> None:
    machine = lane()

    for piece in pieces(CROSSED, at):
        machine.feed(piece)

    assert machine.sync.counts.gaps == 1
    assert machine.engine.crossed == 3
    assert machine.sync.is_synced, "the messages behind it were kept for the snapshot that followed"
    assert machine.sync.book_id == 17
    assert machine.engine.epoch_id == 15
    bids = machine.engine.book.levels(0)
    assert {int(level["tick"]): int(level["size"]) for level in bids} == {100: 5, 96: 2, 95: 7}


def test_one_message_a_call_gives_a_crossed_book_up_with_the_third() -> None:
    machine = lane()

    states = []
    for i in range(7):
        machine.feed(CROSSED[i : i + 1])
        states.append((machine.sync.is_synced, machine.engine.is_synced))

    assert states == [(False, False), *[(True, True)] * 4, (False, False), (False, False)]


def test_two_crossed_messages_are_survived() -> None:
    machine = lane()
    calm = [depth(number, (0, 90, number)) for number in (14, 15, 16)]

    machine.feed(concatenate([CROSSED[:5], depth(14, HEALING), *calm[1:]]))

    assert machine.engine.is_synced
    assert machine.quality().crossed == 2
    assert machine.quality().gaps == 0


@pytest.mark.parametrize("rule", list(SequenceRule))
def test_books_are_the_exchanges_through_any_batches(rule: SequenceRule) -> None:
    exchange = NaiveExchange(5, rule)
    opening = exchange.snapshot()
    records = concatenate([opening, *(exchange.step() for _ in range(300))])
    rng = np.random.default_rng(1)
    machine = Lane(BookSync(INSTRUMENT, rule), PredictionEngine(INSTRUMENT, NEVER_CALIBRATED))

    for piece in pieces(records, sorted(rng.integers(0, len(records), 40).tolist())):
        machine.feed(piece)

    bids, asks = exchange.truth[exchange.update_id]
    assert machine.sync.book_id == exchange.update_id
    for side, truth in ((0, bids), (1, asks)):
        levels = machine.engine.book.levels(side)
        assert dict(zip(levels["tick"].tolist(), levels["size"].tolist(), strict=True)) == truth


def test_a_lost_connection_empties_the_book_once() -> None:
    machine = lane()
    machine.feed(CROSSED[:4])

    machine.disconnected(START_NS + SECOND)
    machine.disconnected(START_NS + 2 * SECOND)

    assert not machine.engine.is_synced
    assert machine.engine.book.best().bid_tick is None
    assert machine.quality().gaps == 1


def test_quality_gathers_what_every_machine_counted() -> None:
    machine = lane()
    machine.feed(concatenate([CROSSED[:3], depth(11, (0, 99, 2)), trade(1), depth(12, CROSSING), depth(14)]))

    quality = machine.quality()

    assert (quality.depth_messages, quality.trades, quality.level_changes) == (4, 2, 3)
    assert (quality.old_messages, quality.repeated_trades) == (1, 1)
    assert (quality.crossed, quality.gaps) == (1, 1)
    assert quality.clock_offset_ms == 1.0


def test_a_snapshot_is_wanted_early_where_the_touch_nears_the_edge_of_what_is_known() -> None:
    one = lane()
    one.feed(record(SNAPSHOT, [(0, 100, 5), (0, 84, 5), (1, 102, 5), (1, 116, 5)], first_id=2, last_id=10))
    one.feed(depth(11, (0, 99, 1)))
    a_minute_later = START_NS + 61 * SECOND
    calm = one.wants_snapshot(a_minute_later)

    one.feed(concatenate([depth(12, (1, 102, 0)), depth(13, (0, 114, 1))]))

    assert not calm
    assert one.wants_snapshot(a_minute_later)
