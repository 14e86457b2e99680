"""Rows of SHFE snapshots to records, against dicts and every possible split."""

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.book import BookSync, L2Book
from msray.book import kernels as book_kernels
from msray.errors import FeedError
from msray.market import DEPTH, GAP, SELL, SNAPSHOT, TRADE, UNSIGNED, GapReason, Messages, Records, concatenate
from msray.venues import RefusedRow, ShfeDecoder, rule_of, shfe_instrument
from tests.naive.lobster import NaiveLobster
from tests.naive.shfe import trades
from tests.venues.made_lobster import book_row
from tests.venues.made_shfe import EVENING_S, RANKS, Columns, columns_of, made_snapshots, part

REBAR = shfe_instrument("rb2510")
BOOK = [{100: 5, 99: 7}, {101: 6, 103: 2}]
EVENING_MS = EVENING_S * 1000


def decoded(columns: Columns, *, chunk: int | None = None) -> tuple[Records, list[RefusedRow]]:
    decoder, rows = ShfeDecoder("rb2510"), len(columns["epochTime"])
    parts, told = [], []
    for at in range(0, max(rows, 1), chunk or max(rows, 1)):
        records, refused = decoder.decode(part(columns, slice(at, at + (chunk or rows))))
        parts.append(records)
        told += refused
    return concatenate(parts), told


def plain(records: Records) -> list[Any]:
    names = [name for name in records.messages.dtype.names or () if name not in ("begin", "end")]
    rows = zip(records.messages[names].tolist(), records.messages[["begin", "end"]].tolist(), strict=True)
    return [(row, records.levels[begin:end].tolist()) for row, (begin, end) in rows]


def rows_of(columns: Columns) -> list[list[int]]:
    """Books as LOBSTER has them, where nothing is 0 at price 0."""
    names = [f"{side}{what}{rank + 1}" for rank in range(RANKS) for side in ("ask", "bid") for what in ("", "Size")]
    return np.column_stack([columns[name] for name in names]).astype(int).tolist()


def few(*books: list[dict[int, int]], volume: Any = 0, turnover: Any = 0, moments_ms: Any = None) -> Columns:
    """Rows of these books, the figures 0 unless they are given."""
    zeros = np.zeros(len(books))
    moments = EVENING_MS + 500 * np.arange(len(books)) if moments_ms is None else moments_ms
    rows = [book_row(book, RANKS) for book in books]
    return columns_of(rows, volume=zeros + volume, turnover=zeros + turnover, moments_ms=moments)


def trades_of(records: Records) -> list[tuple[int, int, int]]:
    return records.levels[records.messages["begin"][records.messages["kind"] == TRADE]].tolist()


def of(records: Records, kind: int) -> Messages:
    return records.messages[records.messages["kind"] == kind]


# ------------------------------------------------------------------- books


@pytest.mark.parametrize("seed", range(6))
def test_the_covered_book_is_the_row_after_every_row_and_the_rest_is_what_was_seen_last(seed: int) -> None:
    columns = made_snapshots(seed, 300)

    records, refused = decoded(columns)

    book, naive = L2Book(REBAR), NaiveLobster(RANKS)
    by_row = {int(m["last_id"]): m for m in records.messages if m["kind"] in (SNAPSHOT, DEPTH)}
    for number, row in enumerate(rows_of(columns), 1):
        naive.take(row)
        message = by_row[number]
        begin, end = int(message["begin"]), int(message["end"])
        if message["kind"] == SNAPSHOT:
            book.load(records.levels[begin:end], int(message["first_id"]))
        else:
            book.apply(records.levels, begin, end)
        assert [{int(x["tick"]): int(x["size"]) for x in book.levels(side)} for side in (0, 1)] == naive.books
        ends = [naive.edges[0] or book_kernels.NO_BID, naive.edges[1] or book_kernels.NO_ASK]
        assert book.arena[[book_kernels.BID_EDGE, book_kernels.ASK_EDGE]].tolist() == ends
    assert refused == []
    assert book.unknown_deletes == 0, "nothing is removed that is not there"


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(0, 40))
def test_records_do_not_depend_on_chunks_and_a_shorter_day_is_a_prefix(seed: int, chunk: int, stop: int) -> None:
    columns = made_snapshots(seed, 40, breaks=(13, 14), depth=5)

    whole = plain(decoded(columns)[0])

    assert plain(decoded(columns, chunk=chunk)[0]) == whole
    prefix = plain(decoded(part(columns, slice(stop)))[0])
    assert whole[: len(prefix)] == prefix


def test_a_row_like_the_one_before_is_an_empty_message() -> None:
    """So that a file has a message a row, and a feature row every half second."""
    records, _ = decoded(few(BOOK, BOOK, BOOK))

    depth = of(records, DEPTH)
    assert depth[["first_id", "last_id"]].tolist() == [(2, 2), (3, 3)]
    assert (depth["begin"] == depth["end"]).all()


def test_a_side_without_levels_is_known_to_be_empty() -> None:
    """At a price limit nobody offers."""
    records, refused = decoded(few(BOOK, [BOOK[0], {}], BOOK))

    book = L2Book(REBAR)
    snapshot, locked = of(records, SNAPSHOT)[0], of(records, DEPTH)[0]
    book.load(records.levels[snapshot["begin"] : snapshot["end"]], int(snapshot["first_id"]))
    book.apply(records.levels, int(locked["begin"]), int(locked["end"]))
    assert (len(book.levels(1)), refused) == (0, [])


def test_a_session_begins_with_a_gap_and_a_snapshot() -> None:
    records, refused = decoded(made_snapshots(1, 10, breaks=(4, 5)))

    kinds = records.messages["kind"][records.messages["kind"] != TRADE].tolist()
    assert kinds == [GAP, SNAPSHOT, *[DEPTH] * 3, GAP, SNAPSHOT, GAP, SNAPSHOT, *[DEPTH] * 4]
    assert of(records, GAP)["prev_id"].tolist() == [GapReason.CLOSED] * 3
    assert of(records, SNAPSHOT)["last_id"].tolist() == [1, 5, 6]
    assert refused == []


def test_half_a_minute_of_silence_is_a_break_and_less_is_not() -> None:
    moments = EVENING_MS + np.array([0, 29_999, 59_999])

    records, _ = decoded(few(BOOK, BOOK, BOOK, moments_ms=moments))

    assert records.messages["kind"].tolist() == [GAP, SNAPSHOT, DEPTH, GAP, SNAPSHOT]


# ------------------------------------------------------------------- trades


@given(st.integers(0, 10_000))
def test_trades_are_the_split_that_is_nearest_to_the_amount(seed: int) -> None:
    columns = made_snapshots(seed, 30, orders=4, breaks=(11,), depth=5)
    volume, turnover = columns["volume"].astype(int), (columns["amount"] / 10).astype(int)

    records, refused = decoded(columns)

    books = rows_of(columns)
    expected = [
        trade
        for at in range(1, len(books))
        for trade in trades(
            int(volume[at] - volume[at - 1]),
            int(turnover[at] - turnover[at - 1]),
            books[at - 1][2] or None,
            books[at - 1][0] or None,
            is_known=at != 11,
        )
    ]
    assert trades_of(records) == [(one.lots, one.price, one.flags) for one in expected]
    assert of(records, TRADE)["first_id"].tolist() == list(range(1, len(expected) + 1))
    assert sum(lots for lots, _, _ in trades_of(records)) == volume[-1] - volume[0]
    assert refused == []


@pytest.mark.parametrize(
    ("lots", "turnover", "expected"),
    [
        (0, 0, []),
        (10, 1000, [(10, 100, SELL)]),
        (10, 1010, [(10, 101, 0)]),
        (10, 1003, [(7, 100, SELL), (3, 101, 0)]),
        (4, 407, [(1, 101, 0), (3, 102, 0)]),
        (4, 390, [(2, 97, SELL), (2, 98, SELL)]),
    ],
)
def test_a_mean_price_says_how_much_was_bought_and_sold(lots: int, turnover: int, expected: list[Any]) -> None:
    records, _ = decoded(few(BOOK, BOOK, volume=[7, 7 + lots], turnover=[700, 700 + turnover]))

    assert trades_of(records) == expected
    assert [GAP, SNAPSHOT, *[TRADE] * len(expected), DEPTH] == records.messages["kind"].tolist()
    assert len(set(records.messages["event_ns"][2:].tolist())) == 1, "they have the time of the row that shows them"


def test_a_wide_spread_is_split_to_a_whole_lot() -> None:
    wide = [{100: 5}, {110: 5}]

    records, _ = decoded(few(wide, wide, volume=[0, 3], turnover=[0, 317]))

    assert trades_of(records) == [(1, 100, SELL), (2, 110, 0)]


def test_trades_across_a_break_have_no_side() -> None:
    columns = few(BOOK, BOOK, volume=[0, 4], turnover=[0, 401], moments_ms=EVENING_MS + np.array([0, 60_000]))

    records, _ = decoded(columns)

    assert trades_of(records) == [(3, 100, UNSIGNED), (1, 101, UNSIGNED)]
    assert records.messages["kind"].tolist() == [GAP, SNAPSHOT, GAP, TRADE, TRADE, SNAPSHOT]


def test_a_volume_that_begins_anew_behind_a_break_is_another_day() -> None:
    moments = EVENING_MS + np.array([0, 500, 60_000, 60_500])

    records, refused = decoded(
        few(*[BOOK] * 4, volume=[9, 10, 2, 3], turnover=[900, 1001, 200, 301], moments_ms=moments)
    )

    assert trades_of(records) == [(1, 101, 0), (1, 101, 0)]
    assert refused == []


# ------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("said", "local", "event"),
    [
        ("21:00:00.500", "2025-06-06T21:00:00.513174", "2025-06-06T21:00:00.5"),
        ("21:00:01.0", "2025-06-06T21:00:01.006", "2025-06-06T21:00:01"),
        ("21:00:00.50", "2025-06-06T21:00:00.056", "2025-06-06T21:00:00.05"),
        ("00:00:00.0", "2025-06-06T23:59:59.999500", "2025-06-07T00:00:00"),
        ("23:59:59.500", "2025-06-07T00:00:00.002", "2025-06-06T23:59:59.5"),
        ("09:00:00.500", "2025-06-09T08:59:59.999", "2025-06-09T09:00:00.5"),
    ],
)
def test_the_day_of_a_row_is_that_of_its_clock_in_china(said: str, local: str, event: str) -> None:
    china = timezone(timedelta(hours=8))
    local_us, event_us = (
        round(datetime.fromisoformat(text).replace(tzinfo=china).timestamp() * 1_000_000) for text in (local, event)
    )
    columns = few(BOOK)
    columns["updateTime"][0], columns["epochTime"][0] = said, local_us

    records, refused = decoded(columns)

    assert records.messages[["event_ns", "local_ns"]].tolist() == [(1000 * event_us, 1000 * local_us)] * 2
    assert refused == []


# ------------------------------------------------------------------- what is not believed


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("instrumentID", "rb2601", "instrumentID must be rb2510, got 'rb2601'"),
        ("updateTime", "24:00:00.0", "updateTime must be like 21:00:00.500, got '24:00:00.0'"),
        ("updateTime", "21:00:00", "updateTime must be like 21:00:00.500, got '21:00:00'"),
        ("updateTime", "09:00:00.500", "updateTime must be within an hour of epochTime, got 09:00:00.500, 17490420"),
        ("updateTime", "20:59:59.500", "updateTime and epochTime must not go back, got 20:59:59.500, 17490420"),
        (
            "epochTime",
            EVENING_S * 10**6 + 5999,
            "updateTime and epochTime must not go back, got 21:00:00.500, 17490420",
        ),
        ("epochTime", -1, "epochTime must be microseconds since 1970, got -1"),
        ("epochTime", 2**62, "epochTime must be microseconds since 1970, got 4611686018427387904"),
        ("bid1", np.nan, "bid1 must be a whole number, at least 0, got nan"),
        ("ask3", np.inf, "ask3 must be a whole number, at least 0, got inf"),
        ("bidSize2", -3.0, "bidSize2 must be a whole number, at least 0, got -3.0"),
        ("ask1", 101.5, "ask1 must be a whole number, at least 0, got 101.5"),
        ("ask1", 99.0, "bid must be below ask, got 100, 99"),
        ("bidSize1", 0.0, "levels must be in order, the occupied ones first, .* got 101, 6, 100, 0, 103, 2, 99, 7, 0"),
        ("bid2", 100.0, "levels must be in order"),
        ("volume", 19.0, "volume must not go back within a session, nor be above 2147483648, got 19"),
        ("volume", 2.0**31 + 1, "volume must not go back .*, got 2147483649"),
        ("amount", 20_201.0, "amount must be a multiple of 10, at least 0, got 20201.0"),
        ("amount", 20_000.0, "amount must grow with the volume, .*, got 22, 20000"),
        ("amount", 90_000_000.0, "amount must grow .* at a mean price within the day's limits, got 22, 90000000"),
        ("upperLimitPrice", np.nan, "upperLimitPrice must be a whole number, at least 0, got nan"),
    ],
)
def test_a_row_that_is_not_believed_says_why_and_leaves_a_gap(name: str, value: object, says: str) -> None:
    columns = few(BOOK, BOOK, BOOK, volume=[20, 22, 22], turnover=[2000, 2201, 2201])
    columns[name][1] = value

    records, refused = decoded(columns)

    assert records.messages["kind"][records.messages["kind"] != TRADE].tolist() == [GAP, SNAPSHOT, GAP, SNAPSHOT]
    assert of(records, GAP)["prev_id"][1] == (GapReason.CROSSED if "below ask" in says else GapReason.SEQUENCE)
    assert trades_of(records) == [(1, 100, UNSIGNED), (1, 101, UNSIGNED)], "what the good rows say is kept"
    assert [one.row for one in refused] == [2]
    assert re.match(says, refused[0].reason)


def test_nothing_is_told_before_the_first_good_row() -> None:
    columns = few(BOOK, BOOK)
    columns["bid1"][0] = np.nan

    records, refused = decoded(columns)

    assert records.messages["kind"].tolist() == [GAP, SNAPSHOT]
    assert [one.row for one in refused] == [1]


def test_no_rows_are_no_records() -> None:
    records, refused = decoded(part(few(BOOK), slice(0)))

    assert (len(records), refused) == (0, [])


@pytest.mark.parametrize("contract", ["cu2510", "RB2510", "rb", "", "None"])
def test_a_contract_whose_lot_is_not_known_is_refused(contract: str) -> None:
    with pytest.raises(FeedError, match=f"instrumentID must be a contract of rb, such as rb2510, got '{contract}'"):
        ShfeDecoder(contract)


def test_a_second_day_follows_the_first_though_it_numbers_anew() -> None:
    sync = BookSync(REBAR, rule_of("shfe"))
    records, _ = decoded(made_snapshots(3, 80))

    log = concatenate([part for _ in range(2) for part in sync.feed(records)])

    kinds = log.messages["kind"].tolist()
    at = kinds.index(GAP)
    assert kinds[:at] == kinds[at + 1 :]
    assert kinds.count(TRADE) > 10
    assert (sync.counts.repeated_trades, sync.counts.gaps) == (0, 1)
