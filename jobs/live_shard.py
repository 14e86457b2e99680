"""A shard, and a client that does nothing, on the same simulated stream."""

import asyncio
import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msray.detectors import Calibration
from msray.feeds.endpoints import plan_connections
from msray.feeds.listings import fetch_listings
from msray.feeds.websocket import Refused, Socket, Take, open_plain
from msray.feeds.websocket_fast import open_fast
from msray.on_ray.feed_shard import FeedShard, ShardPlan
from msray.prediction import CalibrationConfig, DetectionConfig
from msray.store.ledger_records import Batch, Receipt

WITHOUT_CALIBRATION = DetectionConfig(calibration=CalibrationConfig(bars=100_000))


@contextlib.contextmanager
def simulator(*words: str) -> Iterator[str]:
    """A simulator in a process of its own; its URL."""
    command = [sys.executable, "-m", "msray", "simulate", *words, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("listening on "):
                    break
            yield line.split()[-1]
        finally:
            process.terminate()


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


def status(url: str) -> dict[str, object]:
    """What the simulator says."""
    with urllib.request.urlopen(f"{url}/oracle/status", timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def names_of(url: str) -> list[str]:
    """Every instrument of a simulator."""
    return [one["instrument"] for one in status(url)["instruments"]]  # type: ignore[attr-defined]


def shard_cpu(url: str, is_fast: bool) -> float:
    """Depth messages a CPU second of a shard."""
    return asyncio.run(_shard(url, is_fast))


async def _shard(url: str, is_fast: bool) -> float:
    names = names_of(url)
    listings = await fetch_listings(names, endpoint=url)
    with tempfile.TemporaryDirectory() as folder:
        plan = ShardPlan(
            name="measured",
            instruments=listings.instruments,
            detection=WITHOUT_CALIBRATION,
            endpoint=url,
            one_socket=True,
            is_fast=is_fast,
            usual_interval_s=60.0,
            raw_log=Path(folder),
        )
        shard = FeedShard(plan, _NoLedger(), lambda update: None)
        running = asyncio.create_task(shard.run())

        def messages() -> int:
            return sum(int(one.quality["depth_messages"] or 0) for one in shard.snapshots())

        while len(names) != sum(one.state == "synced" for one in shard.snapshots()):
            await asyncio.sleep(0.02)
        first, cpu_s = messages(), time.process_time()
        gc.disable()
        seen, idle_s = first, cpu_s
        while True:
            await asyncio.sleep(0.2)
            now = messages()
            if now == seen and (await asyncio.to_thread(status, url))["state"] == "done":
                break
            seen, idle_s = now, time.process_time()
        shard.stop()
        await running
    sys.stderr.write(f"{seen - first} messages in {idle_s - cpu_s:.2f} s\n")
    return (seen - first) / (idle_s - cpu_s)


def socket_cpu(url: str, is_fast: bool) -> float:
    """Depth messages a CPU second of a client that only takes frames off the socket, as the shard does."""
    return asyncio.run(_bare(url, open_fast if is_fast else open_plain))


async def _bare(url: str, open_socket: Callable[[str, Take], Awaitable[Socket | Refused]]) -> float:
    listings = await fetch_listings(names_of(url), endpoint=url)
    count = 0

    def take(payload: bytes | bytearray | memoryview) -> None:
        nonlocal count
        count += b"depthUpdate" in bytes(payload[:100])

    for plan in plan_connections(listings.instruments, endpoint=url, one_socket=True):
        await open_socket(plan.url, take)
    while not count:
        await asyncio.sleep(0.02)
    first, cpu_s = count, time.process_time()
    gc.disable()
    seen, idle_s = first, cpu_s
    while True:
        await asyncio.sleep(0.2)
        if count == seen and (await asyncio.to_thread(status, url))["state"] == "done":
            return (seen - first) / (idle_s - cpu_s)
        seen, idle_s = count, time.process_time()


def memory(url: str, names: Sequence[str]) -> float:
    """Proportional set of a process with one shard, in MB."""
    return asyncio.run(_memory(url, names))


async def _memory(url: str, names: Sequence[str]) -> float:
    listings = await fetch_listings(names, endpoint=url)
    with tempfile.TemporaryDirectory() as folder:
        plan = ShardPlan(
            name="measured",
            instruments=listings.instruments,
            detection=WITHOUT_CALIBRATION,
            endpoint=url,
            raw_log=Path(folder),
        )
        shard = FeedShard(plan, _NoLedger(), lambda update: None)
        running = asyncio.create_task(shard.run())
        while len(shard.snapshots()) < len(names) or any(one.state != "synced" for one in shard.snapshots()):
            await asyncio.sleep(0.2)
        await asyncio.sleep(20)
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
        shard.stop()
        await running
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
