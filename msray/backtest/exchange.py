"""``SimulatedVenue``: one instrument's recorded book, and the orders of one trader in it."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msray.backtest import kernels as k
from msray.backtest import kernels_desk as d
from msray.backtest.config import QueueConfig
from msray.book import L2Book
from msray.errors import UsageError
from msray.market import (
    GAP,
    LEVEL,
    MAX_SIZE,
    MAX_TICK,
    MESSAGE,
    REFRESH,
    REGRID,
    REPORT,
    SNAPSHOT,
    Instrument,
    Levels,
    Messages,
    OrderKind,
    Records,
    Side,
)

Reports = NDArray[np.void]

_MODELS = {"risk_averse": d.RISK_AVERSE, "fifo": d.FIFO, "power": d.POWER, "logarithm": d.LOGARITHM}
_FIRST_ORDERS = 64
_REPORTS = 4096
_NO_REPORTS = np.zeros(0, REPORT)


@dataclass(slots=True)
class _Batch:
    records: Records
    exchange_ns: NDArray[np.int64]
    at: int = 0


class VenueState(NamedTuple):
    """A venue as a kernel plays it on.

    Attributes
    ----------
    desk, ladder
        The trader's arena and the recorded book's.
    messages, levels, exchange_ns
        The recording's piece that is played.
    at
        Its first message that has not been taken.
    reports
        Where the kernel writes what happens.
    """

    desk: NDArray[np.int64]
    ladder: NDArray[np.int64]
    messages: Messages
    levels: Levels
    exchange_ns: NDArray[np.int64]
    at: int
    reports: Reports


class SimulatedVenue:
    """A matching engine that replays a recorded book beside the orders sent to it.

    Parameters
    ----------
    instrument
        Whose book it is; ``instrument`` follows when the recording goes over to a finer grid.
    queue
        Where resting orders stand.
    stops_at_reports
        Whether :meth:`advance` returns when something happened to an order, so that its owner may react.
    patience_ns
        So long after the first of such reports it plays on, because its owner learns of it no sooner.

    Notes
    -----
    What fills what: ``backtest/kernels.py``. Levels beyond the covered range are never traded against.

    Attributes
    ----------
    book
        The recorded one.
    is_idle
        Whether no order rests here or is on its way: nothing can happen that anybody has to be told.
    newest_ns
        Exchange time of the newest message that was handed over.
    last_arrival_ns
        Exchange time at which the last thing that was sent arrives.
    """

    def __init__(
        self,
        instrument: Instrument,
        queue: QueueConfig | None = None,
        *,
        stops_at_reports: bool = True,
        patience_ns: int = 0,
    ) -> None:
        queue = queue or QueueConfig()
        self.instrument = instrument
        self.book = L2Book(instrument)
        self.is_idle = True
        self.newest_ns = 0
        self._played_ns = -1
        self._batches: deque[_Batch] = deque()
        self.last_arrival_ns = 0
        self._reports = np.zeros(_REPORTS, REPORT)
        self._desk = _empty_desk(_FIRST_ORDERS, _FIRST_ORDERS, 2 * d.MOST_SWEPT)
        self._desk[d.QUEUE] = _MODELS[queue.model]
        self._desk[d.QUEUE_POWER] = round(queue.power * 1000)
        self._desk[d.SIZE_UNIT] = 10**instrument.size_decimals
        self._desk[d.STOPS_AT_REPORTS] = stops_at_reports
        self._desk[d.PATIENCE] = patience_ns

    @property
    def now_ns(self) -> int:
        """Exchange time of the last thing that happened here."""
        return int(self._desk[d.NOW])

    @property
    def is_synced(self) -> bool:
        """Whether the recording knows the book."""
        return bool(self._desk[d.IS_SYNCED])

    def feed(self, records: Records, exchange_ns: NDArray[np.int64]) -> None:
        """Hand over the next piece of the recording; :meth:`advance` plays it.

        Parameters
        ----------
        records
            Of this instrument, in log order; they must stay as they are.
        exchange_ns
            Exchange time of each message; it never goes back.
        """
        if len(records) == 0:
            return
        self._batches.append(_Batch(records.read_only(), exchange_ns))
        self.newest_ns = int(exchange_ns[-1])
        self._played_ns = -1

    def place(self, arrival_ns: int, order_id: int, side: Side, kind: OrderKind, tick: int, size: int) -> None:
        """Send an order that arrives then, or right after what was sent before, if that is later.

        Parameters
        ----------
        arrival_ns
            Exchange time.
        order_id
            The caller's; unique among open orders.
        side, kind
            What it is.
        tick
            Its price on the instrument's grid; a market order has none.
        size
            In units of the instrument, positive.
        """
        if kind is not OrderKind.MARKET:
            self._check_tick(tick)
        self._check_size(size)
        self._send(arrival_ns, d.PLACE, order_id, side, kind, tick, size)

    def cancel(self, arrival_ns: int, order_id: int) -> None:
        """Send the wish to take an order out."""
        self._send(arrival_ns, d.CANCEL, order_id, 0, 0, 0, 0)

    def replace(self, arrival_ns: int, order_id: int, kind: OrderKind, tick: int, size: int) -> None:
        """Send the wish to change price or remaining size; only a smaller size at the same price keeps the place."""
        self._check_tick(tick)
        self._check_size(size)
        self._send(arrival_ns, d.REPLACE, order_id, 0, kind, tick, size)

    def quiet_until(self, until_ns: int) -> int:
        """Exchange time before which nothing can happen to an order, at most ``until_ns``."""
        batch, records = self._first, self._first.records
        last_ns = self._horizon(until_ns)
        return int(k.quiet_until(self._desk, records.messages, records.levels, batch.exchange_ns, batch.at, last_ns))

    def advance(self, until_ns: int) -> Reports:
        """Play the recording up to an exchange time, included.

        Parameters
        ----------
        until_ns
            Exchange time; nothing of the recording up to then may come later.

        Returns
        -------
        Reports
            ``REPORT`` rows of what happened to orders, in order. If there are any and ``stops_at_reports``, the venue
            may stand before ``until_ns``: call again.
        """
        if until_ns <= self._played_ns:
            return _NO_REPORTS
        while True:
            batches = len(self._batches)
            stop = self._step(until_ns)
            if stop == d.REPORTED or (stop == d.DONE and len(self._batches) == batches):
                break
            if stop == d.REPORTS_FULL:
                self._reports = np.concatenate([self._reports, np.zeros_like(self._reports)])
        return self._reported(until_ns if stop == d.DONE else -1)

    @property
    def state(self) -> VenueState:
        """For a kernel that plays on in place of :meth:`advance`; :meth:`resume` must follow."""
        batch = self._first
        records = batch.records
        return VenueState(
            self._desk, self.book.arena, records.messages, records.levels, batch.exchange_ns, batch.at, self._reports
        )

    @property
    def piece_ns(self) -> int:
        """Exchange time up to which :attr:`state` may be played."""
        return int(self._first.exchange_ns[-1]) - 1 if len(self._batches) > 1 else d.NEVER

    def resume(self, at: int, last_arrival_ns: int, taken: int) -> Reports:
        """Go on from where a kernel has brought :attr:`state`.

        Parameters
        ----------
        at
            First message that has not been taken.
        last_arrival_ns
            Of all that was sent.
        taken
            Number of reports that are known already; the others are returned.
        """
        self._first.at, self.last_arrival_ns = at, last_arrival_ns
        self._desk[d.STOPS_AT_REPORTS] = 1
        return self._reported(-1)[taken:]

    def _reported(self, played_ns: int) -> Reports:
        """What happened since the last time, when all was played up to a time; -1: nobody knows up to when."""
        header = self._desk[: d.HEADER].tolist()
        self.is_idle = header[d.ORDERS] == header[d.SENT_LAST] == 0
        count = header[d.REPORTS]
        if count == 0:
            self._played_ns = played_ns
            return _NO_REPORTS  # a copy of nothing takes longer than a quiet step
        self._desk[d.REPORTS] = 0
        reports = self._reports[:count].copy()
        self._played_ns = min(played_ns, reports.item(0)[0] + header[d.PATIENCE])
        return reports

    @property
    def _first(self) -> _Batch:
        return self._batches[0] if self._batches else _NOTHING

    def _horizon(self, until_ns: int) -> int:
        """How far the venue may go before the batch behind the first one has to be at hand."""
        return min(until_ns, int(self._first.exchange_ns[-1])) if len(self._batches) > 1 else until_ns

    def _step(self, until_ns: int) -> int:
        """One call of the kernel, and what it asks for."""
        desk, batch = self._desk, self._first
        records, last_ns, arrivals_ns = batch.records, until_ns, until_ns
        if len(self._batches) > 1:  # of one instant, messages come before arrivals: also those of the next batch
            last_ns = self._horizon(until_ns)
            arrivals_ns = min(until_ns, int(self._batches[1].exchange_ns[0]) - 1)
        batch.at = int(
            k.advance(
                desk,
                self.book.arena,
                records.messages,
                records.levels,
                batch.exchange_ns,
                batch.at,
                last_ns,
                arrivals_ns,
                self._reports,
            )
        )
        stop = int(desk[d.STOP])
        if stop == d.BOOK_FULL:
            message = records.messages[batch.at]
            self.book.make_room(records.levels, int(message["begin"]), int(message["end"]))
        elif stop == d.DESK_FULL:
            self._grow(2 * int(desk[d.ORDER_CAPACITY]), int(desk[d.SENT_CAPACITY]), 2 * int(desk[d.TAKEN_CAPACITY]))
        elif stop == d.SPECIAL:
            reported = int(desk[d.REPORTS])
            if reported and desk[d.PATIENCE] and records.messages["kind"][batch.at] == REGRID:
                return d.REPORTED  # what has been reported is in ticks of the grid that ends here
            self._take(records, batch.at)
            batch.at += 1
            if desk[d.REPORTS] > reported and desk[d.STOPS_AT_REPORTS] and not desk[d.PATIENCE]:
                stop = d.REPORTED
        if len(self._batches) > 1 and batch.at == len(records):
            self._batches.popleft()
        return stop

    def _take(self, records: Records, at: int) -> None:
        """A record that is neither a depth message nor a trade."""
        message = records.messages[at]
        kind, desk = message["kind"], self._desk
        levels = records.levels[message["begin"] : message["end"]]
        if kind in (SNAPSHOT, GAP):
            d.lose_all(desk, self._reports)
            desk[d.IS_SYNCED] = kind == SNAPSHOT
            self.book.clear()
        if kind in (SNAPSHOT, REFRESH):
            self.book.load(levels, int(message["first_id"]))
            desk[d.BOOK_ID] = message["last_id"]
            k.settle(desk, self.book.arena, self._reports)
        elif kind == REGRID:
            self._regrid(
                self.instrument.regridded(int(message["first_id"]), int(message["last_id"])), int(message["prev_id"])
            )

    def _regrid(self, instrument: Instrument, factor: int) -> None:
        self.instrument = instrument
        self.book.regrid(instrument, factor)
        desk = self._desk
        for at, count, words, tick in (
            (desk[d.ORDERS_AT], desk[d.ORDERS], d.ORDER_WORDS, d.TICK),
            (desk[d.SENT_AT], desk[d.SENT_LAST], d.SENT_WORDS, d.SENT_TICK),
            (desk[d.TAKEN_AT], desk[d.TAKEN], d.TAKEN_WORDS, d.TAKEN_TICK),
        ):
            desk[at : at + count * words].reshape(-1, words)[:, tick] *= factor
        if desk[d.HIGHEST_BUY] >= 0:
            desk[d.HIGHEST_BUY] *= factor
        if desk[d.LOWEST_SELL] <= MAX_TICK:
            desk[d.LOWEST_SELL] *= factor

    def _send(self, arrival_ns: int, action: int, order_id: int, side: int, kind: int, tick: int, size: int) -> None:
        desk = self._desk
        first, last, at, capacity = desk[d.SENT_FIRST : d.SENT_CAPACITY + 1].tolist()
        if last == capacity and first > 0:  # forget what has arrived
            waiting = desk[at + first * d.SENT_WORDS : at + last * d.SENT_WORDS].copy()
            desk[at : at + len(waiting)] = waiting
            last -= first
            desk[d.SENT_FIRST] = 0
        elif last == capacity:
            self._grow(int(desk[d.ORDER_CAPACITY]), 2 * capacity, int(desk[d.TAKEN_CAPACITY]))
            desk = self._desk
            at = int(desk[d.SENT_AT])
        self.last_arrival_ns = max(self.last_arrival_ns, arrival_ns)
        s = at + last * d.SENT_WORDS
        desk[s : s + 7] = self.last_arrival_ns, action, order_id, side, tick, size, kind
        desk[d.SENT_LAST] = last + 1
        self.is_idle = False
        self._played_ns = min(self._played_ns, self.last_arrival_ns - 1)

    def _grow(self, orders: int, sent: int, taken: int) -> None:
        old, new = self._desk, _empty_desk(orders, sent, taken)
        places = (d.ORDERS_AT, d.ORDER_CAPACITY, d.SENT_AT, d.SENT_CAPACITY, d.TAKEN_AT, d.TAKEN_CAPACITY)
        own = {word: new[word] for word in places}
        new[: d.HEADER] = old[: d.HEADER]
        for word, value in own.items():
            new[word] = value
        for at, count, words in (
            (d.ORDERS_AT, d.ORDERS, d.ORDER_WORDS),
            (d.SENT_AT, d.SENT_LAST, d.SENT_WORDS),
            (d.TAKEN_AT, d.TAKEN, d.TAKEN_WORDS),
        ):
            used = old[count] * words
            new[new[at] : new[at] + used] = old[old[at] : old[at] + used]
        self._desk = new

    def _check_tick(self, tick: int) -> None:
        if not 0 < tick <= MAX_TICK:
            raise UsageError(f"tick of an order must be 1 to {MAX_TICK}, got {tick}")

    def _check_size(self, size: int) -> None:
        if not 0 < size <= MAX_SIZE:
            raise UsageError(f"size of an order must be 1 to {MAX_SIZE} units, got {size}")


def _empty_desk(orders: int, sent: int, taken: int) -> NDArray[np.int64]:
    orders_at = d.HEADER
    sent_at = orders_at + orders * d.ORDER_WORDS
    taken_at = sent_at + sent * d.SENT_WORDS
    desk = np.zeros(taken_at + taken * d.TAKEN_WORDS, np.int64)
    desk[d.ORDERS_AT], desk[d.ORDER_CAPACITY] = orders_at, orders
    desk[d.SENT_AT], desk[d.SENT_CAPACITY] = sent_at, sent
    desk[d.TAKEN_AT], desk[d.TAKEN_CAPACITY] = taken_at, taken
    desk[d.HIGHEST_BUY], desk[d.LOWEST_SELL] = -1, MAX_TICK + 1
    return desk


_NOTHING = _Batch(Records(np.zeros(0, MESSAGE), np.zeros(0, LEVEL)).read_only(), np.zeros(0, np.int64))
