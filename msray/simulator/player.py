"""Plays a source to whoever listens: in pace, with faults, and never faster than readers can follow."""

import asyncio
from collections.abc import Sequence

from msray.clock import Clock
from msray.simulator.exchange import Listing
from msray.simulator.faults import Fault, FaultSchedule
from msray.simulator.source import Event, Kind, Source
from msray.simulator.streams import Channel, Connection, Hub, Topic

MOST_BACKLOG_BYTES = 8 << 20
"""Bytes waiting in a socket at which a connection is cut, as a venue does with a reader that is too slow."""
FULL_SPEED_BACKLOG_BYTES = 1 << 20
"""At full speed the market waits instead, as long as a reader's backlog is above this."""
BLOCKED_S = 10.0
"""A reader that took nothing for so long, while the market waited for it, is cut all the same."""

_TURN = 256
_TOGETHER_S = 0.001
_POLL_S = 0.0005
_ALWAYS_NS = 2**63
_CHANNELS = {Kind.DEPTH: Channel.DEPTH, Kind.TRADE: Channel.TRADE, Kind.BOOK_TICKER: Channel.BOOK_TICKER}
_LOSING = {Fault.DISCONNECT, Fault.GAP, Fault.REORDER, Fault.CORRUPT, Fault.STALL, Fault.HALT}


class Player:
    """The market's course.

    Parameters
    ----------
    source
        What happens.
    listings
        The instruments of the source, in its order.
    hub
        Who listens.
    faults
        What goes wrong on the way to them.
    speed
        Market seconds a second; 0: as fast as the slowest reader follows, and only while every instrument has readers.
    waits
        Whether the first message waits until every instrument has readers of its depth and of its trades.
    clock
        Tells the time.
    """

    def __init__(
        self,
        source: Source,
        listings: Sequence[Listing],
        hub: Hub,
        faults: FaultSchedule,
        *,
        speed: float,
        waits: bool,
        clock: Clock,
    ) -> None:
        self.sent = 0
        self.is_started = False
        self.is_done = False
        self.first_ns = self.now_ns = 0
        self._source = source
        self._listings = listings
        self._hub = hub
        self._faults = faults
        self._speed = speed
        self._waits = waits
        self._clock = clock
        self._started_s = 0.0
        self._held: dict[Topic, bytes] = {}
        self._topics = [
            {kind: hub.topic(listing.instrument.id, channel) for kind, channel in _CHANNELS.items()}
            for listing in listings
        ]

    @property
    def market_s(self) -> float:
        """Market seconds since the first message."""
        return (self.now_ns - self.first_ns) / 1e9

    async def run(self) -> None:
        """Play to the end."""
        if self._waits:
            await self._hub.complete.wait()
        due_ns = -1
        for count, event in enumerate(self._source.events()):
            if not self.is_started:
                self._start(event.at_ns)
            if event.at_ns > due_ns or count % _TURN == 0:
                due_ns = await self._turn(event.at_ns)
            self.now_ns = event.at_ns
            self._publish(event)
        for topic, payload in self._held.items():
            self._hub.send(topic, payload)
        self._hub.flush()
        self.is_done = True

    def _start(self, at_ns: int) -> None:
        self.is_started = True
        self.first_ns = self.now_ns = at_ns
        self._started_s = self._now_s()
        for listing, topics in zip(self._listings, self._topics, strict=True):
            listing.open(len(topics[Kind.DEPTH].connections()))

    async def _turn(self, at_ns: int) -> int:
        """Let others run until an event is due; returns the market time up to which all are due."""
        self._hub.flush()
        if not self._speed:
            await self._follow_readers()
            return _ALWAYS_NS
        for connection in self._hub.connections:
            if connection.backlog > MOST_BACKLOG_BYTES:
                connection.cut()
        due_s = self._started_s + (at_ns - self.first_ns) / 1e9 / self._speed
        await asyncio.sleep(max(0.0, due_s - self._now_s()))
        now_s = self._now_s() + _TOGETHER_S
        return self.first_ns + int((now_s - self._started_s) * self._speed * 1e9)

    async def _follow_readers(self) -> None:
        """At full speed the readers are the clock."""
        await asyncio.sleep(0)
        if self._waits and not self._hub.complete.is_set():
            await self._hub.complete.wait()
        progress: dict[Connection, tuple[int, float]] = {}
        while slow := [c for c in self._hub.connections if c.backlog > FULL_SPEED_BACKLOG_BYTES]:
            now_s = self._now_s()
            for connection in slow:
                least, since_s = progress.get(connection, (connection.backlog + 1, now_s))
                if connection.backlog < least:
                    progress[connection] = (connection.backlog, now_s)
                elif now_s - since_s > BLOCKED_S:
                    connection.cut()
            await asyncio.sleep(_POLL_S)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def _publish(self, event: Event) -> None:
        listing, kind = self._listings[event.instrument], event.kind
        if kind is Kind.SNAPSHOT:
            listing.book.restart(event.payload)
            return
        if kind is Kind.DEPTH:
            listing.book.take(event.payload)
        if self.market_s < listing.halted_until_s:
            return
        self.sent += 1
        topic = self._topics[event.instrument][kind]
        if kind is Kind.BOOK_TICKER or self._faults.is_calm:
            self._hub.send(topic, event.payload)
            return
        instrument = listing.instrument.id
        fault = self._faults.message(instrument, self.market_s, is_depth=kind is Kind.DEPTH)
        held = self._held.pop(topic, None)
        if fault is None:
            self._hub.send(topic, event.payload)
        else:
            self._spoil(fault, listing, topic, event.payload)
        if held is not None:
            self._hub.send(topic, held)

    def _spoil(self, fault: Fault, listing: Listing, topic: Topic, payload: bytes) -> None:
        """Send a message, or not, with something wrong."""
        instrument = listing.instrument.id
        detail = self._faults.fraction(instrument, is_request=False)
        if fault in _LOSING:
            listing.disturb()
        match fault:
            case Fault.DUPLICATE:
                self._hub.send(topic, payload)
                self._hub.send(topic, payload)
            case Fault.REORDER:
                self._held[topic] = payload
            case Fault.CORRUPT:
                self._hub.send(topic, _corrupted(payload, detail))
            case Fault.DISCONNECT:
                for connection in self._hub.carriers(instrument):
                    connection.end(1001, "going away") if detail < 0.5 else connection.cut()
            case Fault.STALL:
                until_s = self._now_s() + self._faults.plan.stall_s
                for connection in self._hub.carriers(instrument):
                    connection.muted_until_s = until_s
            case Fault.HALT:
                listing.halted_until_s = self.market_s + self._faults.plan.halt_s


def _corrupted(payload: bytes, fraction: float) -> bytes:
    """The message with one of its signs of structure replaced, so that it is no JSON any more."""
    places = [i for i, byte in enumerate(payload) if byte in b'{}[]":,']
    damaged = bytearray(payload)
    damaged[places[int(fraction * len(places))]] = 0x01
    return bytes(damaged)
