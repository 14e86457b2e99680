"""One open socket: its frames are gathered while the loop does not turn, then handed on together."""

import asyncio
from collections.abc import Callable

from msray.clock import Clock
from msray.feeds.batch import FrameBatch
from msray.feeds.outlet import Outlet
from msray.feeds.websocket import Socket
from msray.prediction import Arrived
from msray.venues import Frames

GATHER_S = 0.002
"""While frames keep coming, a batch is handed on so often: what a batch costs is shared by all that it gathered. The
first after a silence does not wait."""

_MOST_HELD_BYTES = 32 << 20
_LEAVING = b"serverShutdown"


class Link:
    """Takes what a socket brings.

    Parameters
    ----------
    venue
        Whose frames these are.
    outlet
        Where batches go. While it is full, the socket is not read.
    clock
        Local time of each frame.
    seen
        Told of every batch.
    is_held
        Keep batches back until :meth:`release`.

    Attributes
    ----------
    is_leaving
        The server has said that it will go.
    is_paused
        The socket is not being read.
    renew_ns
        When to put another socket in its place, monotonic.
    """

    def __init__(
        self, venue: str, outlet: Outlet, clock: Clock, seen: Callable[[Frames], None], *, is_held: bool = False
    ) -> None:
        self.is_leaving = False
        self.is_paused = False
        self.renew_ns = 0
        self._venue = venue
        self._outlet = outlet
        self._seen = seen
        self._batch = FrameBatch(clock.now_ns)
        self._held: list[Arrived] | None = [] if is_held else None
        self._held_bytes = 0
        self._socket: Socket | None = None
        self._loop = asyncio.get_running_loop()
        self._flushed_s = -GATHER_S
        self._is_due = False

    @property
    def ended(self) -> "asyncio.Future[str]":
        """Done when the socket is; its result says why."""
        return self._open_socket.ended

    def opened(self, socket: Socket, renew_ns: int) -> None:
        """The socket is there; frames may have come before it was."""
        self._socket = socket
        self.renew_ns = renew_ns

    def take(self, payload: bytes | bytearray | memoryview) -> None:
        """One message of the socket."""
        if self._batch.add(payload):
            self.flush()
        elif not self._is_due:
            self._flush_soon()

    def flush(self) -> None:
        """Hand on what has been gathered."""
        self._is_due = False
        if not self._batch:
            return
        self._flushed_s = self._loop.time()
        self.is_leaving = self.is_leaving or self._batch.mentions(_LEAVING)
        arrived = Arrived(self._venue, self._batch.take())
        self._seen(arrived.frames)
        if self._held is not None:
            self._held.append(arrived)
            self._held_bytes += len(arrived.frames.buffer)
            if self._held_bytes >= _MOST_HELD_BYTES:
                self._pause()
            return
        self._outlet.emit(arrived)
        if self._outlet.is_full and not self.is_paused:
            self._pause()
            self._outlet.when_room(self._resume)

    def release(self) -> None:
        """Hand on what was held back, and from now on everything as it comes."""
        if self._held is None:
            return
        self.flush()
        held, self._held = self._held, None
        for arrived in held:
            self._outlet.emit(arrived)
        self._resume()

    def renew_after(self, at_ns: int) -> None:
        """No renewal before, whatever the server said."""
        self.is_leaving = False
        self.renew_ns = at_ns

    async def close(self) -> None:
        """End the socket; nothing is handed on after this."""
        self.flush()
        await self._open_socket.close()

    def _flush_soon(self) -> None:
        """When the loop turns; but soon after a batch, once so much time has gone by since."""
        self._is_due = True
        at_s = self._flushed_s + GATHER_S
        if self._loop.time() >= at_s:
            self._loop.call_soon(self.flush)
        else:
            self._loop.call_at(at_s, self.flush)

    @property
    def _open_socket(self) -> Socket:
        assert self._socket is not None
        return self._socket

    def _pause(self) -> None:
        if self._socket is not None:
            self._socket.pause()
            self.is_paused = True

    def _resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._open_socket.resume()
