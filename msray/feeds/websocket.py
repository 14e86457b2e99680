"""One WebSocket connection: messages are pushed out as they are parsed, no coroutine a message.

This is the client that is always there, ``websockets``; ``websocket_fast.py`` is another behind the same interface.
Pushing costs a third less than ``recv`` (3.1 for 4.5 us of CPU a message of a busy USD-M stream, on one core).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode

from msray.errors import UsageError

MOST_FRAME_BYTES = 1 << 20
"""A longer message closes the connection with 1009; no decoder takes it."""
PING_S = 20.0
OPEN_S = 10.0
CLOSE_S = 1.0

Take = Callable[[bytes | bytearray | memoryview], None]


class Socket(Protocol):
    """An open connection."""

    ended: asyncio.Future[str]
    """Done when the connection is over; its result says why."""

    async def close(self) -> None:
        """End it; no frame comes after this returns."""
        ...

    def pause(self) -> None:
        """Read nothing until :meth:`resume`: the sender has to wait."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...


@dataclass(frozen=True, slots=True)
class Refused:
    """No connection came about.

    Attributes
    ----------
    reason
        In words.
    retry_after_s
        What the server asked for, or None.
    is_fatal
        Trying again is of no use: the server's certificate does not verify.
    """

    reason: str
    retry_after_s: float | None = None
    is_fatal: bool = False


class _Connection(ClientConnection):
    """Hands complete messages to ``take`` in the call that parsed them, in place of queueing them for ``recv``."""

    take: Take
    fragments: list[bytes]

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode <= Opcode.BINARY:
            if event.fin and event.opcode is not Opcode.CONT:
                self.take(event.data)
            else:
                self._fragment(event)
        else:
            super().process_event(event)

    def _fragment(self, frame: Frame) -> None:
        self.fragments.append(bytes(frame.data))
        if frame.fin:
            whole = b"".join(self.fragments)
            self.fragments = []
            self.take(whole)


class _PlainSocket:
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.ended: asyncio.Future[str] = asyncio.ensure_future(self._wait())

    async def _wait(self) -> str:
        await self._connection.wait_closed()
        code, reason = self._connection.close_code, self._connection.close_reason
        return f"closed with {code} {reason}".rstrip() if code else "closed"

    async def close(self) -> None:
        self._connection.take = drop
        self.resume()
        await self._connection.close()
        await self.ended

    def pause(self) -> None:
        self._connection.transport.pause_reading()

    def resume(self) -> None:
        self._connection.transport.resume_reading()


async def open_plain(url: str, take: Take) -> Socket | Refused:
    """Connect with ``websockets``; see :func:`msray.feeds.dial.dial`."""

    def made(*args: Any, **options: Any) -> _Connection:
        connection = _Connection(*args, **options)
        connection.take, connection.fragments = take, []
        return connection

    try:
        connection = await connect(
            url,
            compression=None,
            create_connection=made,  # type: ignore[arg-type]
            max_size=MOST_FRAME_BYTES,
            max_queue=None,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
        )
    except InvalidURI as error:
        raise UsageError(f"endpoint must be a ws:// or wss:// address, got {url!r}") from error
    except InvalidStatus as error:
        return refused(error.response.status_code, error.response.headers.get("Retry-After", ""))
    except WebSocketException as error:
        return Refused(f"handshake failed: {error}")
    assert isinstance(connection, _Connection)
    return _PlainSocket(connection)


def refused(status: int, retry_after: str) -> Refused:
    """What an HTTP answer in place of the upgrade means."""
    return Refused(f"server answers {status}", float(retry_after) if retry_after.isdecimal() else None)


def drop(payload: bytes | bytearray | memoryview) -> None:
    """Take no notice."""
