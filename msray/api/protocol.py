"""HTTP/1.1 on a socket that is not trusted: heads are bounded and everything has to arrive in time.

uvicorn's own parser takes heads of any size at any pace, so both limits sit here, below the application.
"""

import asyncio
import http
import socket
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from msray.api.envelope import MAX_HEADERS, MAX_URI
from msray.api.problem import MEDIA_TYPE, RefusedError

REQUEST_S = 15.0
"""Seconds from the first byte of a request (or from the connection) to its last."""
_LINGER_S = 1.0
_CLOSE_S = 2.0
"""Seconds that a client has for its last frames and its goodbye."""
_MAX_UNSENT = 16 * 1024
_MAX_HEAD = MAX_URI + MAX_HEADERS
_MAX_REQUEST = 32 * 1024 * 1024
"""Bytes of a request, most of them dropped: larger than any body, so that a client who sends too much is told."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits.

    A head that is too large by a little is refused by the application (``envelope``), which knows its parts; one that
    would not end is refused here, after what was read at once and ``MAX_URI + MAX_HEADERS`` more.
    """

    def __init__(self, *arguments: Any, **words: Any) -> None:
        super().__init__(*arguments, **words)
        self._is_reading_head = False
        self._is_refused = False
        self._head_bytes = 0
        self._bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless this connection was refused: what still comes is dropped."""
        if self._is_refused:
            return
        was_reading_head = self._is_reading_head
        super().data_received(data)
        if was_reading_head and self._is_reading_head and not self._is_refused:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD:
                self._refuse(414 if not self.headers and len(self.url) > MAX_URI else 431, "the head is too large")
        self._bytes += len(data)
        if self._bytes > _MAX_REQUEST:
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_reading_head = True
        self._head_bytes = self._bytes = 0
        self._start_clock()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what follows a chunked body (trailers) is dropped."""
        if self._is_reading_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._is_reading_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._stop_clock()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol keeps the time."""
        self._stop_clock()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, "this is not HTTP/1.1")

    def _refuse(self, status: int, detail: str) -> None:
        """Answer without the application, and read on for a moment: closing at once would take the answer back."""
        self._is_refused = True
        self._stop_clock()
        if self.transport.is_closing():
            return
        self.transport.write(_answer(status, detail))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.close)

    def _start_clock(self) -> None:
        self._stop_clock()
        self._deadline = self.loop.call_later(REQUEST_S, self._too_slow)

    def _stop_clock(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._is_reading_head:
            self._refuse(408, f"a request must arrive within {REQUEST_S:.0f} s")
        else:
            self.transport.close()


class LimitedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, which keeps little for a client that is slow, and nothing for one that is gone."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Keep the kernel from taking megabytes that nobody reads: what waits there can no longer be left out."""
        super().connection_made(transport)
        self.close_timeout = _CLOSE_S
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT)

    def data_received(self, data: bytes) -> None:
        """Parse; a handshake that is none (a body, a head of its own limits) is answered and not just left there."""
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_answer(400, "this is not the handshake of a WebSocket"))
            self.transport.close()

    async def send(self, message: Any) -> None:
        """Send; a refusal is an answer too, which uvicorn would log as a mistake of the application."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done; what the client does not take by now it will not take."""
        super().on_task_complete(task)
        self._abort_after(self.close_timeout)

    def shutdown(self) -> None:
        """The server stops."""
        super().shutdown()
        self._abort_after(_LINGER_S)

    def _abort_after(self, seconds: float) -> None:
        self.loop.call_later(seconds, self.transport.abort)


def _answer(status: int, detail: str) -> bytes:
    """A whole response, for what never reaches the application."""
    body = bytes(RefusedError(status, detail).response().body)
    head = f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
    head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body
