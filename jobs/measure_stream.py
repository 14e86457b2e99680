"""Figures of the stream: how long after its commit a signal reaches N sockets, and what a frame costs.

``python jobs/measure_stream.py [--json] [--sockets N]`` serves a new ledger on a loopback port in a process of its own
(about half a minute).

A delay is counted from the moment the ledger stamps the signal (``created_ns``), which is before the commit, to its
arrival at the client, so it holds the commit too. Server and clients share the machine's cores and its clock.
"""

import asyncio
import contextlib
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import msgspec
from figures import Figure, arguments, report
from websockets.asyncio.client import ClientConnection, connect

from msray.api.config import ApiConfig
from msray.api.server import APIServer

SIGNALS = 100
EVERY_S = 0.05
BURST = 1000


class _Data(msgspec.Struct):
    created_ns: int


class _Frame(msgspec.Struct):
    type: str
    data: _Data | None = None


_decode = msgspec.json.Decoder(_Frame).decode


def serve(ledger: str, link: Connection) -> None:
    """The server process; sends its URL, then its CPU seconds whenever it is asked."""

    async def run() -> None:
        server = APIServer(ApiConfig(port=0, ledger_url=ledger))
        loop = asyncio.get_running_loop()
        loop.add_reader(link.fileno(), lambda: link.send(time.process_time()) if link.recv() else server.stop())
        await server.serve(link.send)

    asyncio.run(run())


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, Connection]]:
    """A server, its URL, and a line to ask it for its CPU time."""
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(str(Path(folder) / "ledger.db"), there)
        )
        process.start()
        try:
            yield here.recv(), here
        finally:
            here.send(False)
            process.join()


async def listen(link: ClientConnection, count: int) -> list[float]:
    """Seconds from stamp to arrival, of so many signals."""
    delays = []
    while len(delays) < count:
        frame = _decode(await link.recv())
        if frame.data is not None:
            delays.append((time.time_ns() - frame.data.created_ns) / 1e9)
    return delays


async def post(url: str, count: int, every_s: float, seed: int) -> None:
    """Signals one by one, at random moments."""
    rng = random.Random(seed)
    async with httpx.AsyncClient() as client:
        for number in range(count):
            await asyncio.sleep(rng.uniform(0, 2 * every_s))
            document = {"symbol": "BTCUSDT", "signal_type": "spread", "score": number / count}
            (await client.post(f"{url}/api/v1/signals", json=document)).raise_for_status()


async def post_burst(url: str) -> None:
    """A whole batch in one request."""
    signals = [{"symbol": "BTCUSDT", "signal_type": "burst", "score": number / BURST} for number in range(BURST)]
    async with httpx.AsyncClient() as client:
        (await client.post(f"{url}/api/v1/signals", json={"signals": signals})).raise_for_status()


async def measure(url: str, line: Connection, sockets: int) -> list[Figure]:
    """All figures for so many sockets."""

    def cpu_s() -> float:
        line.send(True)
        return float(line.recv())

    address = f"{url.replace('http', 'ws', 1)}/api/v1/stream"
    async with contextlib.AsyncExitStack() as stack:
        links = [await stack.enter_async_context(connect(address)) for _ in range(sockets)]
        idle_from = cpu_s()
        await asyncio.sleep(2)
        idle = (cpu_s() - idle_from) / 2
        listening = [asyncio.create_task(listen(link, SIGNALS)) for link in links]
        await post(url, SIGNALS, EVERY_S, seed=1)
        delays = sorted(delay for those in await asyncio.gather(*listening) for delay in those)
        listening = [asyncio.create_task(listen(link, BURST)) for link in links]
        burst_from, started = cpu_s(), time.monotonic()
        await post_burst(url)
        await asyncio.gather(*listening)
        burst_s, burst_cpu = time.monotonic() - started, cpu_s() - burst_from
    how = f"{sockets} sockets, {SIGNALS} POSTs at random, one every {EVERY_S * 1e3:g} ms (seed 1), SQLite, one machine"
    burst = f"{sockets} sockets, one POST of {BURST} signals, from the POST to the last frame at the last socket"
    return [
        Figure(name=f"delay p50, {sockets} sockets", value=statistics.median(delays) * 1e3, unit="ms", how=how),
        Figure(name=f"delay p95, {sockets} sockets", value=delays[len(delays) * 95 // 100] * 1e3, unit="ms", how=how),
        Figure(name=f"delay max, {sockets} sockets", value=delays[-1] * 1e3, unit="ms", how=how),
        Figure(name=f"burst, {sockets} sockets", value=burst_s, unit="s", how=burst),
        Figure(
            name=f"server CPU a frame, {sockets} sockets",
            value=burst_cpu / (BURST * sockets) * 1e6,
            unit="us",
            how=f"{burst}; the POST's own cost is in it",
        ),
        Figure(name=f"server CPU idle, {sockets} sockets", value=idle * 100, unit="%", how="nothing to send, 2 s"),
    ]


def main() -> int:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sockets", type=int, nargs="*", default=[1, 50, 200], help="sockets at once")
    options = parser.parse_args()
    figures: list[Figure] = []
    for sockets in options.sockets:
        with serving() as (url, line):
            figures += asyncio.run(measure(url, line, sockets))
    return report(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
