"""A shard, and a client that does nothing, on the same simulated stream, and on the loop that Ray gives its actors."""

import asyncio
import contextlib
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop

from msray.cli.http import get_json
from msray.detectors import Calibration
from msray.feeds.endpoints import plan_connections
from msray.feeds.listings import fetch_listings
from msray.feeds.websocket import Refused, Socket, Take, open_plain
from msray.feeds.websocket_fast import open_fast
from msray.on_ray.feed_shard import FeedShard
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.shard_report import ShardUpdate
from msray.prediction import CalibrationConfig, DetectionConfig
from msray.store.ledger_records import Batch, Receipt

WITHOUT_CALIBRATION = DetectionConfig(calibration=CalibrationConfig(bars=100_000))


class _NoLedger:
    """Grants everything and keeps nothing: the ledger has its own figures."""

    async def store(self, batch: Batch) -> Receipt:
        return Receipt(stored=())

    async def lease(self, instruments: Sequence[str], holder: str, for_s: float) -> dict[str, int]:
        return dict.fromkeys(instruments, 1)

    async def renew(self, epochs: Mapping[str, int], for_s: float) -> None:
        """Nothing to hold."""

    async def calibrations(self, instruments: Sequence[str]) -> dict[str, str]:
        return {}

    def keep_calibration(self, calibration: Calibration) -> None:
        """Nothing is kept."""


async def _drop(update: ShardUpdate) -> None:
    """Nobody looks."""


def shard_cpu(url: str, is_fast: bool) -> float:
    """Depth messages a CPU second of a shard."""
    return uvloop.run(_shard_cpu(url, is_fast))


async def _shard_cpu(url: str, is_fast: bool) -> float:
    async with _shard(url, one_socket=True, is_fast=is_fast, usual_interval_s=60.0) as shard:
        return await _rate(url, lambda: sum(int(one.quality["depth_messages"] or 0) for one in shard.snapshots()))


def longest_turns_ms(url: str, seconds: float) -> list[float]:
    """CPU time of each callback of the loop of a shard of everything, longest first, its start left out.

    On asyncio's own loop, whose callbacks can be timed one by one.
    """
    return sorted(asyncio.run(_turns_ms(url, seconds)), reverse=True)


async def _turns_ms(url: str, seconds: float) -> list[float]:
    found: list[float] = []
    run = asyncio.Handle._run  # type: ignore[attr-defined]

    def timed(handle: asyncio.Handle) -> None:
        before = time.thread_time()
        run(handle)
        found.append((time.thread_time() - before) * 1e3)

    async with _shard(url):
        gc.freeze()  # as a host does
        asyncio.Handle._run = timed  # type: ignore[attr-defined]
        await asyncio.sleep(seconds)
        asyncio.Handle._run = run  # type: ignore[attr-defined]
        return found


def socket_cpu(url: str, is_fast: bool) -> float:
    """Depth messages a CPU second of a client that only takes frames off the socket, as the shard does."""
    return uvloop.run(_socket_cpu(url, open_fast if is_fast else open_plain))


async def _socket_cpu(url: str, open_socket: Callable[[str, Take], Awaitable[Socket | Refused]]) -> float:
    listings = await fetch_listings(_names(url), endpoint=url)
    count = 0

    def take(payload: bytes | bytearray | memoryview) -> None:
        nonlocal count
        count += b"depthUpdate" in bytes(payload[:100])

    for plan in plan_connections(listings.instruments, endpoint=url, one_socket=True):
        await open_socket(plan.url, take)
    while not count:
        await asyncio.sleep(0.02)
    return await _rate(url, lambda: count)


async def _rate(url: str, count: Callable[[], int]) -> float:
    """How many come a CPU second, from now until the simulator has sent all."""
    first, cpu_s = count(), time.process_time()
    gc.disable()
    seen, idle_s = first, cpu_s
    while True:
        await asyncio.sleep(0.2)
        now = count()
        if now == seen and (await asyncio.to_thread(_status, url))["state"] == "done":
            break
        seen, idle_s = now, time.process_time()
    sys.stderr.write(f"{seen - first} messages in {idle_s - cpu_s:.2f} s\n")
    return (seen - first) / (idle_s - cpu_s)


@contextlib.asynccontextmanager
async def _shard(
    url: str, *, one_socket: bool = False, is_fast: bool = False, usual_interval_s: float = 0.0
) -> AsyncIterator[FeedShard]:
    """A shard of every instrument there is, its books synced."""
    listings = await fetch_listings(_names(url), endpoint=url)
    with tempfile.TemporaryDirectory() as folder:
        plan = ShardPlan(
            name="measured",
            instruments=listings.instruments,
            detection=WITHOUT_CALIBRATION,
            endpoint=url,
            one_socket=one_socket,
            is_fast=is_fast,
            usual_interval_s=usual_interval_s,
            raw_log=Path(folder),
        )
        shard = FeedShard(plan, _NoLedger(), _drop)
        running = asyncio.create_task(shard.run())
        while len(plan.ids) != sum(one.state == "synced" for one in shard.snapshots()):
            await asyncio.sleep(0.02)
        yield shard
        shard.stop()
        await running


def _names(url: str) -> list[str]:
    return [one["instrument"] for one in _status(url)["instruments"]]


def _status(url: str) -> dict[str, Any]:
    return get_json(f"{url}/oracle/status")
