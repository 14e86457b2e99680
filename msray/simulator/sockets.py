"""The venues' WebSocket side: paths, requests, pings, and the end of a connection."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from msray.clock import Clock
from msray.errors import UsageError
from msray.simulator import wire
from msray.simulator.limits import Due, Keepalive, PerAddress, Rate
from msray.simulator.requests import BadRequestError, stream_name
from msray.simulator.streams import Channel, Connection, Hub
from msray.venues import VENUES, Venue

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MOST_REQUEST_BYTES = 64 << 10
_CLOSE_S = 30.0
_MS = 1_000_000
_ALL = frozenset(Channel)
_PUBLIC = frozenset({Channel.DEPTH, Channel.BOOK_TICKER})
_MARKET = frozenset({Channel.TRADE})


@dataclass(frozen=True, slots=True)
class StreamPath:
    """Where streams of a market are found: ``/ws`` and ``/stream`` behind the prefix."""

    prefix: str
    venue: Venue
    channels: Collection[Channel]


def stream_paths(*, one_socket: bool) -> list[StreamPath]:
    """Every place of streams.

    Since 2026-04 Binance splits the streams of USD-M by kind; ``/public`` carries depth and quotes, ``/market`` trades.

    Parameters
    ----------
    one_socket
        Let both carry everything, so that one connection keeps the order of the source.
    """
    spot, usdm, coinm = (VENUES[name] for name in (wire.SPOT, wire.USDM, wire.COINM))
    paths = [StreamPath("", spot, _ALL), StreamPath("/api", spot, _ALL)]
    for prefix, venue in (("/fapi", usdm), ("/dapi", coinm)):
        paths.append(StreamPath(prefix, venue, _ALL))
        paths.append(StreamPath(f"{prefix}/public", venue, _ALL if one_socket else _PUBLIC))
        paths.append(StreamPath(f"{prefix}/market", venue, _ALL if one_socket else _MARKET))
    return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """What connections live with; None means what the venue states.

    Attributes
    ----------
    ping_every_s, pong_within_s
        Pace of pings, and how long a pong may take.
    life_s
        Age at which a connection ends.
    notice_s
        How long before that ``serverShutdown`` is sent; at most half the life.
    """

    ping_every_s: float | None = None
    pong_within_s: float | None = None
    life_s: float | None = None
    notice_s: float = 600.0

    def __post_init__(self) -> None:
        for name in ("ping_every_s", "pong_within_s", "life_s", "notice_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} of connections must be over 0, got {value}")

    def keepalive(self, venue: Venue, now_s: float) -> Keepalive:
        """Rules of a connection that opens now."""
        life_s = self.life_s or venue.connection_life_s
        return Keepalive(
            now_s,
            ping_every_s=self.ping_every_s or venue.ping_every_s,
            pong_within_s=self.pong_within_s or venue.pong_within_s,
            life_s=life_s,
            notice_s=min(self.notice_s, life_s / 2),
        )


class Sockets:
    """Accepts connections, answers them and keeps them alive.

    Parameters
    ----------
    hub
        What they listen to.
    limits
        What they live with.
    clock
        Tells the time.
    """

    def __init__(self, hub: Hub, limits: SocketLimits, clock: Clock) -> None:
        self._hub = hub
        self._limits = limits
        self._clock = clock
        self._connects = {
            venue.name: PerAddress(functools.partial(Rate, venue.connects_per_5_min or 0, 300.0))
            for venue in VENUES.values()
        }
        self._sockets: dict[Connection, web.WebSocketResponse] = {}
        self._closing: dict[Connection, asyncio.Task[None]] = {}

    def add_routes(self, router: web.UrlDispatcher, paths: Iterable[StreamPath]) -> None:
        """Add the places where streams are found."""
        for path in paths:
            router.add_get(f"{path.prefix}/ws", self._raw(path))
            router.add_get(f"{path.prefix}/ws/{{streams:.*}}", self._raw(path))
            router.add_get(f"{path.prefix}/stream", self._combined(path))

    def keep(self) -> None:
        """Do what is due on every connection; to be called a few times a second."""
        now_s = self._clock.monotonic_ns() / 1e9
        for connection in list(self._sockets):
            if connection.muted_until_s <= now_s:
                connection.muted_until_s = 0.0
            while (due := connection.keepalive.due(now_s)) is not Due.NOTHING:
                if due is Due.PING:
                    payload = str(self._clock.now_ns() // _MS).encode()
                    connection.keepalive.pinged(payload, now_s)
                    connection.write(wire.ping_frame(payload))
                elif due is Due.NOTICE:
                    connection.say(wire.shutdown_notice(self._clock.now_ns() // _MS), "!serverShutdown")
                elif due is Due.PONG_TIMEOUT:
                    connection.end(WSCloseCode.POLICY_VIOLATION, "Pong timeout")
                    break
                else:
                    connection.end(WSCloseCode.GOING_AWAY, "connection is too old")
                    break

    async def close_all(self, code: int, reason: str, within_s: float = _CLOSE_S) -> None:
        """Close every connection and wait until each has read what was sent to it and said goodbye.

        Parameters
        ----------
        code, reason
            What they are told.
        within_s
            Those that take longer are cut.
        """
        for connection in list(self._hub.connections):
            connection.end(code, reason)
        if self._closing:
            await asyncio.wait(list(self._closing.values()), timeout=within_s)
        for connection in list(self._hub.connections):
            connection.cut()

    def _raw(self, path: StreamPath) -> Respond:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, path, request.match_info.get("streams", ""), is_combined=False)

        return handle

    def _combined(self, path: StreamPath) -> Respond:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, path, request.query.get("streams", ""), is_combined=True)

        return handle

    async def _serve(
        self, request: web.Request, path: StreamPath, streams: str, *, is_combined: bool
    ) -> web.StreamResponse:
        now_s = self._clock.monotonic_ns() / 1e9
        if not self._connects[path.venue.name].of(request.remote or "").accept(now_s):
            return web.Response(status=429, text="Too many connection attempts")
        try:
            names = [stream_name(name) for name in streams.split("/") if name]
        except BadRequestError as error:
            return web.Response(status=400, text=str(error))
        # The order of answers and data is ours to keep, so frames are written by us: no compression, own pings.
        socket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=_MOST_REQUEST_BYTES, timeout=_CLOSE_S
        )
        await socket.prepare(request)
        assert request.transport is not None
        connection = Connection(
            request.transport,
            self._hub,
            venue=path.venue.name,
            channels=path.channels,
            is_combined=is_combined,
            inbound=Rate(path.venue.messages_per_s, 1.0),
            keepalive=self._limits.keepalive(path.venue, now_s),
            end=lambda code, reason: self._end(connection, code, reason),
        )
        self._hub.connections.add(connection)
        self._sockets[connection] = socket
        try:
            connection.subscribe(names)
            await self._converse(connection, socket)
        except BadRequestError as error:
            connection.end(WSCloseCode.POLICY_VIOLATION, str(error))
        finally:
            connection.leave()
            self._hub.connections.discard(connection)
            self._hub.dirty.discard(connection)
            self._sockets.pop(connection, None)
        if closing := self._closing.get(connection):
            await closing  # returning would close the socket under the goodbye
        return socket

    async def _converse(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        """Take what the client says until it goes, or says too much."""
        async for message in socket:
            if not connection.inbound.accept(self._clock.monotonic_ns() / 1e9):
                connection.end(WSCloseCode.POLICY_VIOLATION, "Too many requests")
            elif message.type is WSMsgType.PING:
                connection.write(wire.pong_frame(bytes(message.data)))
            elif message.type is WSMsgType.PONG:
                connection.keepalive.ponged(bytes(message.data))
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                text = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
                connection.write(wire.text_frame(connection.answer(text)))

    def _end(self, connection: Connection, code: int, reason: str) -> None:
        """Begin to close a connection; nothing more is sent to it."""
        connection.flush()
        connection.leave()
        socket = self._sockets.pop(connection, None)
        if socket is not None:
            task = asyncio.get_running_loop().create_task(_close(connection, socket, code, reason))
            self._closing[connection] = task
            task.add_done_callback(lambda _: self._closing.pop(connection))


async def _close(connection: Connection, socket: web.WebSocketResponse, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await socket.close(code=code, message=reason.encode())
    except TimeoutError:
        connection.cut()
