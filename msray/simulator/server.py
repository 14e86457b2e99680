"""``Simulator``: Binance's three markets on one port, from a recording or a made-up market."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType

from aiohttp import WSCloseCode, web

from msray.clock import Clock, SystemClock
from msray.errors import UnavailableError, UsageError
from msray.simulator.books import HISTORY
from msray.simulator.exchange import Listing, warm_up
from msray.simulator.faults import FaultPlan, FaultSchedule
from msray.simulator.oracle import Oracle
from msray.simulator.player import Player
from msray.simulator.rest import MarketApi
from msray.simulator.sockets import SocketLimits, Sockets, stream_paths
from msray.simulator.source import Source
from msray.simulator.streams import Channel, Hub, Topic
from msray.venues import VENUES, find_venue

_KEEP_S = 0.1
_OWING_TURNS = 20
_LONGEST_LINE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """How a simulator behaves.

    Attributes
    ----------
    host, port
        Where it listens; port 0 takes a free one.
    speed
        Market seconds a second; 0: as fast as the slowest reader follows.
    seed, faults
        What goes wrong on the way to the readers.
    waits
        Whether the market waits until every instrument has readers of its depth and its trades.
    one_socket
        Whether ``/public`` and ``/market`` carry every stream.
    history
        Depth messages that ``/oracle/book`` and stale snapshots reach back.
    sockets
        What connections live with.
    """

    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 1.0
    seed: int = 0
    faults: FaultPlan = field(default_factory=FaultPlan)
    waits: bool = True
    one_socket: bool = False
    history: int = HISTORY
    sockets: SocketLimits = field(default_factory=SocketLimits)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"port must be 0 to 65535, got {self.port}")
        if not 0 <= self.speed <= 1e6:
            raise UsageError(f"speed must be 0 (as fast as readers follow) to 1,000,000, got {self.speed}")
        if self.history < 1:
            raise UsageError(f"history must be at least 1, got {self.history}")


class Simulator:
    """A venue on loopback.

    Parameters
    ----------
    source
        What happens at the venue.
    settings
        How it behaves.
    clock
        Tells the time.

    Raises
    ------
    FeedError
        If the opening snapshot of an instrument cannot be read.
    UnknownNameError
        If a planned fault names an instrument that is not there.
    """

    def __init__(self, source: Source, settings: SimulatorSettings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self._settings = settings
        self.listings = [
            Listing(listed, find_venue(listed.instrument.venue).rule, settings.history) for listed in source.listed
        ]
        ids = [listing.instrument.id for listing in self.listings]
        self.hub = Hub(ids, self._joined)
        self.faults = FaultSchedule(settings.faults, settings.seed, ids)
        self.player = Player(
            source, self.listings, self.hub, self.faults, speed=settings.speed, waits=settings.waits, clock=clock
        )
        self.oracle = Oracle(self.listings, source, self.player, self.hub, self.faults)
        self._sockets = Sockets(self.hub, settings.sockets, clock)
        self._markets = [
            MarketApi(venue, self._listed_at(venue.name), source, self.faults, lambda: self.player.market_s, clock)
            for venue in VENUES.values()
        ]
        self._runner: web.AppRunner | None = None
        self._playing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._runner is None:
            raise UsageError("port is known once the simulator has started")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """Its address; the WebSocket side is the same with ``ws``."""
        return f"http://{self._settings.host}:{self.port}"

    async def start(self) -> None:
        """Listen, and begin to play.

        Raises
        ------
        UnavailableError
            If the port is taken or the host is not ours.
        """
        warm_up()
        app = web.Application()
        self._sockets.add_routes(app.router, stream_paths(one_socket=self._settings.one_socket))
        self.oracle.add_routes(app.router)
        for market in self._markets:
            market.add_routes(app.router)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0, max_line_size=_LONGEST_LINE
        )
        await self._runner.setup()
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise UnavailableError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._playing = asyncio.create_task(self.player.run())
        self._keeping = asyncio.create_task(self._keep())

    async def played(self) -> None:
        """Wait until everything has been sent; raises what broke the playing."""
        assert self._playing is not None
        await asyncio.shield(self._playing)

    async def drain(self) -> None:
        """Let every reader fetch its snapshot and take what was sent to it, then close it (1000, ``end of data``)."""
        for _ in range(_OWING_TURNS):
            if not any(listing.owes_snapshots for listing in self.listings):
                break
            await asyncio.sleep(_KEEP_S)
        await asyncio.sleep(_KEEP_S)  # an answer on its way should come before the goodbye
        await self._sockets.close_all(WSCloseCode.OK, "end of data")

    async def stop(self) -> None:
        """Close everything; readers that have something to read get a second for it."""
        for task in (self._playing, self._keeping):
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, (self._playing, self._keeping)), return_exceptions=True)
        await self._sockets.close_all(WSCloseCode.GOING_AWAY, "server shutdown", within_s=1.0)
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> "Simulator":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _keep(self) -> None:
        while True:
            self._sockets.keep()
            await asyncio.sleep(_KEEP_S)

    def _joined(self, topic: Topic) -> None:
        """A reader that comes after the first message needs a book as it is then."""
        if self.player.is_started and topic.channel is Channel.DEPTH:
            self._listing(topic.instrument).disturb()

    def _listing(self, instrument: str) -> Listing:
        return next(listing for listing in self.listings if listing.instrument.id == instrument)

    def _listed_at(self, venue: str) -> list[Listing]:
        return [listing for listing in self.listings if listing.instrument.venue == venue]
