"""Where all sources of a stream put their events: logged first, then queued in the same order, bounded."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msray.clock import Clock
from msray.errors import UnavailableError
from msray.feeds.raw_log import RawLogWriter
from msray.prediction import Arrived, Disconnected, LogEvent, Replayed

MOST_EVENTS = 4_096
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing came for a while: a moment to ask a pipeline what it wants. Not part of the log.

    Attributes
    ----------
    local_ns
        Now, nanoseconds UTC.
    """

    local_ns: int


class Outlet:
    """The one queue between sources and whoever iterates the stream.

    What cannot be logged is not delivered: signals are a fold of the log, so a pipeline may not know more than the log
    does. The first event that the log refuses (a full disk) becomes a ``Disconnected`` for all instruments, and events
    are dropped and counted until the log takes one again, which has a logged ``Disconnected`` before it. Live and in a
    replay of the log, books are lost at the same message.

    Parameters
    ----------
    instruments
        Ids of all instruments.
    clock
        Local time.
    log
        Where events are written first; with None they are queued only, and none is ever refused.
    """

    def __init__(self, instruments: Sequence[str], clock: Clock, log: RawLogWriter | None = None) -> None:
        self.dropped = 0
        """Events that the log refused."""
        self.log_problem = ""
        """Why the log refuses events now; empty while it takes them."""
        self._instruments = tuple(instruments)
        self._clock = clock
        self._log = log
        self._queue: deque[LogEvent | Idle] = deque()
        self._bytes = 0
        self._taken = 0
        self._waiting_for_room: list[Callable[[], None]] = []
        self._waiting_for_turn: deque[tuple[int, asyncio.Event]] = deque()
        self._wake: Callable[[], None] = _nobody

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether sources should stop reading until :meth:`when_room` calls them."""
        return self._bytes >= MOST_BYTES or len(self._queue) >= MOST_EVENTS

    def on_event(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called whenever something is queued."""
        self._wake = wake

    def when_room(self, resume: Callable[[], None]) -> None:
        """Have ``resume`` called once, as soon as half of a full queue is gone."""
        self._waiting_for_room.append(resume)

    async def room(self) -> None:
        """Wait while the queue is full."""
        if self.is_full:
            room = asyncio.Event()
            self.when_room(room.set)
            await room.wait()

    async def caught_up(self) -> None:
        """Wait until everything that is queued now has been taken."""
        if self._queue:
            turn = asyncio.Event()
            self._waiting_for_turn.append((self._taken + len(self._queue), turn))
            await turn.wait()

    def emit(self, event: LogEvent) -> None:
        """Log and queue an event; never waits."""
        if self._log is not None and not self._logged(self._log, event):
            self.dropped += 1
            return
        self._put(event)

    def idle(self) -> None:
        """Queue an :class:`Idle`, unless something is waiting anyway."""
        if not self._queue:
            self._put(Idle(self._clock.now_ns()))

    def take(self) -> LogEvent | Idle:
        """The oldest event queued; there must be one."""
        event = self._queue.popleft()
        self._bytes -= _size(event)
        self._taken += 1
        while self._waiting_for_turn and self._waiting_for_turn[0][0] <= self._taken:
            self._waiting_for_turn.popleft()[1].set()
        if self._waiting_for_room and self._bytes * 2 <= MOST_BYTES and len(self._queue) * 2 <= MOST_EVENTS:
            waiting, self._waiting_for_room = self._waiting_for_room, []
            for resume in waiting:
                resume()
        return event

    def lose_log(self, problem: str) -> None:
        """The log may have lost what it had taken (its disk failed): start over as after a refused event."""
        if not self.log_problem:
            self._put(self._everything_lost())
        self.log_problem = problem

    def _logged(self, log: RawLogWriter, event: LogEvent) -> bool:
        try:
            if self.log_problem:
                lost = self._everything_lost()
                log.append(lost)
                self._put(lost)
                self.log_problem = ""
            log.append(event)
        except UnavailableError as error:
            self.lose_log(str(error))
            return False
        return True

    def _everything_lost(self) -> Disconnected:
        return Disconnected(self._instruments, self._clock.now_ns())

    def _put(self, event: LogEvent | Idle) -> None:
        self._queue.append(event)
        self._bytes += _size(event)
        self._wake()


def _size(event: LogEvent | Idle) -> int:
    if isinstance(event, Replayed):
        return int(event.records.messages.nbytes)
    if not isinstance(event, Arrived) or not len(event.frames):
        return 0
    return int(event.frames.end[-1] - event.frames.begin[0])


def _nobody() -> None:
    pass
