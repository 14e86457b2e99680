"""The paged book against two dicts."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.book import L2Book
from msray.book import kernels as k
from msray.errors import UsageError
from msray.market import ASK, EDGE, LEVEL, MAX_TICK, Instrument
from tests.naive.book import NaiveBook

X = Instrument(venue="test", symbol="X", price_decimals=2, size_decimals=3, tick=1, grid=1)

ticks = st.one_of(
    st.integers(0, 200),
    st.integers(0, 1 << 18),
    st.integers(0, 1 << 24),
    st.sampled_from([63, 64, 4095, 4096, 4097, (1 << 18) - 1, 1 << 18, (1 << 18) + 1]),
)
changes = st.tuples(st.integers(0, 1), ticks, st.one_of(st.just(0), st.integers(1, 9)))
messages = st.lists(st.lists(changes, max_size=12), max_size=40)


def rows(message: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array([(size, tick, side) for side, tick, size in message], LEVEL)


def as_dict(book: L2Book, side: int) -> dict[int, int]:
    return {int(level["tick"]): int(level["size"]) for level in book.levels(side)}


def check_equal(book: L2Book, naive: NaiveBook[int]) -> None:
    best = book.best()
    assert as_dict(book, 0) == naive.bids
    assert as_dict(book, 1) == naive.asks
    assert (best.bid_tick, best.bid_size or None, best.ask_tick, best.ask_size or None) == naive.best()


@given(messages)
def test_book_equals_two_dicts_after_every_message(stream: list[list[tuple[int, int, int]]]) -> None:
    book, naive = L2Book(X), NaiveBook[int]()

    for message in stream:
        book.apply(rows(message))
        for side, tick, size in message:
            naive.set(side, [(tick, size)])

        check_equal(book, naive)


@given(messages, st.integers(1, 12))
def test_top_equals_the_sorted_best(stream: list[list[tuple[int, int, int]]], n: int) -> None:
    book = L2Book(X)
    for message in stream:
        book.apply(rows(message))
    out = np.full(4 * n + 2, -7, np.int64)

    k.top(book.arena, n, out, 0)

    bids = sorted(as_dict(book, 0).items(), reverse=True)[:n]
    asks = sorted(as_dict(book, 1).items())[:n]
    assert list(zip(out[:n], out[n : 2 * n], strict=True))[: out[4 * n]] == bids
    assert list(zip(out[2 * n : 3 * n], out[3 * n : 4 * n], strict=True))[: out[4 * n + 1]] == asks


@given(st.lists(changes, max_size=60), st.lists(ticks, max_size=20))
def test_neighbours_equal_a_search_of_the_sorted_ticks(message: list[tuple[int, int, int]], probes: list[int]) -> None:
    book = L2Book(X)
    book.apply(rows(message))

    for side in (0, 1):
        occupied = sorted(as_dict(book, side))
        for tick in [*probes, -1, 1 << 26]:
            below = max((t for t in occupied if t <= tick), default=k.NO_BID)
            above = min((t for t in occupied if t >= tick), default=k.NO_ASK)
            assert k.at_or_below(book.arena, side, tick) == below
            assert k.at_or_above(book.arena, side, tick) == above


def test_storage_grows_in_the_middle_of_a_message_without_counting_twice() -> None:
    message = [(side, 4096 * i + side, 1 + i) for i in range(700) for side in (0, 1)] + [(0, 5, 0)]
    book, naive = L2Book(X), NaiveBook[int]()
    for side, tick, size in message:
        naive.set(side, [(tick, size)])

    book.apply(rows(message))

    check_equal(book, naive)
    assert (book.changes, book.unknown_deletes) == (len(message), 1)


def test_freed_pages_are_used_again() -> None:
    book = L2Book(X)
    book.apply(rows([(0, 64 * i, 1) for i in range(2000)]))
    book.apply(rows([(0, 64 * i, 0) for i in range(2000)]))
    size = book.arena.nbytes

    for start in range(5):
        book.apply(rows([(0, 64 * (3000 * start + i), 2) for i in range(1900)]))
        book.apply(rows([(0, 64 * (3000 * start + i), 0) for i in range(1900)]))

    assert book.best().bid_tick is None
    assert book.arena[k.PAGES_USED] <= 2001
    assert book.arena.nbytes <= 2 * size


def test_removing_an_unknown_level_is_normal_and_counted() -> None:
    book = L2Book(X)

    book.apply(rows([(0, 7, 0), (1, 1 << 17, 0), (0, 9, 4), (0, 8, 0)]))

    assert as_dict(book, 0) == {9: 4}
    assert book.unknown_deletes == 3


@pytest.mark.parametrize("tick", [-1, MAX_TICK + 1])
def test_a_tick_no_storage_can_hold_is_refused_by_name(tick: int) -> None:
    with pytest.raises(UsageError, match=f"tick must be 0 to {MAX_TICK}, got {tick}"):
        L2Book(X).apply(rows([(0, tick, 1)]))


def test_the_largest_tick_fits() -> None:
    book = L2Book(X)

    book.apply(rows([(1, MAX_TICK, 3), (0, 0, 2)]))

    assert book.best().ask_tick == MAX_TICK
    assert book.best().bid_tick == 0


def test_a_limited_snapshot_covers_as_far_as_its_last_level() -> None:
    book = L2Book(X)

    book.load(rows([(0, 10, 1), (0, 9, 1), (0, 8, 1), (1, 12, 1), (1, 15, 1)]), asked=3)
    book.apply(rows([(0, 5, 2), (1, 40, 2)]))

    assert [book.covers(0, tick) for tick in (8, 7)] == [True, False]
    assert book.covers(1, 40), "this side came back short of what was asked: all of it is known"
    out = np.zeros(42, np.int64)
    k.top(book.arena, 10, out, 0)
    assert (out[40], out[41]) == (3, 3), "levels outside the covered range are kept and not handed out"
    assert as_dict(book, 0)[5] == 2


def test_a_level_may_say_that_nothing_beyond_it_is_known_any_more() -> None:
    book = L2Book(X)
    book.load(rows([(0, 10, 1), (0, 9, 1), (1, 12, 1), (1, 15, 1)]), asked=2)

    book.apply(rows([(0 | EDGE, 10, 4), (1, 13, 2), (1 | EDGE, 15, 0)]))

    assert [book.covers(0, tick) for tick in (10, 9)] == [True, False]
    assert as_dict(book, 0) == {10: 4, 9: 1}, "what is not known any more is kept"
    assert book.covers(1, MAX_TICK), "the last level went: the side is known to its end"


@given(st.lists(st.lists(st.tuples(st.sampled_from([0, 1, EDGE, ASK | EDGE]), ticks, st.integers(0, 3)), max_size=9)))
def test_the_covered_range_ends_where_the_last_edge_said(stream: list[list[tuple[int, int, int]]]) -> None:
    book, naive = L2Book(X), NaiveBook[int]()
    ends: list[int | None] = [None, None]

    for message in stream:
        book.apply(rows(message))
        for flags, tick, size in message:
            naive.set(flags & ASK, [(tick, size)])
            if flags & EDGE:
                ends[flags & ASK] = tick if size else None

        check_equal(book, naive)
        known = [k.NO_BID, k.NO_ASK]
        assert book.arena[[k.BID_EDGE, k.ASK_EDGE]].tolist() == [
            nothing if end is None else end for end, nothing in zip(ends, known, strict=True)
        ]


def test_a_snapshot_replaces_everything() -> None:
    book = L2Book(X)
    book.apply(rows([(0, 10, 1), (1, 20, 1)]))

    book.load(rows([(0, 11, 5)]), asked=0)

    assert as_dict(book, 0) == {11: 5}
    assert as_dict(book, 1) == {}


def test_a_finer_grid_keeps_every_level_and_the_covered_range() -> None:
    coarse = Instrument(venue="test", symbol="X", price_decimals=1, size_decimals=0, tick=5, grid=5)
    book = L2Book(coarse)
    book.load(rows([(0, 10, 1), (0, 9, 2), (1, 12, 3)]), asked=2)

    book.regrid(coarse.regridded(2, 1), 50)

    assert as_dict(book, 0) == {500: 1, 450: 2}
    assert as_dict(book, 1) == {600: 3}
    assert book.instrument.price(500) == coarse.price(10)
    assert (book.covers(0, 450), book.covers(0, 449)) == (True, False)


def test_a_finer_grid_drops_what_no_tick_can_hold() -> None:
    book = L2Book(X)
    book.apply(rows([(1, 100, 1), (1, MAX_TICK, 2)]))

    book.regrid(X.regridded(3, 1), 10)

    assert as_dict(book, 1) == {1000: 1}
    assert not book.covers(1, MAX_TICK)


def test_a_copy_of_the_arena_is_a_checkpoint() -> None:
    book = L2Book(X)
    book.apply(rows([(0, 10, 1), (1, 20, 1)]))

    twin = pickle.loads(pickle.dumps(book))
    book.apply(rows([(0, 10, 0)]))

    assert as_dict(twin, 0) == {10: 1}


def test_a_locked_book_counts_as_crossed() -> None:
    book = L2Book(X)

    book.apply(rows([(0, 10, 1), (1, 10, 1)]))

    assert book.best().is_crossed


def test_levels_can_be_limited() -> None:
    book = L2Book(X)
    book.apply(rows([(0, tick, 1) for tick in range(50)] + [(ASK, tick, 1) for tick in range(60, 90)]))

    levels = book.levels(limit=3)

    assert levels["tick"].tolist() == [49, 48, 47, 60, 61, 62]


def test_the_touch_is_near_the_edge_in_the_outer_eighth_of_what_is_known() -> None:
    book = L2Book(X)
    book.load(rows([(0, 1000, 1), (0, 920, 1), (1, 1001, 1), (1, 1080, 1)]), 2)  # 160 ticks are known
    assert not book.is_near_edge

    book.apply(rows([(0, 1060, 1), (1, 1001, 0), (1, 1060, 1)]))
    assert not book.is_near_edge

    book.apply(rows([(1, 1060, 0), (1, 1061, 1)]))
    assert book.is_near_edge


def test_a_book_that_is_known_whole_has_no_edge() -> None:
    book = L2Book(X)
    book.load(rows([(0, 1000, 1), (1, 1001, 1)]), 1000)

    assert not book.is_near_edge
