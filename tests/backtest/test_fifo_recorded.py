"""The exact queue on recorded days of NASDAQ: beside a real order, ours is filled when that was.

What is expected comes from the messages' order ids alone.
"""

import zipfile
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest

from msray.backtest.config import QueueConfig
from msray.backtest.exchange import SimulatedVenue
from msray.feeds.replay import open_replay
from msray.market import Instrument, OrderKind, Records, Side, concatenate
from msray.prediction import Replayed
from msray.venues import read_table
from tests.backtest.test_exchange import FOREVER, fills

NEW, VISIBLE = 1, 4
FIFO = QueueConfig(model="fifo")


@dataclass
class Real:
    """An order of the recording; ``row`` is where it came."""

    number: int
    row: int
    at_ns: int
    size: int
    tick: int
    side: Side
    executed: list[tuple[int, int]] = field(default_factory=list)
    last_row: int = 0
    is_overtaken: bool = False
    is_cancelled: bool = False

    @property
    def is_done(self) -> bool:
        """Executed to its end."""
        return sum(size for _, size in self.executed) == self.size


@dataclass
class Day:
    instrument: Instrument
    records: Records
    events: list[list[int]]
    orders: dict[int, Real]

    def venue(self) -> SimulatedVenue:
        made = SimulatedVenue(self.instrument, FIFO, stops_at_reports=False)
        made.feed(self.records, self.records.messages["event_ns"].copy())
        return made


@pytest.fixture(scope="module", params=["GOOG_2012-06-21_10", "AAPL_2012-06-21_1"])
def day(request, data_dir):
    path = data_dir / "lobster_2012-06-21" / f"LOBSTER_SampleFile_{request.param}.zip"
    replay = open_replay([path])
    records = concatenate([event.records.copy() for event in replay.events() if isinstance(event, Replayed)])
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if "_message_" in name]
        text = np.frombuffer(archive.read(name), np.uint8)
    table = np.zeros((200_000, 6), np.int64)
    rows, _, _ = read_table(text, 0, table, is_timed=True)
    table[:, 0] += records.messages["event_ns"][0] - table[0, 0]
    events = table[:rows].tolist()
    return Day(replay.instruments[0], records, events, _orders(events))


def _orders(events):
    """What became of each order that was seen to come."""
    found, resting = {}, defaultdict(dict)
    for row, (at_ns, kind, number, size, tick, direction) in enumerate(events):
        line = resting[tick, direction]
        if kind == NEW:
            side = Side.BUY if direction == 1 else Side.SELL
            found[number] = line[number] = Real(number, row, at_ns, size, tick, side)
        elif kind <= VISIBLE and number in found:
            order = found[number]
            if kind == VISIBLE:
                order.executed.append((at_ns, size))
                order.last_row = row
                for other in line.values():  # this venue serves a younger one now and then
                    other.is_overtaken |= other.row < order.row
            else:
                order.is_cancelled = True
            if order.is_done or kind == 3:
                line.pop(number, None)
    return found


def test_an_order_just_before_a_real_one_is_filled_when_that_was_share_for_share(day):
    events = day.events
    real = [
        order
        for order in day.orders.values()
        if order.is_done and not order.is_overtaken and order.row and events[order.row - 1][0] < order.at_ns
    ]
    venue = day.venue()
    for order in real:
        venue.place(order.at_ns - 1, order.number, order.side, OrderKind.POST_ONLY, order.tick, order.size)

    found = defaultdict(list)
    for at_ns, number, _, size, _ in fills(venue.advance(FOREVER)):
        found[number].append((at_ns, size))

    assert len(real) > 5000
    assert sum(order.is_overtaken for order in day.orders.values() if order.is_done) <= len(real) // 500
    assert found == {order.number: order.executed for order in real}


def test_an_order_right_behind_a_real_one_is_filled_by_the_next_trade_that_comes_so_far(day):
    events = day.events
    real = [order for order in day.orders.values() if order.is_done and events[order.row + 1][0] > order.at_ns]
    sample = np.random.default_rng(5).choice(len(real), 60, replace=False).tolist()
    for order in (real[at] for at in sample):
        row = _next_met(day, order)
        if row < 0:
            continue  # whether the order that was executed stood before or behind, nobody knows
        venue = day.venue()
        venue.place(order.at_ns, 1, order.side, OrderKind.POST_ONLY, order.tick, 1)

        assert [at_ns for at_ns, *_ in fills(venue.advance(FOREVER))] == ([events[row][0]] if row < len(events) else [])
        assert order.is_overtaken or row > order.last_row


def _next_met(day, real):
    """Row of the first message after a real order's that meets one right behind it; -1 if that cannot be said."""
    sign = real.side.sign
    for row in range(real.row + 1, len(day.events)):
        _, kind, number, _, tick, direction = day.events[row]
        if kind == NEW and direction == -sign and (real.tick - tick) * sign >= 0:
            return row  # the other side has come to our price
        if kind == VISIBLE and direction == sign:
            if (real.tick - tick) * sign > 0:
                return row  # traded through our price
            if tick == real.tick:
                if number not in day.orders:
                    return -1
                if day.orders[number].row > real.row:
                    return row
    return len(day.events)
