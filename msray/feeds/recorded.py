"""Something recorded as a source, at its own pace or another, in place of a market."""

from collections.abc import Sequence

from msray.clock import Clock, SystemClock
from msray.errors import UsageError
from msray.feeds.outlet import Outlet
from msray.feeds.pace import Pace
from msray.feeds.replay import Replay, grain_of
from msray.feeds.time_order import event_ns
from msray.market import Instrument


class RecordedSource:
    """The events of a raw log or of recordings.

    Parameters
    ----------
    replay
        What to stream; the instruments of the stream are to be its instruments.
    speed
        Recorded seconds a second; None: as fast as it is taken.
    clock
        Paces.
    """

    def __init__(self, replay: Replay, *, speed: float | None = None, clock: Clock | None = None) -> None:
        self._replay = replay
        self._speed = speed
        self._clock = clock or SystemClock()

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        """See :meth:`msray.feeds.source.Source.run`."""
        if tuple(instruments) != self._replay.instruments:
            raise UsageError("instruments of a recorded stream must be those of its recording, in their order")
        pace = None if self._speed is None else Pace(self._speed)
        for event in self._replay.events(grain_ns=grain_of(self._speed)):
            wait_s = pace.wait_s(event_ns(event), self._clock.monotonic_ns()) if pace else 0.0
            await self._clock.sleep(wait_s)
            await outlet.room()
            outlet.emit(event)

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        """Nothing to do: what was recorded is all there is."""
