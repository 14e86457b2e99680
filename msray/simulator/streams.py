"""Who listens to what: connections, their subscriptions, and one encoded frame for all of them."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum

from msray.simulator import requests, wire
from msray.simulator.limits import Keepalive, Rate
from msray.simulator.requests import BadRequestError, Method, Request
from msray.venues import find_venue


class Channel(StrEnum):
    """Kinds of stream that carry something; all speeds of ``depth`` are one, and so are ``trade`` and ``aggTrade``."""

    DEPTH = "depth"
    TRADE = "trade"
    BOOK_TICKER = "bookTicker"


_CHANNELS = {"aggTrade": Channel.TRADE} | {channel.value: channel for channel in Channel}


class Topic:
    """One channel of one instrument.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    channel
        Which of its streams.
    readers
        Connections by what goes before the data in their frames: nothing, or the head of the combined form. One that
        listens under two names is there twice.
    """

    def __init__(self, instrument: str, channel: Channel) -> None:
        self.instrument = instrument
        self.channel = channel
        self.readers: dict[bytes, list[Connection]] = {}

    def connections(self) -> set["Connection"]:
        """Everybody who listens."""
        return {connection for group in self.readers.values() for connection in group}


class Connection:
    """One WebSocket of a client: its subscriptions, and what waits to be written.

    Parameters
    ----------
    transport
        The socket, upgraded; whole frames are written to it.
    hub
        Of all topics.
    venue
        The market whose streams can be named.
    channels
        Channels that this path carries; others can be subscribed and stay silent, as at the venue.
    is_combined
        Whether data is wrapped as ``{"stream", "data"}``.
    inbound, keepalive
        Its limits.
    end
        Closes it with a code and a reason, in its own time.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        hub: "Hub",
        *,
        venue: str,
        channels: Collection[Channel],
        is_combined: bool,
        inbound: Rate,
        keepalive: Keepalive,
        end: Callable[[int, str], None],
    ) -> None:
        self.venue = venue
        self.inbound = inbound
        self.keepalive = keepalive
        self.end = end
        self.muted_until_s = 0.0
        self.pending: list[bytes] = []
        self.streams: dict[str, Topic | None] = {}
        self._transport = transport
        self._hub = hub
        self._channels = channels
        self._is_combined = is_combined

    @property
    def backlog(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._transport.get_write_buffer_size()

    def answer(self, text: bytes) -> bytes:
        """Do what a request says; returns the answer, an error among them."""
        try:
            request = requests.read(text, is_spot=self.venue == wire.SPOT)
            return requests.result(self._do(request), request.request_id)
        except BadRequestError as failure:
            return requests.error(failure)

    def subscribe(self, names: Iterable[str], request_id: int | str | None = None) -> None:
        """Listen to streams; what there is not stays silent.

        Raises
        ------
        BadRequestError
            If it would be more than the venue allows; nothing is changed then.
        """
        new = [name for name in dict.fromkeys(names) if name not in self.streams]
        most = find_venue(self.venue).streams_per_connection
        if len(self.streams) + len(new) > most:
            raise BadRequestError(2, f"Invalid request: at most {most} streams on a connection", request_id)
        for name in new:
            topic = self._hub.find(self.venue, name)
            self.streams[name] = topic if topic is not None and topic.channel in self._channels else None
            self._join(name)

    def leave(self) -> None:
        """Listen to nothing any more."""
        self._unsubscribe(list(self.streams))

    def say(self, event: bytes, stream: str) -> None:
        """Send an event that no topic carries, in the form the connection has."""
        self.write(wire.text_frame(self._wrapper(stream) + event + b"}" if self._is_combined else event))

    def write(self, frame: bytes) -> None:
        """Send a frame, behind those that wait."""
        self.pending.append(frame)
        self.flush()

    def flush(self) -> None:
        """Hand what waits to the socket."""
        if self.pending and not self._transport.is_closing():
            self._transport.write(b"".join(self.pending))
        self.pending.clear()

    def cut(self) -> None:
        """End it without a word (the other side sees 1006); what waits is lost."""
        self.pending.clear()
        self._transport.abort()

    def _do(self, request: Request) -> object:
        match request.method:
            case Method.SUBSCRIBE:
                self.subscribe(request.streams, request.request_id)
            case Method.UNSUBSCRIBE:
                self._unsubscribe(request.streams)
            case Method.LIST:
                return list(self.streams)
            case Method.GET_PROPERTY:
                return self._is_combined
            case Method.SET_PROPERTY:
                names = list(self.streams)
                self._unsubscribe(names)
                self._is_combined = request.combined
                self.subscribe(names)
        return None

    def _unsubscribe(self, names: Iterable[str]) -> None:
        for name in names:
            topic = self.streams.pop(name, None)
            if topic is not None:
                self._hub.leave(topic, self._wrapper(name), self)

    def _join(self, name: str) -> None:
        topic = self.streams[name]
        if topic is not None:
            self._hub.join(topic, self._wrapper(name), self)

    def _wrapper(self, name: str) -> bytes:
        return f'{{"stream":"{name}","data":'.encode() if self._is_combined else b""


class Hub:
    """All topics of all markets and the connections that listen.

    Parameters
    ----------
    instruments
        Ids of all instruments there are.
    joined
        Called with a topic when somebody begins to listen to it.

    Attributes
    ----------
    complete
        Set while every instrument has a reader of its depth and one of its trades.
    dirty
        Connections with frames that wait for :meth:`flush`.
    """

    def __init__(self, instruments: Iterable[str], joined: Callable[[Topic], None] = lambda topic: None) -> None:
        self.complete = asyncio.Event()
        self.connections: set[Connection] = set()
        self.dirty: set[Connection] = set()
        self._joined = joined
        self._topics: dict[tuple[str, str, Channel], Topic] = {}
        for instrument in instruments:
            venue, _, symbol = instrument.partition(":")
            for channel in Channel:
                self._topics[venue, symbol.lower(), channel] = Topic(instrument, channel)
        self._needed = {topic for topic in self._topics.values() if topic.channel is not Channel.BOOK_TICKER}

    def find(self, venue: str, name: str) -> Topic | None:
        """The topic of a stream name, None if nothing comes there; names are lowercase."""
        symbol, _, rest = name.partition("@")
        channel, _, speed = rest.partition("@")
        if channel not in _CHANNELS or (speed and (channel != Channel.DEPTH or not speed.endswith("ms"))):
            return None
        return self._topics.get((venue, symbol, _CHANNELS[channel]))

    def topic(self, instrument: str, channel: Channel) -> Topic:
        """The topic of an instrument that is there."""
        venue, _, symbol = instrument.partition(":")
        return self._topics[venue, symbol.lower(), channel]

    def join(self, topic: Topic, wrapper: bytes, connection: Connection) -> None:
        """A connection begins to listen."""
        topic.readers.setdefault(wrapper, []).append(connection)
        self._joined(topic)
        self._check_complete()

    def leave(self, topic: Topic, wrapper: bytes, connection: Connection) -> None:
        """A connection stops to listen."""
        group = topic.readers[wrapper]
        group.remove(connection)
        if not group:
            del topic.readers[wrapper]
        self._check_complete()

    def missing(self) -> list[str]:
        """Streams that nobody listens to, of those that the market waits for."""
        return sorted(f"{topic.instrument}@{topic.channel}" for topic in self._needed if not topic.readers)

    def carriers(self, instrument: str) -> set[Connection]:
        """Connections that listen to the depth or the trades of an instrument."""
        depth, trade = (self.topic(instrument, channel) for channel in (Channel.DEPTH, Channel.TRADE))
        return depth.connections() | trade.connections()

    def send(self, topic: Topic, payload: bytes) -> None:
        """Queue a message for everybody who listens; it is encoded once for each form asked for."""
        for wrapper, group in topic.readers.items():
            frame = wire.text_frame(wrapper + payload + b"}" if wrapper else payload)
            for connection in group:
                if not connection.muted_until_s:
                    connection.pending.append(frame)
            self.dirty.update(group)

    def flush(self) -> None:
        """Hand all that waits to the sockets."""
        for connection in self.dirty:
            connection.flush()
        self.dirty.clear()

    def _check_complete(self) -> None:
        if all(topic.readers for topic in self._needed):
            self.complete.set()
        else:
            self.complete.clear()
