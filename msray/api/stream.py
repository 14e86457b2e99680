"""``/api/v1/stream``: what happens, as it happens, over a WebSocket that speaks and takes no messages."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, WebSocket
from starlette.responses import Response
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from msray.api.auth import Requires, Scope, known_origin
from msray.api.problem import RefusedError
from msray.api.state import ApiState
from msray.api.stream_feed import StreamFeed
from msray.api.stream_hub import Reader, Subscription, error_frame
from msray.api.stream_latest import Frame
from msray.api.stream_query import subscription_reader
from msray.api.stream_ticket import SUBPROTOCOL, TICKET_S, Tickets
from msray.telemetry.families import STREAM_CUT, STREAM_FRAMES, STREAM_SKIPPED, STREAM_SOCKETS

MAX_SOCKETS = 200
"""Sockets of one process."""
HEARTBEAT_S = 15.0
STALL_S = 5.0
"""Seconds that a frame waits for a client that does not read."""
_CLOSE_S = 1.0
_GOING_AWAY, _POLICY, _MISTAKE, _TOO_SLOW = 1001, 1008, 1011, 1013
_REASONS = {
    _GOING_AWAY: "the server stops; come back with resume_from",
    _POLICY: "this socket takes no messages",
    _MISTAKE: "a mistake of ours; come back with resume_from",
    _TOO_SLOW: "too slow; come back with resume_from",
}


class Streams:
    """All sockets of one process.

    Parameters
    ----------
    state
        What is behind them.
    """

    def __init__(self, state: ApiState) -> None:
        self._figures = state.figures
        self._feed = StreamFeed(state)
        self._open = 0
        self._is_closing = False
        for code in _REASONS:
            self._figures.start(STREAM_CUT, str(code))
        for kind in ("hello", "signal", "book", "prediction", "heartbeat", "error"):
            self._figures.start(STREAM_FRAMES, kind)
        self._figures.start(STREAM_SKIPPED)
        self._figures.start(STREAM_SOCKETS)

    async def serve(self, websocket: WebSocket, subscription: Subscription) -> None:
        """One socket, from its acceptance to its end.

        Raises
        ------
        RefusedError
            Before it is accepted: 503 where there are too many, 422 where ``resume_from`` is of another ledger.
        UnavailableError
            Before it is accepted, if the ledger cannot be read.
        """
        if self._is_closing or self._open >= MAX_SOCKETS:
            why = "the server stops" if self._is_closing else f"at most {MAX_SOCKETS} sockets may be open"
            raise RefusedError(503, why, headers={"Retry-After": "5"})
        self._count(1)
        try:
            async with self._feed.reader(subscription) as reader:
                offered = websocket.scope["subprotocols"]
                await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
                await self._speak(websocket, reader, subscription)
        finally:
            self._count(-1)

    async def close(self) -> None:
        """Tell everybody to come back later; sockets that do not listen are left after a second."""
        self._is_closing = True
        self._feed.tell()
        loop = asyncio.get_running_loop()
        until = loop.time() + _CLOSE_S
        while self._open and loop.time() < until:
            await asyncio.sleep(0.01)

    def _count(self, change: int) -> None:
        self._open += change
        self._figures.set(STREAM_SOCKETS, value=self._open)

    async def _speak(self, websocket: WebSocket, reader: Reader, subscription: Subscription) -> None:
        """Until the client goes away, or there is a reason to close."""
        hearing = asyncio.ensure_future(websocket.receive())
        try:
            code = await self._send_all(websocket, reader, subscription, hearing)
            if code == _POLICY:
                await self._send(websocket, [error_frame(code, f"{_REASONS[code]}; all you want stands in its URL")])
        except WebSocketDisconnect:
            return
        except TimeoutError:
            code = _TOO_SLOW
        finally:
            hearing.cancel()
        if code:
            self._figures.add(STREAM_CUT, str(code))
            await _close(websocket, code)

    async def _send_all(
        self, websocket: WebSocket, reader: Reader, subscription: Subscription, hearing: asyncio.Future[Message]
    ) -> int:
        """Send what there is as it comes; the code to close with, 0 where the client went away."""
        feed, now = self._feed, asyncio.get_running_loop().time
        beat_at = now() + HEARTBEAT_S
        await self._send(websocket, [reader.hello(HEARTBEAT_S)])
        while True:
            news = feed.news
            await self._send(websocket, reader.frames())
            if hearing.done():
                return _POLICY if hearing.result()["type"] == "websocket.receive" else 0
            if self._is_closing:
                return _GOING_AWAY
            if feed.is_broken(subscription.topics):
                return _MISTAKE
            if now() >= beat_at:
                await self._send(websocket, [reader.heartbeat(feed.problems)])
                beat_at = now() + HEARTBEAT_S
            feed.want(reader)
            if reader.has_more and reader.missing_page is None:
                await asyncio.sleep(0)  # a client that takes all at once must not keep the others waiting
            else:
                until: set[asyncio.Future[Any]] = {news, hearing}
                await asyncio.wait(until, timeout=max(0.0, beat_at - now()), return_when=asyncio.FIRST_COMPLETED)

    async def _send(self, websocket: WebSocket, frames: Iterable[Frame]) -> None:
        """Send frames one by one and count them.

        Raises
        ------
        TimeoutError
            If the client does not read.
        WebSocketDisconnect
            If it is gone.
        """
        sent: Counter[str] = Counter()
        skipped = 0
        try:
            for frame in frames:
                await _send_text(websocket, frame.text)
                sent[frame.type] += 1
                skipped += frame.skipped
        finally:
            for kind, count in sent.items():
                self._figures.add(STREAM_FRAMES, kind, by=count)
            if skipped:
                self._figures.add(STREAM_SKIPPED, by=skipped)


async def _send_text(websocket: WebSocket, text: str) -> None:
    try:
        async with asyncio.timeout(STALL_S):
            await websocket.send_text(text)
    except RuntimeError as error:  # the server has closed it meanwhile: no pong, or a frame that is none
        raise WebSocketDisconnect(1006) from error


async def _close(websocket: WebSocket, code: int) -> None:
    """Close, unless the client does not even take that."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(STALL_S):
            await websocket.close(code, _REASONS[code])


def stream_routes(state: ApiState, streams: Streams, tickets: Tickets) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["stream"])
    read_subscription = subscription_reader(state)

    @router.websocket("/stream", dependencies=[Depends(known_origin), Depends(Requires(Scope.READ))])
    async def stream(websocket: WebSocket, subscription: Annotated[Subscription, Depends(read_subscription)]) -> None:
        await streams.serve(websocket, subscription)

    @router.get(
        "/stream",
        status_code=426,
        dependencies=[Depends(Requires(Scope.READ))],
        summary="Signals, books and predictions as they happen, over a WebSocket",
        response_class=Response,
    )
    async def explain_stream(subscription: Annotated[Subscription, Depends(read_subscription)]) -> Response:
        """Connect with a WebSocket; without one, this only checks the query: 426 where it is right.

        The first frame is `hello`; `signal`, `book` and `prediction` frames carry in `data` what the routes of the same
        name answer. `seq` of a signal is its place in the ledger: come back with `resume_from` and none is missed. Of a
        book and of predictions only the newest version is sent; `skipped` counts those a slow client did not get. A
        `heartbeat` comes every 15 s.
        """
        raise RefusedError(426, "this is a WebSocket", headers={"Upgrade": "websocket"})

    @router.post(
        "/stream/tickets",
        status_code=201,
        dependencies=[Depends(Requires(Scope.READ))],
        summary="A ticket with which a page in a browser may open the stream",
        response_class=Response,
    )
    async def issue_ticket() -> Response:
        """Hand it to the page: `new WebSocket(url, [subprotocol, ticket])`. It is good for a minute."""
        ticket = tickets.issue(state.clock.now_ns())
        document = {"subprotocol": SUBPROTOCOL, "ticket": ticket, "expires_in_s": TICKET_S}
        return Response(msgspec.json.encode(document), 201, media_type="application/json")

    return router
