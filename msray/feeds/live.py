"""Live markets: WebSocket streams of the venues (or of a simulator), snapshots over REST."""

import asyncio
import random
from collections.abc import Mapping, Sequence

import aiohttp

from msray.clock import Clock, SystemClock
from msray.errors import UnavailableError
from msray.feeds.connection import Connection, ConnectionStatus
from msray.feeds.endpoints import plan_connections
from msray.feeds.gather import Gatherer
from msray.feeds.listings import fetch_trading
from msray.feeds.outlet import Outlet
from msray.feeds.reconnect import ConnectLimit
from msray.feeds.rest import Gate
from msray.feeds.snapshots import Place, Snapshots, places_of
from msray.market import Instrument


class WebSocketSource:
    """Depth and trades of any instruments of any venues.

    Parameters
    ----------
    endpoint
        A simulator, ``http://host:port``; None for the venues themselves.
    one_socket
        Depth and trades of a venue on one connection, where a simulator offers it.
    is_fast
        Use the fast client (``picows``).
    usual_interval_s
        What is known about the pace of the source: five times as long a silence cuts a connection, five seconds at
        least. By default the source shows its pace itself.
    snapshot_levels
        Levels a side of a snapshot, at most what the venue gives.
    gates
        By venue name: who grants REST weight; by default each process grants its own.
    clock, rng
        Time and dice.

    Raises
    ------
    UsageError
        From :meth:`run`, if the endpoint is no address.
    UnavailableError
        From :meth:`run`, if every connection has failed for good.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        one_socket: bool = False,
        is_fast: bool = False,
        usual_interval_s: float = 0.0,
        snapshot_levels: int = 1000,
        gates: Mapping[str, Gate] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._one_socket = one_socket
        self._is_fast = is_fast
        self._usual_interval_s = usual_interval_s
        self._snapshot_levels = snapshot_levels
        self._gates = gates or {}
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()
        self._connections: list[Connection] = []
        self._places: dict[str, Place] = {}
        self._snapshots: Snapshots | None = None

    @property
    def connections(self) -> list[ConnectionStatus]:
        """How each connection is doing."""
        return [connection.status for connection in self._connections]

    @property
    def snapshot_problems(self) -> dict[str, str]:
        """Why a snapshot did not come, by instrument id; empty while all is well."""
        return dict(self._snapshots.problems) if self._snapshots else {}

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        """See :meth:`msray.feeds.source.Source.run`."""
        plans = plan_connections(instruments, endpoint=self._endpoint, one_socket=self._one_socket)
        limits = {plan.venue: ConnectLimit() for plan in plans}
        gatherers = {plan.venue: Gatherer(plan.venue, outlet) for plan in plans}
        self._connections = [
            Connection(
                plan,
                gatherers[plan.venue],
                self._clock,
                self._rng,
                limits[plan.venue],
                is_fast=self._is_fast,
                usual_interval_s=self._usual_interval_s,
            )
            for plan in plans
        ]
        async with aiohttp.ClientSession(trust_env=True) as session:
            self._places = places_of(instruments, session, self._clock, endpoint=self._endpoint, gates=self._gates)
            self._snapshots = Snapshots(self._places, outlet, self._clock, self._rng, levels=self._snapshot_levels)
            tasks = [asyncio.create_task(connection.run()) for connection in self._connections]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._snapshots.aclose()
                self._places = {}
        reasons = "; ".join(f"{status.url}: {status.reason}" for status in self.connections)
        raise UnavailableError(f"no connection is left: {reasons}")

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        """See :meth:`msray.feeds.source.Source.request_snapshot`."""
        if self._snapshots is not None:
            self._snapshots.request(instrument_id, priority)

    async def trading(self, venue: str, symbols: Sequence[str]) -> set[str]:
        """Those of some symbols that their venue lists as trading; see :func:`~msray.feeds.listings.fetch_trading`."""
        for place in self._places.values():
            if place.client.venue.name == venue:
                return await fetch_trading(place.client, symbols)
        raise UnavailableError(f"{venue} is not being read")
