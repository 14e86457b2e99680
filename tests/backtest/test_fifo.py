"""The exact queue, where the recording tells order by order."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import QueueConfig
from msray.backtest.entrances import make_entrances
from msray.backtest.exchange import SimulatedVenue
from msray.market import ORDER, TRADE, OrderKind, Records, ReportKind, Side
from msray.venues import LobsterDecoder, lobster_instrument, midnight_ns
from tests.backtest.made import tape as taped
from tests.backtest.test_exchange import FOREVER, seen, seen_naive
from tests.naive.fifo import NaiveFifo
from tests.venues.made_orders import HIDDEN, NEW, VISIBLE, MadeOrders, made_orders

DAY = date(2012, 6, 21)
MIDNIGHT = midnight_ns(DAY)
X = lobster_instrument("X")
FIFO = QueueConfig(model="fifo")
WHOLE = 40
"""Ranks that show every level of these markets."""


def log_of(market: MadeOrders):
    log, refused = LobsterDecoder(market.ranks, DAY).decode(*market.tables())
    assert refused == []
    return log


def venue(log: Records, queue=FIFO, cuts=()) -> SimulatedVenue:
    made = SimulatedVenue(X, queue, stops_at_reports=False)
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        made.feed(log[begin:end].copy(), log.messages["event_ns"][begin:end].copy())
    return made


def play_naive(market: MadeOrders, wishes, naive: NaiveFifo) -> NaiveFifo:
    """All events, also those that are not shown."""
    for event in market.before:
        naive.add(0, event.order, event.side, event.price, event.size)
    todo = list(wishes)
    for event in market.events:
        at_ns = MIDNIGHT + event.now_ns
        while todo and todo[0][1] < at_ns:
            name, *words = todo.pop(0)
            getattr(naive, name)(*words)
        if event.kind == NEW:
            naive.add(at_ns, event.order, event.side, event.price, event.size)
        elif event.kind == VISIBLE:
            naive.execute(at_ns, event.order, event.size)
        elif event.kind != HIDDEN:
            naive.shrink(at_ns, event.order, event.size)
    for name, *words in todo:
        getattr(naive, name)(*words)
    return naive


def random_wishes(rng, market: MadeOrders, orders: int):
    """Orders of all kinds about the middle; some are changed or taken out later. Sorted by time, one each instant."""
    begin, end = (MIDNIGHT + market.events[at].now_ns for at in (0, -1))
    times = np.unique(rng.integers(begin, end + 20, 3 * orders)).tolist()
    found = []
    for number in range(1, orders + 1):
        side, kind = Side(int(rng.integers(2))), OrderKind(int(rng.choice(4, p=[0.4, 0.1, 0.4, 0.1])))
        tick = 100 + int(rng.integers(-4, 2)) * side.sign
        found.append(("place", number, side, kind, tick, int(rng.integers(1, 8))))
        if rng.random() < 0.3:
            moved = tick - int(rng.random() < 0.3)
            found.append(("replace", number, OrderKind.LIMIT, moved, int(rng.integers(1, 8))))
        if rng.random() < 0.3:
            found.append(("cancel", number))
    times = sorted(rng.choice(times, min(len(found), len(times)), replace=False).tolist())
    return [(name, at_ns, *words) for at_ns, (name, *words) in zip(times, found, strict=False)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20), st.lists(st.integers(1, 80), max_size=3, unique=True), st.booleans())
def test_every_report_equals_that_of_a_venue_that_holds_every_order(seed, orders, cuts, strict):
    market = made_orders(seed, 100, WHOLE, strict=strict)
    wishes = random_wishes(np.random.default_rng(seed), market, orders)
    mine = venue(log_of(market), cuts=sorted(cuts))
    for name, *words in wishes:
        getattr(mine, name)(*words)

    found = seen(mine.advance(FOREVER))

    assert found == seen_naive(play_naive(market, wishes, NaiveFifo()).reports)


def resting(rng, market: MadeOrders):
    """One order that only rests, of a size that several trades are needed for."""
    at_ns = MIDNIGHT + market.events[int(rng.integers(1, 60))].now_ns + 1
    side = Side(int(rng.integers(2)))
    return [("place", at_ns, 1, side, OrderKind.POST_ONLY, 100 - int(rng.integers(0, 4)) * side.sign, 12)]


def filled_by(reports):
    """What was filled up to each time."""
    sizes: dict[int, int] = {}
    for at_ns, _, kind, _, size, *_ in reports:
        if kind is ReportKind.FILLED:
            sizes[at_ns] = sizes.get(at_ns, max(sizes.values(), default=0)) + size
    return sizes


def is_never_later(first, second):
    """Whether at each time at least as much of an order has been filled."""
    return all(
        size <= max((early for at, early in filled_by(first).items() if at <= at_ns), default=0)
        for at_ns, size in filled_by(second).items()
    )


def served(log, wishes, queue):
    """Reports of the venue."""
    made = venue(log, queue)
    for name, *words in wishes:
        getattr(made, name)(*words)
    return seen(made.advance(FOREVER))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_where_levels_go_out_of_sight_no_order_is_filled_before_it_would_be(seed, ranks):
    market = made_orders(seed, 100, ranks)
    wishes = resting(np.random.default_rng(seed), market)

    truth = seen_naive(play_naive(market, wishes, NaiveFifo()).reports)

    assert is_never_later(truth, served(log_of(market), wishes, FIFO))
    assert is_never_later(truth, served(log_of(market), wishes, QueueConfig()))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_those_ahead_are_counted_even_where_some_trades_do_not_name_the_order_they_met(seed):
    market = made_orders(seed, 100, WHOLE)
    wishes = resting(np.random.default_rng(seed), market)
    log = log_of(market)
    trades = log.messages["begin"][log.messages["kind"] == TRADE]
    log.levels["flags"][trades[np.random.default_rng(seed).random(len(trades)) < 0.6]] &= ~ORDER

    found = served(log, wishes, FIFO)

    assert found == seen_naive(play_naive(market, wishes, NaiveFifo()).reports)


class FirstInLine(NaiveFifo):
    def _join(self, order):
        self.lines.setdefault((order.side, order.tick), []).insert(0, order)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_the_exact_queue_is_between_the_last_and_the_first_place(seed):
    market = made_orders(seed, 100, WHOLE)
    wishes = resting(np.random.default_rng(seed), market)

    exact = served(log_of(market), wishes, FIFO)

    assert is_never_later(seen_naive(play_naive(market, wishes, FirstInLine()).reports), exact)
    assert is_never_later(exact, served(log_of(market), wishes, QueueConfig()))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_behind_an_entrance_orders_stand_where_they_stand_after_all_that_came_before(seed, ranks):
    log = log_of(made_orders(seed, 120, ranks))
    tape = taped(log, instrument=X)
    row = int(np.random.default_rng(seed).integers(len(tape.row_message) // 2))
    message = int(tape.row_message[row]) + 1
    before = make_entrances(tape, np.array([row])).before(message, X)
    whole, entered = (SimulatedVenue(X, FIFO, stops_at_reports=False) for _ in range(2))
    whole.feed(log, np.arange(len(log)) * 2)
    entered.feed(before.records, np.arange(2))
    entered.feed(log[message:], np.arange(message, len(log)) * 2)

    for made in (whole, entered):
        for number, away in enumerate((1, 2, 3)):
            made.place(2 * message - 1, 2 * number, Side.BUY, OrderKind.POST_ONLY, 100 - away, 9)
            made.place(2 * message - 1, 2 * number + 1, Side.SELL, OrderKind.POST_ONLY, 100 + away, 9)

    assert seen(entered.advance(FOREVER)) == seen(whole.advance(FOREVER))
