"""Rows of LOBSTER to records, against dicts."""

import re
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.book import BookSync, L2Book
from msray.book import kernels as book_kernels
from msray.errors import UsageError
from msray.market import (
    DEPTH,
    EDGE,
    GAP,
    ORDER,
    SELL,
    SNAPSHOT,
    TRADE,
    UNSIGNED,
    GapReason,
    Records,
    concatenate,
)
from msray.venues import LobsterDecoder, Refused, lobster_instrument, midnight_ns, read_table, rule_of
from tests.naive.lobster import NaiveLobster, NaiveSince, naive_table
from tests.venues.made_lobster import NOTHING_THERE, as_text, book_row, made_day
from tests.venues.made_orders import HIDDEN, VISIBLE, made_orders

DAY = date(2012, 6, 21)
MIDNIGHT = midnight_ns(DAY)
OPEN_NS = 34_200 * 10**9
GOOG = lobster_instrument("GOOG")


def decoded(events: Any, books: Any, *, chunk: int | None = None) -> tuple[Records, list[Refused]]:
    events, books = np.asarray(events, np.int64), np.asarray(books, np.int64)
    decoder = LobsterDecoder(books.shape[1] // 4, DAY)
    parts, told = [], []
    for at in range(0, max(len(events), 1), chunk or max(len(events), 1)):
        stop = at + (chunk or len(events))
        records, refused = decoder.decode(events[at:stop], books[at:stop])
        parts.append(records)
        told += refused
    return concatenate(parts), told


def plain(records: Records) -> list[Any]:
    names = [name for name in records.messages.dtype.names or () if name not in ("begin", "end")]
    rows = zip(records.messages[names].tolist(), records.messages[["begin", "end"]].tolist(), strict=True)
    return [(row, records.levels[begin:end].tolist()) for row, (begin, end) in rows]


# ------------------------------------------------------------------- text

words = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.sampled_from(
        ["", "-", "1.5", "34200.015105074", "0.1234567891", "9" * 18, "9" * 19, "-7", "1 ", "x", "1.", ".5"]
    ),
)
lines = st.lists(st.lists(words, min_size=1, max_size=5).map(",".join), max_size=12)


@given(lines, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_table_holds_the_numbers_of_each_line(lines: list[str], is_timed: bool, end: str) -> None:
    text = "".join(line + end for line in lines).encode()
    table = np.full((20, 3), -1, np.int64)

    rows, stop, unreadable = read_table(np.frombuffer(text, np.uint8), 0, table, is_timed=is_timed)

    expected = naive_table(text, 3, is_timed=is_timed)
    assert (rows, stop) == (len(lines), len(text))
    assert [None if i in unreadable else row for i, row in enumerate(table[:rows].tolist())] == expected
    assert unreadable == {i: lines[i].encode() for i, row in enumerate(expected) if row is None}


@given(lines, st.integers(0, 200), st.integers(1, 5))
def test_text_may_be_cut_anywhere(lines: list[str], cut: int, room: int) -> None:
    text = np.frombuffer("".join(line + "\n" for line in lines).encode(), np.uint8)
    whole = np.zeros((20, 3), np.int64)
    rows, _, _ = read_table(text, 0, whole, is_timed=True)

    found, at = [], 0
    for stop in (min(cut, len(text)), len(text)):
        while True:
            table = np.zeros((room, 3), np.int64)
            some, at, bad = read_table(text[:stop], at, table, is_timed=True)
            found += [None if i in bad else row for i, row in enumerate(table[:some].tolist())]
            if some < room:
                break

    _, _, unreadable = read_table(text, 0, np.zeros((20, 3), np.int64), is_timed=True)
    assert found == [None if i in unreadable else row for i, row in enumerate(whole[:rows].tolist())]


def test_a_written_day_is_read_back() -> None:
    events, books = made_day(1, 300, 3)

    for wanted, is_timed in ((events, True), (books, False)):
        table = np.zeros_like(wanted)
        read_table(np.frombuffer(as_text(wanted, is_timed=is_timed), np.uint8), 0, table, is_timed=is_timed)
        assert np.array_equal(table, wanted)


# ------------------------------------------------------------------- books


@pytest.mark.parametrize("ranks", [1, 2, 3, 10, 14])
def test_the_covered_book_is_the_row_after_every_row_and_the_rest_is_what_was_seen_last(ranks: int) -> None:
    for seed in range(6):
        events, books = made_day(seed, 400, ranks)
        records, refused = decoded(events, books)

        book, naive = L2Book(GOOG), NaiveLobster(ranks)
        by_row = {int(m["last_id"]): m for m in records.messages if m["kind"] in (SNAPSHOT, DEPTH)}
        for number, row in enumerate(books.tolist(), 1):
            naive.take(row)
            if message := by_row.get(number):
                begin, end = int(message["begin"]), int(message["end"])
                if message["kind"] == SNAPSHOT:
                    book.load(records.levels[begin:end], int(message["first_id"]))
                else:
                    book.apply(records.levels, begin, end)
            shown = [{int(x["tick"]): int(x["size"]) for x in book.levels(side)} for side in (0, 1)]
            assert shown == naive.books
            ends = [naive.edges[0] or book_kernels.NO_BID, naive.edges[1] or book_kernels.NO_ASK]
            assert book.arena[[book_kernels.BID_EDGE, book_kernels.ASK_EDGE]].tolist() == ends
        assert refused == []
        assert book.unknown_deletes == 0, "nothing is removed that is not there"


def test_a_level_that_a_better_one_pushes_out_is_not_removed() -> None:
    books = [book_row([{100: 1, 90: 2}, {110: 1, 120: 2}], 2), book_row([{100: 1, 95: 7}, {110: 1, 120: 2}], 2)]
    records, _ = decoded([[OPEN_NS, 1, 1, 1, 100, 1], [OPEN_NS, 1, 2, 7, 95, 1]], books)

    depth = records.messages[records.messages["kind"] == DEPTH][0]

    assert records.levels[depth["begin"] : depth["end"]].tolist() == [(7, 95, EDGE | ORDER)]


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 60), st.integers(0, 60))
def test_records_do_not_depend_on_chunks_and_a_shorter_day_is_a_prefix(
    seed: int, ranks: int, chunk: int, stop: int
) -> None:
    events, books = made_day(seed, 60, ranks, depth=4)

    whole = plain(decoded(events, books)[0])

    assert plain(decoded(events, books, chunk=chunk)[0]) == whole
    prefix = plain(decoded(events[:stop], books[:stop])[0])
    assert whole[: len(prefix)] == prefix


# ------------------------------------------------------------------- orders


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 80))
def test_each_change_says_since_when_the_order_stands_that_made_it(seed: int, ranks: int, chunk: int) -> None:
    events, books = made_orders(seed, 150, ranks).tables()
    records, _ = decoded(events, books, chunk=chunk)

    naive, changes, trades = NaiveSince(), [], []
    for number, (event, row) in enumerate(zip(events.tolist(), books.tolist(), strict=True), 1):
        since = naive.take(number, event[1:], row)
        changes += [(number, since, event[4])] * (number > 1 and event[1] != HIDDEN)
        trades += [since] * (event[1] == VISIBLE)

    found = []
    for m in records.messages[records.messages["kind"] == DEPTH]:
        levels = records.levels[m["begin"] : m["end"]]
        (tick,) = levels["tick"][(levels["flags"] & ORDER) != 0].tolist()
        found.append((int(m["last_id"]), int(m["prev_id"]), tick))
    assert found == changes
    m = records.messages[records.messages["kind"] == TRADE]
    is_visible = (records.levels["flags"][m["begin"]] & ORDER) != 0
    assert m["prev_id"][is_visible].tolist() == trades
    assert (m["prev_id"][~is_visible] == -1).all()


def test_a_change_that_is_not_the_size_of_its_order_is_nobodys() -> None:
    books = [book_row([{100: 5}, {110: size}], 1) for size in (5, 9, 5)]
    events = [[OPEN_NS, 1, 7, 5, 100, 1], [OPEN_NS, 1, 8, 3, 110, -1], [OPEN_NS, 3, 8, 4, 100, -1]]

    records, _ = decoded(events, books)

    depth = records.messages[records.messages["kind"] == DEPTH]
    assert depth["prev_id"].tolist() == [-1, -1]
    assert not (records.levels["flags"] & ORDER).any()


def test_the_table_of_orders_grows_and_forgets_none() -> None:
    count = 10_000
    books = [book_row([{100: 5 + at}, {}], 1) for at in range(count)]
    books += [book_row([{100: 4 + count - at}, {}], 1) for at in range(1, count)]
    ids = np.random.default_rng(1).permutation(10**9 + np.arange(count)) * 64
    events = [[OPEN_NS, 1, int(order), 1, 100, 1] for order in ids]
    events += [[OPEN_NS, 3, int(order), 1, 100, 1] for order in ids[1:]]

    records, _ = decoded(events, books, chunk=999)

    gone = records.messages[records.messages["kind"] == DEPTH][count - 1 :]
    assert gone["prev_id"].tolist() == list(range(2, count + 1))


# ------------------------------------------------------------------- messages


def test_a_trade_comes_before_the_change_it_made_and_ids_are_rows() -> None:
    both = [{100: 5}, {110: 5}]
    books = [book_row(b, 1) for b in (both, [{100: 3}, {110: 5}], [{100: 3}, {110: 5}], [{100: 3}, {110: 1}])]
    events = [
        [OPEN_NS, 1, 7, 5, 100, 1],
        [OPEN_NS + 1, 4, 7, 2, 100, 1],
        [OPEN_NS + 2, 5, 0, 9, 105, -1],
        [OPEN_NS + 3, 4, 8, 4, 110, -1],
    ]

    records, _ = decoded(events, books)

    m = records.messages
    assert m["kind"].tolist() == [GAP, SNAPSHOT, TRADE, DEPTH, TRADE, TRADE, DEPTH]
    trades = m[m["kind"] == TRADE]
    assert trades["first_id"].tolist() == [1, 2, 3]
    assert records.levels[trades["begin"]].tolist() == [
        (2, 100, SELL | ORDER),
        (9, 105, UNSIGNED),
        (4, 110, ORDER),
    ]
    assert m[m["kind"] == DEPTH][["first_id", "last_id"]].tolist() == [(2, 2), (3, 4)], "no row without a change"
    assert m["event_ns"].tolist() == [MIDNIGHT + OPEN_NS + at for at in (0, 0, 1, 1, 2, 3, 3)]
    assert (m["local_ns"] == m["event_ns"]).all()


def test_a_cross_is_no_trade() -> None:
    """It sums up executions that have rows of their own."""
    row = book_row([{100: 5}, {110: 5}], 1)

    records, refused = decoded([[OPEN_NS, 6, -1, 9000, 105, -1]] * 2, [row, row])

    assert (records.messages["kind"].tolist(), refused) == ([GAP, SNAPSHOT], [])


def test_a_halt_is_a_gap_until_trading_resumes() -> None:
    row, other = book_row([{100: 5}, {110: 5}], 1), book_row([{100: 5}, {110: 6}], 1)
    halt = [[OPEN_NS + at, 7, 0, 0, price, -1] for at, price in ((1, -1), (3, 0), (5, 1))]
    new = [[OPEN_NS + at, 1, at, 1, 110, -1] for at in (0, 2, 4, 6)]
    events = sorted([*halt, *new])

    records, refused = decoded(events, [row, row, other, other, other, other, row])

    m = records.messages
    assert m["kind"].tolist() == [GAP, SNAPSHOT, GAP, SNAPSHOT, DEPTH]
    assert m["prev_id"][m["kind"] == GAP].tolist() == [GapReason.CLOSED] * 2
    assert m["last_id"][m["kind"] == SNAPSHOT].tolist() == [1, 6]
    assert refused == []


def test_a_crossed_row_is_a_gap_and_the_next_good_one_a_snapshot() -> None:
    good, crossed = book_row([{100: 5}, {110: 5}], 1), book_row([{110: 5}, {110: 5}], 1)

    records, refused = decoded([[OPEN_NS, 1, 1, 1, 100, 1]] * 4, [good, crossed, crossed, good])

    assert records.messages["kind"].tolist() == [GAP, SNAPSHOT, GAP, SNAPSHOT]
    assert records.messages["prev_id"][2] == GapReason.CROSSED
    assert refused == []


GOOD = [OPEN_NS, 1, 7, 5, 100, 1]
ROW = book_row([{100: 5, 90: 5}, {110: 5}], 2)


@pytest.mark.parametrize(
    ("event", "book", "says"),
    [
        ([86_400 * 10**9, *GOOD[1:]], ROW, "time must be seconds after midnight, less than a day, got 86400.0"),
        ([-1, *GOOD[1:]], ROW, "time must be"),
        ([OPEN_NS, 0, 7, 5, 100, 1], ROW, "type must be 1 to 7, got 0"),
        ([OPEN_NS, 8, 7, 5, 100, 1], ROW, "type must be 1 to 7, got 8"),
        ([OPEN_NS, 1, 7, 0, 100, 1], ROW, "size must be 1 to 288230376151711744, got 0"),
        ([OPEN_NS, 1, 7, 5, 2**31 - 1, 1], ROW, "price must be 1 to 2147483646 .* got 2147483647"),
        ([OPEN_NS, 7, 0, 0, 2, -1], ROW, r"price must be .*\(-1, 0 or 1 of a halt\), got 2"),
        ([OPEN_NS, 1, 7, 5, 100, 0], ROW, "direction must be 1 or -1, got 0"),
        (GOOD, book_row([{100: 5, 90: 5}, {110: -5}], 2), "levels must be in order"),
        (GOOD, [110, 5, 90, 5, 120, 5, 100, 5], "levels must be in order.* got 110,5,90,5,120,5,100,5"),
        (GOOD, [120, 5, 100, 5, 110, 5, 90, 5], "levels must be in order"),
        (GOOD, [NOTHING_THERE, 0, 100, 5, 110, 5, 90, 5], "levels must be in order, the occupied ones first"),
        (GOOD, [110, 5, 100, 5, 110, 5, 90, 5], "levels must be in order"),
        (GOOD, [2**31, 5, 100, 5, NOTHING_THERE, 0, 90, 5], "levels must be in order"),
    ],
)
def test_a_row_that_is_not_believed_says_why_and_leaves_a_gap(event: list[int], book: list[int], says: str) -> None:
    records, refused = decoded([GOOD, event, GOOD], [ROW, book, ROW])

    assert records.messages["kind"].tolist() == [GAP, SNAPSHOT, GAP, SNAPSHOT]
    assert records.messages["prev_id"][2] == GapReason.SEQUENCE
    assert [one.row for one in refused] == [2]
    assert re.match(says, refused[0].reason)
    assert refused[0].is_book == (event == GOOD)


def test_no_rows_are_no_records() -> None:
    records, refused = decoded(np.zeros((0, 6), np.int64), np.zeros((0, 40), np.int64))

    assert (len(records), refused) == (0, [])


@pytest.mark.parametrize("shapes", [((2, 5), (2, 4)), ((2, 6), (1, 4)), ((2, 6), (2, 8))])
def test_tables_of_other_shapes_are_refused(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    events, books = (np.zeros(shape, np.int64) for shape in shapes)

    with pytest.raises(UsageError, match=r"must be n rows of 6 and 4 columns, got shapes"):
        LobsterDecoder(1, DAY).decode(events, books)


@pytest.mark.parametrize("ranks", [0, 1001])
def test_ranks_out_of_range_are_refused(ranks: int) -> None:
    with pytest.raises(UsageError, match=f"ranks must be 1 to 1000, got {ranks}"):
        LobsterDecoder(ranks, DAY)


def test_midnight_is_that_of_new_york_in_winter_and_summer() -> None:
    assert midnight_ns(date(2012, 1, 3)) % (86_400 * 10**9) == 5 * 3600 * 10**9
    assert midnight_ns(date(2012, 6, 21)) % (86_400 * 10**9) == 4 * 3600 * 10**9


def test_a_second_day_follows_the_first_though_it_numbers_anew() -> None:
    sync = BookSync(GOOG, rule_of("lobster"))
    events, books = made_day(3, 80, 2)

    log = [part for _ in range(2) for part in sync.feed(decoded(events, books)[0])]

    kinds = concatenate(log).messages["kind"].tolist()
    first, second = kinds[: kinds.index(GAP)], kinds[kinds.index(GAP) + 1 :]
    assert first == second
    assert kinds.count(TRADE) > 10
    assert (sync.counts.repeated_trades, sync.counts.gaps) == (0, 1)
