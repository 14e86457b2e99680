"""``DataStreamer``: one async iterator of log events, whatever they come from."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from msray.clock import Clock, SystemClock
from msray.errors import UnavailableError
from msray.feeds.outlet import Idle, Outlet
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.source import Source
from msray.market import Instrument
from msray.prediction import Disconnected, Dropping, LogEvent, ModelChanged

IDLE_S = 0.2
SYNC_S = 1.0


class DataStreamer:
    """Events of some instruments in the one order in which a pipeline, and the raw log, get them.

    Parameters
    ----------
    instruments
        All of them, in the order in which the pipeline numbers them.
    source
        Where they come from: :class:`~msray.feeds.live.WebSocketSource`, :class:`~msray.feeds.polled.PolledSource`,
        :class:`~msray.feeds.synthetic.SyntheticSource`, :class:`~msray.feeds.recorded.RecordedSource`.
    raw_log
        Gets every event before the iterator yields it. The streamer brings it to the disk every second and closes it.
    clock
        Time.

    Notes
    -----
    Iteration yields a ``Disconnected`` for all instruments first (nothing is known yet), then what comes, and an
    :class:`~msray.feeds.outlet.Idle` where nothing did for a fifth of a second. It ends when the source does, and
    raises what the source raised.

    Examples
    --------
    ::

        async with DataStreamer(instruments, WebSocketSource()) as stream:
            async for event in stream:
                if not isinstance(event, Idle):
                    signals = pipeline.apply(event)
                for instrument_id in pipeline.wants_snapshots(clock.now_ns()):
                    stream.request_snapshot(instrument_id)
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        source: Source,
        *,
        raw_log: RawLogWriter | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.instruments = tuple(instruments)
        self.source = source
        self._clock = clock or SystemClock()
        self._raw_log = raw_log
        self._outlet = Outlet([instrument.id for instrument in instruments], self._clock, raw_log)
        self._news = asyncio.Event()
        self._outlet.on_event(self._news.set)
        self._runner: asyncio.Task[None] | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._is_closed = False

    @property
    def log_problem(self) -> str:
        """Why the raw log takes no events now (none are yielded meanwhile); empty while it does."""
        return self._outlet.log_problem

    @property
    def dropped(self) -> int:
        """Events that the raw log refused, and that were not yielded therefore."""
        return self._outlet.dropped

    def request_snapshot(self, instrument_id: str, priority: int = 0) -> None:
        """Have a snapshot come, if the source has any; asking again before it came changes nothing.

        Parameters
        ----------
        instrument_id
            Whose.
        priority
            Who goes first while weight is short: higher.
        """
        self.source.request_snapshot(instrument_id, priority)

    def note(self, event: ModelChanged | Dropping) -> bool:
        """Have something that no source says take its place in the log and in the stream.

        False where the log refuses it, or the stream is closed.
        """
        if self._is_closed:
            return False
        dropped = self._outlet.dropped
        self._outlet.emit(event)
        return self._outlet.dropped == dropped

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LogEvent | Idle:
        if self._runner is None:
            self._start()
        elif len(self._outlet):
            await asyncio.sleep(0)  # let sockets be read between two events of a backlog
        while not len(self._outlet):
            if self._runner is not None and self._runner.done():
                if not self._runner.cancelled():
                    self._runner.result()
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._outlet.take()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all connections and close the raw log. What came before is in it, and can still be iterated over."""
        self._is_closed = True
        tasks = [*self._keepers, *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._raw_log is not None:
            await asyncio.to_thread(self._raw_log.close)

    def _start(self) -> None:
        self._outlet.emit(Disconnected(tuple(one.id for one in self.instruments), self._clock.now_ns()))
        self._runner = asyncio.create_task(self.source.run(self.instruments, self._outlet))
        self._runner.add_done_callback(lambda _: self._news.set())
        self._keepers = [asyncio.create_task(self._tick())]
        if self._raw_log is not None:
            self._keepers.append(asyncio.create_task(self._keep(self._raw_log)))

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(IDLE_S)
            self._outlet.idle()

    async def _keep(self, raw_log: RawLogWriter) -> None:
        while True:
            await self._clock.sleep(SYNC_S)
            try:
                await asyncio.to_thread(raw_log.sync)
            except UnavailableError as error:
                self._outlet.lose_log(str(error))
