"""The picture of a book is the book: column by column what a replay of everything before it has."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.page.book import COLUMNS, LEAST_S, MARGIN_STEPS, MOST_S, around, book_history
from msray.backtest.page.heatmap import book_chart, full_colour, png
from msray.backtest.portfolio import Trade
from msray.book import L2Book
from msray.market import ASK, GAP, REFRESH, REGRID, SNAPSHOT
from tests.backtest.made import INSTRUMENT, bought, depth, gap, random_messages, records, snapshot, sold, tape

SECOND = 1_000_000_000


def trade(entry_s: float, exit_s: float, price: float = 10.0) -> Trade:
    return Trade(
        instrument=INSTRUMENT.id,
        side=1,
        entry_ns=round(entry_s * SECOND),
        exit_ns=round(exit_s * SECOND),
        size=1.0,
        entry_price=price,
        exit_price=price,
        gross=0.0,
        fees=0.0,
        funding=0.0,
        net=-1.0,
        net_return=-0.1,
        reason="stop",
    )


def naive(made, known_ns, at_ns):
    """Levels of the book after everything known by then, in ticks of the first grid; None while it is not known."""
    book, factor, is_known = L2Book(made.instrument), 1, False
    for message, known in zip(made.records.messages, known_ns, strict=True):
        if known > at_ns:
            break
        levels = made.records.levels[message["begin"] : message["end"]]
        if message["kind"] == GAP:
            is_known = False
        elif message["kind"] == SNAPSHOT or (message["kind"] == REFRESH and is_known):
            book.load(levels, 0)
            is_known = True
        elif message["kind"] == REGRID:
            factor *= int(message["prev_id"])
            finer = book.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
            book.regrid(finer, int(message["prev_id"]))
        elif is_known and message["kind"] == 1:
            book.apply(levels)
    return [(int(f & ASK), int(t) // factor, int(s)) for s, t, f in book.levels()] if is_known else None


def check(made, known_ns, one):
    history = book_history(made, known_ns, one)
    period = around(one)
    edges = np.linspace(period.begin_ns, period.end_ns, COLUMNS + 1).astype(np.int64)[1:]
    expected = [naive(made, known_ns, at) for at in edges]
    if history is None:
        assert all(not levels for levels in expected)
        return
    unit = made.instrument.price(1)
    lowest = round(history.low / unit)
    for column, levels in enumerate(expected):
        assert history.is_known[column] == bool(levels)
        for side, sizes in enumerate((history.bids, history.asks)):
            drawn = {lowest + row: size for row, size in enumerate(sizes[:, column]) if size}
            resting = {}
            for level_side, tick, size in levels or []:
                if level_side == side and 0 <= tick - lowest < len(sizes):
                    resting[tick] = resting.get(tick, 0) + size
            assert drawn == resting


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(5, 60), st.booleans())
def test_each_column_is_the_book_at_its_end(seed, messages, with_gaps):
    rng = np.random.default_rng(seed)
    log = random_messages(rng, messages)
    if with_gaps:
        for _ in range(3):
            log.insert(int(rng.integers(1, len(log))), gap(0))
        log.insert(int(rng.integers(1, len(log))), snapshot(0, {99: 2}, {101: 3}))
        log.insert(int(rng.integers(1, len(log))), (REFRESH, 0, [(0, 98, 2), (ASK, 102, 3)]))
    made = tape(records(*(one for one in log)))
    known_ns = np.sort(rng.integers(0, 120 * SECOND, len(log)))

    check(made, known_ns, trade(50, 70))


def test_a_finer_grid_in_between_changes_nothing():
    log = [
        snapshot(0, {99: 4, 98: 5}, {101: 4}),
        depth(0, (0, 97, 1)),
        (REGRID, 0, []),
        depth(0, (0, 985, 7)),
        depth(0),
    ]
    finer = records(*log)
    regrid = finer.messages[2]
    regrid["first_id"], regrid["last_id"], regrid["prev_id"] = 2, 1, 10
    made = tape(finer)
    known_ns = np.array([0, 35, 45, 60, 80]) * SECOND

    check(made, known_ns, trade(50, 70))
    check(made, known_ns, trade(90, 100))


def test_there_is_no_picture_of_a_book_that_nobody_knew():
    made = tape(records(snapshot(0, {99: 4}, {101: 4}), gap(SECOND), depth(2 * SECOND, (0, 99, 1))))

    assert book_history(made, np.array([0, 1, 2]) * SECOND, trade(50, 70)) is None
    assert book_history(tape(records()), np.zeros(0, np.int64), trade(50, 70)) is None


def test_prices_at_which_we_traded_are_in_the_picture():
    made = tape(records(snapshot(0, {99: 4}, {101: 4})))

    history = book_history(made, np.array([0]), trade(50, 70, price=30.0))

    assert history.low < 9.9 - (MARGIN_STEPS - 1) * 0.1
    assert history.high > 30.0
    assert history.bids.sum() == 4 * COLUMNS


@pytest.mark.parametrize("held_s", [0.001, 1.0, 20.0, 100.0, 899.0, 3600.0, 86_400.0])
def test_the_end_of_a_trade_is_always_shown_and_its_begin_where_there_is_room(held_s):
    one = trade(100_000.0, 100_000.0 + held_s)

    period = around(one)

    assert LEAST_S <= period.seconds + 1e-6 <= MOST_S + 1e-3
    assert period.begin_ns < one.exit_ns < period.end_ns
    assert period.begin_ns < one.entry_ns or held_s > MOST_S / 1.3


def test_the_markets_trades_signals_and_gaps_are_drawn():
    log = [snapshot(0, {99: 4}, {101: 4}), sold(0, 99, 9), bought(0, 101, 1), bought(0, 500, 1), gap(0), depth(0)]
    made = tape(records(*log))
    known_ns = np.array([0, 55, 60, 61, 65, 66]) * SECOND
    one = replace(trade(50, 70), reason="<b>")

    history = book_history(made, known_ns, one)
    drawn = book_chart(400.0, history, made, known_ns, one)

    assert drawn.count('class="print sold"') == drawn.count('class="print bought"') == 1  # one is far away
    assert drawn.count('class="gap"') == 1
    assert "&lt;b&gt;" in drawn
    assert full_colour(history) == 4.0


def test_a_png_holds_its_pixels():
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 4)).astype(np.uint8)

    data = png(pixels)

    assert struct.unpack(">IIBB", data[16:26]) == (7, 5, 8, 6)
    length = struct.unpack(">I", data[33:37])[0]
    lines = np.frombuffer(zlib.decompress(data[41 : 41 + length]), np.uint8).reshape(5, -1)
    assert (lines[:, 0] == 0).all()
    assert (lines[:, 1:].reshape(5, 7, 4) == pixels).all()
    assert data.endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))
