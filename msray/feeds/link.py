"""One open socket: its frames go to what gathers those of the venue, or are held until another socket has ended."""

import asyncio
from collections.abc import Callable

from msray.feeds.gather import Gatherer
from msray.feeds.websocket import Socket

_MOST_HELD_BYTES = 32 << 20
_LEAVING, _SHORT = b"serverShutdown", 100
"""What a server says before it goes, and the bytes of no longer a frame."""


class Link:
    """Takes what a socket brings.

    Parameters
    ----------
    gatherer
        Where frames go. While its outlet is full, the socket is not read.
    now_ns
        Local time, read once a frame.
    seen
        Told how many frames have been handed on since it was told last.
    is_held
        Keep frames back until :meth:`release`.

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
        self, gatherer: Gatherer, now_ns: Callable[[], int], seen: Callable[[int], None], *, is_held: bool = False
    ) -> None:
        self.is_leaving = False
        self.is_paused = False
        self.renew_ns = 0
        self._gatherer = gatherer
        self._now_ns = now_ns
        self._seen = seen
        self._fresh = 0
        self._held: list[tuple[bytes, int]] | None = [] if is_held else None
        self._held_bytes = 0
        self._socket: Socket | None = None

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
        data = bytes(payload)
        if len(data) <= _SHORT and _LEAVING in data:
            self.is_leaving = True
        if self._held is not None:
            self._hold(self._held, data)
            return
        if not self._fresh:
            self._gatherer.tell(self._handed_on)
        self._fresh += 1
        self._gatherer.add(data, self._now_ns())

    def release(self) -> None:
        """Hand on what was held back, and from now on everything as it comes."""
        if self._held is None:
            return
        self._resume()
        held, self._held = self._held, None
        self._fresh = len(held)
        if held:
            self._gatherer.tell(self._handed_on)
        for data, local_ns in held:
            self._gatherer.add(data, local_ns)

    def renew_after(self, at_ns: int) -> None:
        """No renewal before, whatever the server said."""
        self.is_leaving = False
        self.renew_ns = at_ns

    async def close(self) -> None:
        """End the socket; nothing is handed on after this."""
        self._gatherer.flush()
        await self._open_socket.close()

    @property
    def _open_socket(self) -> Socket:
        assert self._socket is not None
        return self._socket

    def _hold(self, held: list[tuple[bytes, int]], data: bytes) -> None:
        held.append((data, self._now_ns()))
        self._held_bytes += len(data)
        if self._held_bytes >= _MOST_HELD_BYTES:
            self._pause()

    def _handed_on(self) -> None:
        self._seen(self._fresh)
        self._fresh = 0
        if self._gatherer.outlet.is_full and not self.is_paused:
            self._pause()
            self._gatherer.outlet.when_room(self._resume)

    def _pause(self) -> None:
        if self._socket is not None:
            self._socket.pause()
            self.is_paused = True

    def _resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._open_socket.resume()
