"""A market that is only asked over REST: a snapshot of each instrument every so often."""

import random
from collections.abc import Mapping, Sequence

import aiohttp

from msray.clock import Clock, SystemClock
from msray.errors import UsageError
from msray.feeds.outlet import Outlet
from msray.feeds.rest import Gate
from msray.feeds.snapshots import Snapshots, places_of
from msray.market import Instrument


class PolledSource:
    """Depth snapshots, for places without WebSocket.

    Parameters
    ----------
    every_s
        Pause between two snapshots of an instrument.
    endpoint
        A simulator, ``http://host:port``; None for the venues themselves.
    levels
        Levels a side, at most what the venue gives.
    gates
        By venue name: who grants REST weight; by default each process grants its own.
    clock, rng
        Time and dice.
    """

    def __init__(
        self,
        every_s: float,
        endpoint: str | None = None,
        *,
        levels: int = 100,
        gates: Mapping[str, Gate] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not 0.1 <= every_s <= 86_400.0:
            raise UsageError(f"every_s must be 0.1 to 86400 seconds, got {every_s}")
        self._every_s = every_s
        self._endpoint = endpoint
        self._levels = levels
        self._gates = gates
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        """See :meth:`msray.feeds.source.Source.run`."""
        async with aiohttp.ClientSession(trust_env=True) as session:
            places = places_of(instruments, session, self._clock, endpoint=self._endpoint, gates=self._gates)
            snapshots = Snapshots(places, outlet, self._clock, self._rng, levels=self._levels)
            try:
                while True:
                    for instrument in instruments:
                        snapshots.request(instrument.id)
                    await self._clock.sleep(self._every_s)
            finally:
                await snapshots.aclose()

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        """Nothing to do: the next one comes by itself."""
