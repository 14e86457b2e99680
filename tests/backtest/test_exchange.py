import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import QueueConfig
from msray.backtest.exchange import SimulatedVenue
from msray.errors import UsageError
from msray.market import DEPTH, EDGE, SNAPSHOT, TRADE, UNSIGNED, OrderKind, ReportKind, Side
from tests.backtest.made import INSTRUMENT, depth, gap, random_messages, records, snapshot, sold
from tests.naive.venue import NaiveVenue

FOREVER = 2**62 - 1
BOOK = snapshot(0, {99: 4, 98: 5}, {101: 4, 102: 5})


def venue(*messages, queue=None, stops=False):
    made = SimulatedVenue(INSTRUMENT, queue, stops_at_reports=stops)
    log = records(*messages)
    made.feed(log, log.messages["event_ns"].copy())
    return made


def fills(reports):
    rows = reports[reports["kind"] == ReportKind.FILLED]
    return [(int(r["at_ns"]), int(r["order_id"]), int(r["tick"]), int(r["size"]), int(r["is_maker"])) for r in rows]


def kinds(reports):
    return [ReportKind(int(kind)) for kind in reports["kind"]]


def test_a_market_order_walks_the_book_at_the_levels_prices():
    made = venue(BOOK)
    made.place(5, 1, Side.BUY, OrderKind.MARKET, 0, 6)

    reports = made.advance(FOREVER)

    assert fills(reports) == [(5, 1, 101, 4, 0), (5, 1, 102, 2, 0)]


def test_what_the_book_cannot_give_expires():
    made = venue(BOOK)
    made.place(5, 1, Side.SELL, OrderKind.MARKET, 0, 20)

    assert kinds(made.advance(FOREVER)) == [ReportKind.FILLED, ReportKind.FILLED, ReportKind.EXPIRED]


def test_liquidity_is_taken_once_until_the_recording_changes_the_level():
    made = venue(BOOK, depth(20, (1, 103, 1)), depth(40, (1, 101, 3)))
    for at_ns, number in ((5, 1), (25, 2), (45, 3)):
        made.place(at_ns, number, Side.BUY, OrderKind.IOC, 101, 4)

    assert fills(made.advance(FOREVER)) == [(5, 1, 101, 4, 0), (45, 3, 101, 3, 0)]


def test_a_resting_order_waits_for_those_ahead_of_it():
    made = venue(BOOK, sold(20, 99, 3), sold(30, 99, 2), sold(40, 99, 2))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)

    assert fills(made.advance(FOREVER)) == [(30, 1, 99, 1, 1), (40, 1, 99, 1, 1)]


def test_a_touch_without_a_trade_fills_nothing():
    made = venue(BOOK, depth(20, (0, 99, 0)), depth(30, (1, 100, 2)))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)

    assert fills(made.advance(FOREVER)) == []


def test_a_trade_through_the_price_fills_no_more_than_its_size():
    made = venue(BOOK, sold(20, 97, 3))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)
    made.place(6, 2, Side.BUY, OrderKind.LIMIT, 98, 2)

    assert fills(made.advance(FOREVER)) == [(20, 1, 99, 2, 1), (20, 2, 98, 1, 1)]


def test_a_trade_of_unknown_side_fills_nothing():
    made = venue(BOOK, (TRADE, 20, [(UNSIGNED, 97, 9)]))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)

    assert fills(made.advance(FOREVER)) == []


def test_own_orders_of_one_price_share_one_queue():
    made = venue(BOOK, sold(20, 99, 7))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)
    made.place(6, 2, Side.BUY, OrderKind.LIMIT, 99, 2)

    assert fills(made.advance(FOREVER)) == [(20, 1, 99, 2, 1), (20, 2, 99, 1, 1)]


def test_the_other_side_reaching_a_price_fills_what_it_shows_at_the_orders_price():
    made = venue(BOOK, depth(20, (0, 99, 0), (1, 98, 3)), depth(30, (0, 90, 1)))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 5)

    assert fills(made.advance(FOREVER)) == [(20, 1, 99, 3, 1)]


def test_the_levels_of_one_message_are_simultaneous():
    """The queue of an order is judged after the whole message, whatever the order of its levels."""
    forward = venue(BOOK, depth(20, (0, 99, 0), (1, 99, 3)))
    backward = venue(BOOK, depth(20, (1, 99, 3), (0, 99, 0)))
    for made in (forward, backward):
        made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)

    assert fills(forward.advance(FOREVER)) == fills(backward.advance(FOREVER)) == [(20, 1, 99, 2, 1)]


def test_post_only_is_refused_where_it_would_trade():
    made = venue(BOOK)
    made.place(5, 1, Side.BUY, OrderKind.POST_ONLY, 101, 1)
    made.place(6, 2, Side.BUY, OrderKind.POST_ONLY, 100, 1)

    assert kinds(made.advance(FOREVER)) == [ReportKind.REFUSED_WOULD_TAKE, ReportKind.RESTING]


def test_a_limit_order_takes_and_its_rest_provides():
    made = venue(BOOK, sold(20, 101, 3))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 101, 6)

    reports = made.advance(FOREVER)

    assert fills(reports) == [(5, 1, 101, 4, 0), (20, 1, 101, 2, 1)]
    assert kinds(reports) == [ReportKind.FILLED, ReportKind.RESTING, ReportKind.FILLED]


def test_a_cancel_that_comes_too_late_says_so():
    made = venue(BOOK, sold(20, 97, 9))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)
    made.cancel(25, 1)

    assert kinds(made.advance(FOREVER)) == [ReportKind.RESTING, ReportKind.FILLED, ReportKind.REFUSED_UNKNOWN_ORDER]


def test_a_smaller_size_keeps_the_place_and_a_larger_one_loses_it():
    market = (BOOK, depth(10, (0, 99, 8)), sold(30, 99, 5))
    smaller, larger = venue(*market), venue(*market)
    for made, size in ((smaller, 1), (larger, 3)):
        made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)
        made.replace(20, 1, OrderKind.LIMIT, 99, size)

    assert fills(smaller.advance(FOREVER)) == [(30, 1, 99, 1, 1)]
    assert fills(larger.advance(FOREVER)) == []


def test_a_gap_takes_orders_out_and_refuses_new_ones_until_the_book_is_known():
    made = venue(BOOK, gap(20), snapshot(40, {99: 1}, {101: 1}))
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)
    made.place(30, 2, Side.BUY, OrderKind.MARKET, 0, 1)
    made.place(50, 3, Side.BUY, OrderKind.MARKET, 0, 1)

    assert kinds(made.advance(FOREVER)) == [
        ReportKind.RESTING,
        ReportKind.LOST,
        ReportKind.REFUSED_UNKNOWN_BOOK,
        ReportKind.FILLED,
    ]


def test_a_message_comes_before_an_order_of_the_same_instant():
    made = venue(BOOK, depth(20, (1, 101, 0)))
    made.place(20, 1, Side.BUY, OrderKind.MARKET, 0, 1)

    assert fills(made.advance(FOREVER)) == [(20, 1, 102, 1, 0)]


def test_orders_sent_over_one_connection_do_not_overtake_each_other():
    made = venue(BOOK)
    made.place(50, 1, Side.BUY, OrderKind.MARKET, 0, 4)
    made.place(10, 2, Side.BUY, OrderKind.MARKET, 0, 1)

    assert fills(made.advance(FOREVER)) == [(50, 1, 101, 4, 0), (50, 2, 102, 1, 0)]


def test_levels_beyond_the_covered_range_are_not_traded_against():
    made = venue(snapshot(0, {99: 1}, {101: 1, 102: 1}))
    log = records((SNAPSHOT, 0, [(0, 99, 1), (1, 101, 1), (1, 102, 1)]), depth(10, (1, 110, 50)))
    log.messages["first_id"][0] = 2
    made = SimulatedVenue(INSTRUMENT, stops_at_reports=False)
    made.feed(log, log.messages["event_ns"].copy())
    made.place(20, 1, Side.BUY, OrderKind.MARKET, 0, 5)

    assert fills(made.advance(FOREVER)) == [(20, 1, 101, 1, 0), (20, 1, 102, 1, 0)]


@pytest.mark.parametrize("model", ["risk_averse", "power", "logarithm"])
@pytest.mark.parametrize("shown", [400, 100])
def test_who_joins_a_level_out_of_sight_stands_behind_all_that_comes_into_sight(model, shown):
    log = records(
        (SNAPSHOT, 0, [(0, 98, 50), (1, 101, 4)]),
        depth(2, (0, 97, 500)),
        depth(10, (0, 98, 0), (EDGE, 97, shown)),
        sold(20, 97, 20),
        sold(30, 97, shown - 20),
        sold(40, 97, 5),
    )
    log.messages["first_id"][0] = 1  # a snapshot of one level
    made = SimulatedVenue(INSTRUMENT, QueueConfig(model=model), stops_at_reports=False)
    made.feed(log, log.messages["event_ns"].copy())
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 97, 20)

    assert fills(made.advance(FOREVER)) == [(40, 1, 97, 5, 1)]


@pytest.mark.parametrize("model", ["risk_averse", "fifo", "power", "logarithm"])
@pytest.mark.parametrize("stood", [0, 30])
def test_who_joins_a_level_that_came_into_sight_stands_behind_an_order_that_was_there(model, stood):
    log = records(
        (SNAPSHOT, 0, [(0, 98, 50), (1, 101, 4)]),
        depth(2, (0, 97, stood)),
        depth(10, (0, 98, 0), (EDGE, 96, 7)),
        depth(15, (0, 97, stood + 100)),
        sold(20, 97, stood + 5),
    )
    log.messages["first_id"][0] = 1  # a snapshot of one level
    made = SimulatedVenue(INSTRUMENT, QueueConfig(model=model), stops_at_reports=False)
    made.feed(log, log.messages["event_ns"].copy())
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 97, 20)

    assert fills(made.advance(FOREVER)) == [(20, 1, 97, 5, 1)]


@pytest.mark.parametrize(("field", "tick", "size"), [("tick", 0, 1), ("size", 99, 0), ("size", 99, -3)])
def test_an_order_that_cannot_be_is_refused_by_name(field, tick, size):
    with pytest.raises(UsageError, match=f"^{field} of an order must be 1 to"):
        venue(BOOK).place(0, 1, Side.BUY, OrderKind.LIMIT, tick, size)


def _play(seed, orders, cuts, stops, edges=False):
    """The same market and orders through both venues."""
    rng = np.random.default_rng(seed)
    messages = random_messages(rng, 60, edges=edges)
    wishes = []
    for number in range(1, orders + 1):
        at_ns, side, kind = int(rng.integers(1, 600)), Side(int(rng.integers(2))), OrderKind(int(rng.integers(4)))
        tick = int(rng.integers(97, 100) + 4 * side) if rng.random() < 0.8 else int(rng.integers(96, 105))
        wishes.append((at_ns, number, side, kind, tick, int(rng.integers(1, 7))))
    wishes += [(int(rng.integers(at_ns, 620)), number) for at_ns, number, *_ in wishes[::2]]
    wishes.sort(key=lambda wish: wish[0])
    log = records(*messages)
    mine = SimulatedVenue(INSTRUMENT, stops_at_reports=stops)
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        mine.feed(log[begin:end].copy(), log.messages["event_ns"][begin:end].copy())
    for wish in wishes:
        if len(wish) == 2:
            mine.cancel(*wish)
        else:
            mine.place(*wish)
    naive = NaiveVenue()
    todo = list(wishes)
    for kind, at_ns, changes in [*messages, (None, 10**6, [])]:
        while todo and todo[0][0] < at_ns:
            wish = todo.pop(0)
            (naive.cancel if len(wish) == 2 else naive.place)(*wish)
        if kind in (SNAPSHOT, DEPTH):
            naive.depth(at_ns, changes)
        elif kind == TRADE:
            naive.trade(at_ns, changes[0][1], changes[0][2], bool(changes[0][0]))
    return mine, naive


def seen(reports):
    """Rows as a naive venue writes them."""
    rows = []
    for r in reports:
        kind = ReportKind(int(r["kind"]))
        tick = 0 if kind is ReportKind.REFUSED_UNKNOWN_ORDER else int(r["tick"])
        left = 0 if kind is ReportKind.CANCELED else int(r["left"])
        rows.append((int(r["at_ns"]), int(r["order_id"]), kind, tick, int(r["size"]), left, int(r["is_maker"])))
    return rows


def seen_naive(reports):
    return [(*row[:5], 0 if row[2] is ReportKind.CANCELED else row[5], row[6]) for row in reports]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 25),
    st.lists(st.integers(1, 59), max_size=3, unique=True),
    st.booleans(),
    st.booleans(),
)
def test_every_report_equals_that_of_a_venue_that_serves_unit_by_unit(seed, orders, cuts, stops, edges):
    mine, naive = _play(seed, orders, sorted(cuts), stops, edges)

    parts = [mine.advance(FOREVER)]
    while stops and len(parts[-1]):
        parts.append(mine.advance(FOREVER))
    assert [row for part in parts for row in seen(part)] == seen_naive(naive.reports)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_happens_to_an_order_before_the_venue_says_that_it_may(seed):
    mine, _ = _play(seed, 10, [20], stops=True)

    at_ns = 0
    while at_ns < 10_000:
        quiet_ns = mine.quiet_until(10_000)
        assert quiet_ns >= at_ns
        reports = mine.advance(quiet_ns - 1)
        assert len(reports) == 0
        while len(mine.advance(quiet_ns)):
            pass
        if quiet_ns == 10_000:
            break
        at_ns = quiet_ns


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["power", "logarithm"]))
def test_a_risk_averse_queue_is_never_served_before_a_probable_one(seed, model):
    def filled(queue):
        rng = np.random.default_rng(seed)
        log = records(*random_messages(rng, 80))
        made = SimulatedVenue(INSTRUMENT, queue, stops_at_reports=False)
        made.feed(log, log.messages["event_ns"].copy())
        made.place(5, 1, Side.BUY, OrderKind.POST_ONLY, 98, 6)
        return sum(size for _, _, _, size, _ in fills(made.advance(FOREVER)))

    assert filled(QueueConfig()) <= filled(QueueConfig(model=model))


def test_a_probable_queue_moves_by_the_share_that_stood_behind():
    """Of 10 at the level 4 leave; 6 ahead of us, 4 behind: with equal powers a share of 4/10 of them stood behind."""
    made = venue(
        snapshot(0, {99: 6}, {101: 4}),
        depth(10, (0, 99, 10)),
        depth(20, (0, 99, 6)),
        sold(30, 99, 5),
        queue=QueueConfig(model="power", power=1.0),
    )
    made.place(5, 1, Side.BUY, OrderKind.LIMIT, 99, 2)

    # 6 - 0.6 * 4 = 3.6, which is rounded up: 4 stand ahead, the fifth unit traded is ours.
    assert fills(made.advance(FOREVER)) == [(30, 1, 99, 1, 1)]
