"""Sequence rules against an exchange that is known at every id."""

import inspect

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.book import BookSync, L2Book, SequenceRule, SyncLimits, kernels_sync
from msray.market import (
    DEPTH,
    GAP,
    REFRESH,
    REGRID,
    REQUEST,
    SNAPSHOT,
    TRADE,
    GapReason,
    Instrument,
    Records,
    concatenate,
)
from tests.naive.exchange import FaultyLink, NaiveExchange, record

X = Instrument(venue="test", symbol="X", price_decimals=2, size_decimals=3, tick=1, grid=1)
SPOT, FUTURES = SequenceRule.CONTIGUOUS, SequenceRule.LINKED
SECOND = 1_000_000_000


class Reader:
    """Folds what a BookSync hands out into a book, as an engine would."""

    def __init__(self, rule: SequenceRule, limits: SyncLimits | None = None) -> None:
        self.sync = BookSync(X, rule, limits or SyncLimits(audit_every_ns=0))
        self.book: L2Book | None = None
        self.log: list[Records] = []
        self.book_id = 0

    def take(self, *records: Records) -> list[int]:
        kinds: list[int] = []
        for one in records:
            for part in self.sync.feed(one):
                kinds += self.fold(part)
        return kinds

    def fold(self, part: Records) -> list[int]:
        self.log.append(part.copy())
        for message in part.messages:
            levels = part.levels[message["begin"] : message["end"]]
            if message["kind"] in (SNAPSHOT, REFRESH):
                self.book = L2Book(X)
                self.book.load(levels, int(message["first_id"]))
                self.book_id = int(message["last_id"])
            elif message["kind"] == GAP:
                self.book = None
            elif message["kind"] == DEPTH:
                assert self.book is not None, "a depth message without a book"
                self.book.apply(levels)
                self.book_id = int(message["last_id"])
        return [int(kind) for kind in part.messages["kind"]]

    def equals(self, exchange: NaiveExchange) -> bool:
        assert self.book is not None
        have = tuple({int(x["tick"]): int(x["size"]) for x in self.book.levels(side)} for side in (0, 1))
        return have == exchange.truth[self.book_id]


def depth(first: int, last: int, previous: int = -1, local_ns: int = 0) -> Records:
    return record(DEPTH, [(0, 10, last)], first_id=first, last_id=last, prev_id=previous, local_ns=local_ns)


def trade(trade_id: int) -> Records:
    return record(TRADE, [(0, 10, 1)], first_id=trade_id, last_id=trade_id)


def snapshot(last: int) -> Records:
    return record(SNAPSHOT, [(0, 9, 5), (1, 20, 5)], last_id=last)


def run_under_faults(seed: int, rule: SequenceRule) -> tuple[int, int, bool]:
    """One exchange, one faulty link, one reader: books compared, books wrong, and whether it healed at the end."""
    exchange = NaiveExchange(seed, rule)
    link = FaultyLink(exchange, steps=300, calm=40)
    reader = Reader(rule, SyncLimits(audit_every_ns=3 * SECOND, retry_first_ns=SECOND // 10, retry_last_ns=SECOND))
    compared = wrong = 0
    for arrived in link:
        if link.disconnected:
            for part in reader.sync.disconnected(exchange.now_ns):
                reader.fold(part)
        reader.take(*arrived)
        if reader.sync.wants_snapshot(exchange.now_ns):
            reader.sync.requested(exchange.now_ns)
            link.ask()
        if reader.sync.is_synced:
            compared += 1
            wrong += not reader.equals(exchange)
    return compared, wrong, reader.sync.is_synced and reader.book_id == exchange.update_id


@pytest.mark.parametrize("rule", [SPOT, FUTURES])
def test_published_book_is_exact_under_faults_and_heals_when_they_stop(rule: SequenceRule) -> None:
    runs = [run_under_faults(seed, rule) for seed in range(120)]

    assert [seed for seed, (_, wrong, _) in enumerate(runs) if wrong] == []
    assert [seed for seed, (_, _, healed) in enumerate(runs) if not healed] == []
    assert sum(compared for compared, _, _ in runs) > 20_000


@pytest.mark.parametrize(
    ("defect", "source", "repaired"),
    [
        ("no gap check", "stop = STOP_GAP", "stop = STOP_NONE"),
        ("off by one", "message.first_id > book_id + 1", "message.first_id > book_id + 2"),
        ("old messages applied", "if message.last_id <= book_id:", "if message.last_id < 0:"),
    ],
)
def test_this_harness_notices_the_known_defects(
    defect: str, source: str, repaired: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = inspect.getsource(kernels_sync.follow.py_func)  # type: ignore[attr-defined]
    body = text.replace(source, repaired)
    if defect == "no gap check":
        body = body.replace(repaired + "\n                break", "pass")
    assert body != text
    scope = dict(vars(kernels_sync))
    exec(body.replace("@kernel\n", ""), scope)
    monkeypatch.setattr(kernels_sync, "follow", numba.njit(scope["follow"]))

    bad = [seed for seed in range(15) if run_under_faults(seed, SPOT)[1:] != (0, True)]

    assert len(bad) >= 5, defect


@pytest.mark.parametrize("rule", [SPOT, FUTURES])
def test_log_does_not_depend_on_how_messages_are_batched(rule: SequenceRule) -> None:
    for seed in range(25):
        exchange = NaiveExchange(seed, rule)
        link = FaultyLink(exchange, steps=200, calm=10)
        one, many = Reader(rule), Reader(rule)
        waiting: list[Records] = []
        rng = np.random.default_rng(seed)
        for step, arrived in enumerate(link):
            one.take(*arrived)
            waiting += arrived
            if step % 40 == 5:
                link.ask()
                one.sync.requested(exchange.now_ns)
            if waiting and (step % 40 == 5 or rng.random() < 0.1):
                many.take(concatenate(waiting))
                waiting = []
            if step % 40 == 5:
                many.sync.requested(exchange.now_ns)
        if waiting:
            many.take(concatenate(waiting))

        left, right = concatenate(one.log), concatenate(many.log)
        said = ["kind", "first_id", "last_id"]
        assert left.messages[said].tolist() == right.messages[said].tolist()
        assert left.levels.tolist() == right.levels.tolist()
        assert one.sync.counts == many.sync.counts


def test_everything_before_the_first_applied_message_is_dropped_trades_too() -> None:
    reader = Reader(SPOT)

    kinds = reader.take(depth(5, 7), trade(1), depth(8, 9), trade(2), depth(10, 12), trade(3), snapshot(9))

    assert kinds == [SNAPSHOT, DEPTH, TRADE]
    assert reader.book_id == 12


@given(st.integers(0, 4))
def test_where_the_snapshot_arrives_does_not_matter(place: int) -> None:
    stream = [depth(5, 7), trade(1), depth(8, 11), trade(2)]
    reader = Reader(SPOT)

    kinds = reader.take(*stream[:place], snapshot(8), *stream[place:])

    assert kinds == [SNAPSHOT, DEPTH, TRADE]


@pytest.mark.parametrize(
    ("rule", "message", "bridges"),
    [
        (SPOT, depth(10, 12), True),
        (SPOT, depth(8, 10), True),
        (SPOT, depth(11, 12), False),
        (SPOT, depth(8, 9), None),
        (FUTURES, depth(9, 12, 7), True),
        (FUTURES, depth(7, 9, 5), True),
        (FUTURES, depth(11, 13, 9), True),
        (FUTURES, depth(11, 13, 8), True),
        (FUTURES, depth(12, 13, 10), False),
        (FUTURES, depth(6, 8, 5), None),
    ],
)
def test_bridging_message_follows_the_venues_rule(rule: SequenceRule, message: Records, bridges: bool | None) -> None:
    reader = Reader(rule)

    reader.take(snapshot(9), message)

    assert reader.sync.is_synced == (bridges is True)
    assert reader.sync.counts.stale_snapshots == (bridges is False)


def test_stale_snapshot_keeps_the_buffer_and_asks_again() -> None:
    reader = Reader(SPOT)

    assert reader.take(depth(10, 12), trade(1), snapshot(5)) == []
    assert reader.sync.counts.snapshots_needed == 2
    assert reader.take(snapshot(11)) == [SNAPSHOT, DEPTH, TRADE]


def test_gap_gives_the_book_up_once_and_asks_for_a_new_snapshot() -> None:
    reader = Reader(FUTURES)
    reader.take(snapshot(9), depth(8, 12, 7))

    kinds = reader.take(depth(20, 22, 19), depth(23, 25, 22))

    assert kinds == [GAP]
    gap = reader.log[-1].messages[0]
    assert (gap["prev_id"], gap["first_id"], gap["last_id"]) == (GapReason.SEQUENCE, 13, 22)
    assert reader.sync.counts.snapshots_needed == 1
    assert reader.take(snapshot(21)) == [SNAPSHOT, DEPTH, DEPTH]


@pytest.mark.parametrize("rule", [SPOT, FUTURES])
def test_old_and_repeated_records_are_counted_and_ignored(rule: SequenceRule) -> None:
    reader = Reader(rule)
    reader.take(snapshot(9), depth(10, 12, 9), depth(13, 15, 12), trade(7))

    kinds = reader.take(depth(10, 12, 9), trade(7), trade(6), depth(16, 16, 15))

    assert kinds == [DEPTH]
    assert (reader.sync.counts.old_messages, reader.sync.counts.repeated_trades) == (1, 2)


def test_overlap_of_two_connections_is_no_gap() -> None:
    reader = Reader(SPOT)
    reader.take(snapshot(9), depth(10, 12))

    kinds = reader.take(depth(10, 12), depth(11, 14))

    assert kinds == [DEPTH]
    assert reader.sync.counts.gaps == 0


def test_disconnection_is_a_gap_and_starts_a_new_buffer() -> None:
    reader = Reader(SPOT)
    reader.take(snapshot(9), depth(10, 12))

    parts = reader.sync.disconnected(5)

    assert parts[0].messages["prev_id"][0] == GapReason.DISCONNECTED
    assert reader.sync.state == "unsynced"
    assert reader.sync.disconnected(6) == [], "nothing was held, nothing is lost"


def test_buffer_is_bounded_and_starts_over() -> None:
    reader = Reader(SPOT, SyncLimits(buffer_messages=100))

    reader.take(*[depth(i, i) for i in range(10, 300)])

    assert reader.sync.counts.dropped_messages == 2 * 101
    assert reader.take(snapshot(250)) == [SNAPSHOT, *[DEPTH] * 49]


def test_what_was_handed_out_and_not_folded_is_buffered_again() -> None:
    reader = Reader(SPOT)
    reader.take(snapshot(9), depth(10, 10), trade(1))
    batch = concatenate([depth(11, 11), trade(2), depth(12, 12), trade(3)])

    (part,) = reader.sync.feed(batch)
    gap = reader.sync.lose(GapReason.CROSSED, part[:1], rest=part[1:])

    assert gap.messages["prev_id"][0] == GapReason.CROSSED
    assert reader.take(snapshot(11)) == [SNAPSHOT, DEPTH, TRADE]


def gap(reason: GapReason) -> Records:
    return record(GAP, [], prev_id=reason)


def test_a_gap_that_the_source_knows_of_is_handed_on_and_counted() -> None:
    reader = Reader(SPOT)

    kinds = reader.take(snapshot(9), depth(10, 12), gap(GapReason.CLOSED), depth(13, 14), snapshot(13), depth(15, 15))

    assert kinds == [SNAPSHOT, DEPTH, GAP, SNAPSHOT, DEPTH, DEPTH]
    assert reader.log[2].messages[["prev_id", "first_id"]].tolist() == [(GapReason.CLOSED, 13)]
    assert (reader.sync.counts.gaps, reader.sync.counts.snapshots) == (1, 2)


def test_a_gap_where_nothing_is_known_drops_what_is_held_and_is_no_gap() -> None:
    reader = Reader(SPOT)

    kinds = reader.take(depth(10, 12), snapshot(13), gap(GapReason.DISCONNECTED), depth(13, 14), depth(15, 16))

    assert (kinds, reader.sync.counts.gaps) == ([], 0)


@pytest.mark.parametrize(
    ("reason", "repeated"), [(GapReason.CLOSED, 0), (GapReason.BEGAN, 0), (GapReason.DISCONNECTED, 1)]
)
def test_trades_may_be_numbered_anew_when_the_market_was_closed(reason: GapReason, repeated: int) -> None:
    reader = Reader(SPOT)
    reader.take(snapshot(9), depth(10, 12), trade(7), gap(reason))

    reader.take(snapshot(2), depth(3, 3), trade(1))

    assert reader.sync.counts.repeated_trades == repeated


@pytest.mark.parametrize("rule", [SPOT, FUTURES])
def test_a_log_says_the_same_when_it_is_read_again(rule: SequenceRule) -> None:
    for seed in range(10):
        exchange = NaiveExchange(seed, rule)
        link = FaultyLink(exchange, steps=200, calm=10)
        first, again = Reader(rule), Reader(rule)
        for arrived in link:
            first.take(*arrived)
            if first.sync.wants_snapshot(exchange.now_ns):
                first.sync.requested(exchange.now_ns)
                link.ask()
        log = concatenate(first.log)

        again.take(log)

        assert concatenate(again.log).messages.tolist() == log.messages.tolist()
        assert again.sync.counts.gaps == first.sync.counts.gaps > 0


def test_audit_compares_at_the_books_own_id() -> None:
    reader = Reader(SPOT, SyncLimits(audit_every_ns=SECOND))
    reader.take(snapshot(9), depth(10, 12, local_ns=1))

    assert not reader.sync.wants_snapshot(SECOND // 2)
    assert reader.sync.wants_snapshot(2 * SECOND)
    reader.sync.requested(2 * SECOND)
    assert reader.take(depth(13, 14)) == [DEPTH]
    assert reader.take(snapshot(15)) == [], "the snapshot is ahead of the stream"
    assert reader.take(concatenate([depth(15, 16), depth(17, 17)])) == [DEPTH, REFRESH, DEPTH]

    refresh = reader.log[-2].messages[0]
    assert refresh["last_id"] == 16
    assert reader.sync.counts.audits == 1


def test_a_stored_request_is_a_request() -> None:
    said, stored = Reader(SPOT), Reader(SPOT)
    begin = [snapshot(9), depth(10, 12), depth(13, 14)]
    end = [depth(15, 16), snapshot(14), depth(17, 17)]

    said.take(*begin)
    said.sync.requested(5)
    said.take(*end)
    kinds = stored.take(*begin, record(REQUEST, [], local_ns=5), *end)

    assert kinds == [SNAPSHOT, DEPTH, DEPTH, DEPTH, REFRESH, DEPTH]
    assert concatenate(stored.log).messages.tolist() == concatenate(said.log).messages.tolist()


def test_a_stored_request_where_nothing_is_known_changes_nothing() -> None:
    assert Reader(SPOT).take(record(REQUEST, []), snapshot(9), record(REQUEST, []), depth(10, 12)) == [SNAPSHOT, DEPTH]


def test_audit_with_an_old_snapshot_is_given_up() -> None:
    reader = Reader(SPOT)
    reader.take(snapshot(9), depth(10, 12))
    reader.sync.requested(0)

    kinds = reader.take(depth(13, 14), snapshot(10), depth(15, 15))

    assert kinds == [DEPTH, DEPTH]
    assert reader.sync.counts.audits_unusable == 1


def test_audit_heals_levels_the_venue_never_deleted() -> None:
    reader = Reader(SPOT)
    reader.take(snapshot(9), record(DEPTH, [(1, 500, 7)], first_id=10, last_id=10))
    reader.sync.requested(0)

    kinds = reader.take(snapshot(10))

    assert kinds == [REFRESH]
    assert reader.book is not None
    assert reader.book.size(1, 500) == 0


def test_finer_grid_moves_what_is_buffered() -> None:
    reader = Reader(SPOT)
    regrid = record(REGRID, [], first_id=3, last_id=1, prev_id=10)
    late = record(DEPTH, [(0, 105, 2)], first_id=13, last_id=14)

    kinds = reader.take(depth(10, 12), regrid, late, snapshot(9))

    assert kinds == [REGRID, SNAPSHOT, DEPTH, DEPTH]
    assert reader.log[2].levels["tick"].tolist()[:1] == [100]
    assert reader.sync.instrument.price_decimals == 3


def test_asks_after_a_silence_although_no_depth_message_came() -> None:
    sync = BookSync(X, SPOT)

    assert not sync.wants_snapshot(0)
    assert not sync.wants_snapshot(4 * SECOND)
    assert sync.wants_snapshot(5 * SECOND)


def test_failed_snapshots_are_asked_for_with_growing_pauses() -> None:
    sync = BookSync(X, SPOT)
    list(sync.feed(depth(1, 1)))
    pauses, now = [], 0
    for _ in range(9):
        start = now
        while not sync.wants_snapshot(now):
            now += SECOND // 10
        pauses.append((now - start) / SECOND)
        sync.requested(now)
        assert not sync.wants_snapshot(now + 1), "one request at a time"
        sync.failed(now)

    assert pauses == pytest.approx([0, 0.5, 1, 2, 4, 8, 16, 30, 30], abs=0.11)


def test_request_without_an_answer_counts_as_failed() -> None:
    sync = BookSync(X, SPOT)
    list(sync.feed(depth(1, 1)))
    sync.requested(0)

    assert not sync.wants_snapshot(14 * SECOND)
    assert not sync.wants_snapshot(15 * SECOND)
    assert sync.wants_snapshot(16 * SECOND)


def test_a_halted_symbol_is_asked_about_once_and_not_given_up() -> None:
    """Nobody says that it is halted: it says nothing, and a snapshot in hand waits until it does."""
    reader = Reader(SPOT)
    asked = 0
    for second in range(600):
        if reader.sync.wants_snapshot(second * SECOND):
            asked += 1
            reader.sync.requested(second * SECOND)
            reader.take(snapshot(5))
    assert asked == 1

    assert reader.take(depth(6, 6)) == [SNAPSHOT, DEPTH]
