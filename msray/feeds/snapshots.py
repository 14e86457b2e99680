"""Snapshots of a live market: each asked for once at a time, retried with pauses, answered in the stream."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from msray.clock import Clock
from msray.errors import FeedError, UnavailableError, UsageError
from msray.feeds.budget import SnapshotBudget
from msray.feeds.endpoints import rest_base
from msray.feeds.hints import hints
from msray.feeds.outlet import Outlet
from msray.feeds.reconnect import SECOND, Backoff
from msray.feeds.rest import BudgetGate, Gate, RestClient
from msray.market import Instrument
from msray.prediction import Arrived, Requested
from msray.venues import Frames, find_venue

ATTEMPTS = 5
"""Requests for one snapshot before it is given up; a book that still wants it asks again by itself."""
REFUSED_S = 60.0
"""Pause after the venue refused a request as such: the symbol may be gone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instrument is asked about.

    Attributes
    ----------
    client
        REST of its venue.
    symbol
        Its name there.
    hint
        Its place among those of its venue.
    """

    client: RestClient
    symbol: str
    hint: int


def places_of(
    instruments: Sequence[Instrument],
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    endpoint: str | None = None,
    gates: Mapping[str, Gate] | None = None,
) -> dict[str, Place]:
    """The place of each instrument, by its id; one client, and one gate if none is given, for each venue."""
    clients: dict[str, RestClient] = {}
    places: dict[str, Place] = {}
    for instrument, hint in zip(instruments, hints(instruments), strict=True):
        name = instrument.venue
        if name not in clients:
            venue = find_venue(name)
            gate = (gates or {}).get(name) or BudgetGate(SnapshotBudget(venue.weight_per_minute), clock)
            clients[name] = RestClient(venue, rest_base(venue, endpoint), session, gate)
        places[instrument.id] = Place(clients[name], instrument.symbol, hint)
    return places


class Snapshots:
    """Fetches snapshots on request.

    Parameters
    ----------
    places
        By instrument id.
    outlet
        Takes a ``Requested`` with every attempt, and the answer.
    clock, rng
        Time and dice.
    levels
        Levels a side to ask for, at most what the venue gives.
    """

    def __init__(
        self, places: Mapping[str, Place], outlet: Outlet, clock: Clock, rng: random.Random, *, levels: int = 1000
    ) -> None:
        if levels < 1:
            raise UsageError(f"levels of a snapshot must be at least 1, got {levels}")
        self.problems: dict[str, str] = {}
        """What went wrong at last, by instrument id; gone with the next answer."""
        self._places = places
        self._outlet = outlet
        self._clock = clock
        self._rng = rng
        self._levels = levels
        self._pending: dict[str, asyncio.Task[None]] = {}
        self._refused_until_ns: dict[str, int] = {}

    def request(self, instrument_id: str, priority: int = 0) -> None:
        """Ask for a snapshot, unless one is on its way or the venue has just refused to give any."""
        is_refused = self._clock.monotonic_ns() < self._refused_until_ns.get(instrument_id, 0)
        if instrument_id in self._pending or is_refused or self._outlet.log_problem:
            return
        task = asyncio.create_task(self._fetch(instrument_id, self._places[instrument_id], priority))
        self._pending[instrument_id] = task
        task.add_done_callback(lambda _: self._pending.pop(instrument_id, None))

    async def aclose(self) -> None:
        """Ask no more."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, instrument_id: str, place: Place, priority: int) -> None:
        client, backoff = place.client, Backoff(self._rng)
        levels = min(self._levels, client.venue.largest_snapshot)
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(backoff.next_s())
            await client.admit(place.symbol, levels, priority)
            self._outlet.emit(Requested(instrument_id, self._clock.now_ns()))
            try:
                answer = await client.snapshot(place.symbol, levels)
            except UnavailableError as error:
                self.problems[instrument_id] = str(error)
                continue
            except FeedError as error:
                self.problems[instrument_id] = str(error)
                self._refused_until_ns[instrument_id] = self._clock.monotonic_ns() + round(REFUSED_S * SECOND)
                return
            self.problems.pop(instrument_id, None)
            frames = Frames.of([answer], self._clock.now_ns(), place.hint)
            self._outlet.emit(Arrived(client.venue.name, frames))
            await self._outlet.caught_up()  # or who has not seen the answer yet would ask again
            return
