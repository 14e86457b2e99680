"""Small markets, and a reader that does what the venue's documentation says."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import websockets

from msray.book import BookSync, L2Book, SyncLimits
from msray.market import DEPTH, SNAPSHOT, TRADE, Records
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.source import Source
from msray.simulator.synthetic import SyntheticSource
from msray.venues import Decoder, Frames, find_venue, read_exchange_info
from tests.clocks import StillClock
from tests.naive.book import NaiveBook

SYN = "binance_usdm:SYNUSDT"
SPOT = "binance_spot:SYNUSDT"
COIN = "binance_coinm:SYNUSD_PERP"
PREFIXES = {
    "binance_spot": ("api", "/api/v3"),
    "binance_usdm": ("fapi", "/fapi/v1"),
    "binance_coinm": ("dapi", "/dapi/v1"),
}

Book = dict[Decimal, Decimal]


@asynccontextmanager
async def simulating(
    source: Source | None = None, clock: StillClock | None = None, **settings: Any
) -> AsyncIterator[Simulator]:
    """A simulator that runs, by default of one made-up instrument at full speed."""
    source = source or SyntheticSource([SYN], seed=1, seconds=60)
    async with Simulator(source, SimulatorSettings(**({"speed": 0} | settings)), clock) as simulator:
        yield simulator


def socket(simulator: Simulator, path: str, **options: Any) -> websockets.connect:
    """A real client's connection to a path; it reads all that comes, and asks for no pongs of its own."""
    options = {"max_queue": None, "ping_interval": None, "compression": None} | options
    return websockets.connect(f"ws://127.0.0.1:{simulator.port}{path}", **options)


async def get(simulator: Simulator, path: str, **query: Any) -> tuple[int, Any, Any]:
    """Status, JSON and headers of a GET."""
    text = {name: str(value) for name, value in query.items()}
    async with aiohttp.ClientSession() as session, session.get(simulator.url + path, params=text) as answer:
        return answer.status, msgspec.json.decode(await answer.read()), answer.headers


def recorded(path: Path) -> Iterator[tuple[int, bytes]]:
    """Local time and JSON of a recording's lines, read as simply as possible."""
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        local, _, body = line.partition(b" ")
        yield int(local), body


def inner(body: bytes) -> bytes:
    """The ``data`` of a line in the combined form, as its bytes stand there."""
    return body[body.index(b',"data":') + len(b',"data":') : -1]


def decimals(levels: Any) -> dict[Decimal, Decimal]:
    """Levels of an answer as numbers."""
    return {Decimal(price): Decimal(size) for price, size in levels}


def naive_books(snapshot: bytes, messages: Iterable[bytes]) -> Iterator[tuple[int, NaiveBook[Decimal]]]:
    """The book after every depth message that follows a snapshot; it changes in place."""
    opening = msgspec.json.decode(snapshot)
    book: NaiveBook[Decimal] = NaiveBook()
    book.set(0, decimals(opening["bids"]).items())
    book.set(1, decimals(opening["asks"]).items())
    for message in messages:
        body = msgspec.json.decode(message)
        if body.get("e") == "depthUpdate" and body["u"] > opening["lastUpdateId"]:
            book.set(0, decimals(body["b"]).items())
            book.set(1, decimals(body["a"]).items())
            yield body["u"], book


@dataclass
class Reader:
    """A client of one instrument: streams, snapshots when ``BookSync`` wants them, again after every loss.

    ``books`` keeps the full book, as decimals, at every tenth update id that it saw, and at the last one.
    """

    simulator: Simulator
    instrument_id: str
    books: dict[int, tuple[Book, Book]] = field(default_factory=dict)
    connects: int = 0
    snapshots: int = 0
    trades: int = 0
    refused: int = 0
    is_synced_at_end: bool = False

    async def run(self) -> None:
        """Read until the simulator says that this was all."""
        venue, self.symbol = self.instrument_id.split(":")
        self.ws, self.rest = PREFIXES[venue]
        _, info, _ = await get(self.simulator, f"{self.rest}/exchangeInfo")
        instrument = read_exchange_info(msgspec.json.encode(info), venue)[self.symbol].instrument
        self.decoder = Decoder([instrument])
        limits = SyncLimits(audit_every_ns=0, retry_first_ns=10_000_000, retry_last_ns=100_000_000)
        self.sync = BookSync(instrument, find_venue(venue).rule, limits)
        self.book = L2Book(instrument)
        self.applied = 0
        while not await self._listen():
            self.connects += 1
            self._fold(self.sync.disconnected(_now_ns()))

    async def _listen(self) -> bool:
        """Read one connection to its end; True where the simulator had nothing more to say."""
        name = self.symbol.lower()
        asking: asyncio.Task[bytes] | None = None
        async with socket(
            self.simulator, f"/{self.ws}/stream?streams={name}@depth/{name}@trade", max_queue=1000
        ) as link:
            while True:
                try:
                    async with asyncio.timeout(0.005):
                        self._take(await link.recv(decode=False))
                except TimeoutError:
                    pass
                except websockets.ConnectionClosed as closed:
                    if closed.rcvd is None or closed.rcvd.code != 1000:
                        return False
                    if asking is not None:
                        self._take(await asking)
                    self.is_synced_at_end = self.sync.is_synced
                    self.books[self.sync.book_id] = (self.side(0), self.side(1))
                    return True
                if asking is None and self.sync.wants_snapshot(_now_ns()):
                    self.sync.requested(_now_ns())
                    asking = asyncio.create_task(self._snapshot())
                elif asking is not None and asking.done():
                    answer, asking = asking.result(), None
                    if answer:
                        self._take(answer)
                    else:
                        self.sync.failed(_now_ns())

    async def _snapshot(self) -> bytes:
        self.snapshots += 1
        query = {"symbol": self.symbol, "limit": "1000"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.simulator.url}{self.rest}/depth", params=query) as answer,
        ):
            return await answer.read() if answer.status == 200 else b""

    def _take(self, message: bytes) -> None:
        decoded = self.decoder.decode(Frames.of([message], _now_ns(), hint=0))
        self.refused += decoded.refusals.total()
        for records in decoded.parts:
            self._fold(self.sync.feed(records))

    def _fold(self, parts: Iterable[Records]) -> None:
        for part in parts:
            for row in part.messages:
                levels = part.levels[row["begin"] : row["end"]]
                if row["kind"] == SNAPSHOT:
                    self.book.load(levels, int(row["first_id"]))
                elif row["kind"] == DEPTH:
                    self.book.apply(levels)
                    self.applied += 1
                    if self.applied % 10 == 0:
                        self.books[int(row["last_id"])] = (self.side(0), self.side(1))
                self.trades += row["kind"] == TRADE

    def side(self, side: int) -> Book:
        """The book's levels as decimals."""
        step, unit = self.book.instrument.step, Decimal(1).scaleb(-self.book.instrument.size_decimals)
        return {int(x["tick"]) * step: int(x["size"]) * unit for x in self.book.levels(side)}


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
