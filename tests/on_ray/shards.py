"""Shards as plain classes, with a real ledger: what tests start, watch, kill and stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msray.api.state import InstrumentSnapshot
from msray.detectors import Calibration
from msray.errors import UnavailableError
from msray.feeds.halts import SILENCE_S
from msray.market import Signal
from msray.on_ray.feed_shard import FeedShard
from msray.on_ray.shard_models import Ask
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.shard_report import ShardStatus, ShardUpdate, pack
from msray.store.ledger_records import Batch, Receipt, SignalQuery
from msray.store.ledger_store import LedgerStore
from msray.telemetry.metrics import Sample

PATIENCE_S = 40.0


def an_update(number: int, *books: InstrumentSnapshot, sample: Sample | None = None) -> ShardUpdate:
    """What a shard says that has these books."""
    status = ShardStatus(
        shard="shard-0",
        holder="shard-0 here",
        started_ns=1,
        instruments=tuple(book.instrument for book in books),
        signals_stored=0,
        signals_waiting=0,
        problems=(),
    )
    return ShardUpdate(number=number, status=status, sample=sample or {}, instruments=tuple(map(pack, books)))


@dataclass
class Ledger:
    """A real ledger in a file, as a shard sees it; it may be told to take its time, or to fail."""

    store_of: LedgerStore
    pause_s: float = 0.0
    failures: int = 0
    refused_renewals: int = 0
    kept: list[Calibration] = field(default_factory=list)

    async def store(self, batch: Batch) -> Receipt:
        await asyncio.sleep(self.pause_s)
        if self.failures > 0:
            self.failures -= 1
            raise UnavailableError("the ledger is told to fail")
        return await self.store_of.store(batch)

    async def lease(self, instruments: Sequence[str], holder: str, for_s: float) -> dict[str, int]:
        ledger = self.store_of.ledger
        return await self.store_of.read(lambda: ledger.lease(instruments, holder, for_ns=int(for_s * 1e9)))

    async def renew(self, epochs: Mapping[str, int], for_s: float) -> None:
        if self.refused_renewals > 0:
            self.refused_renewals -= 1
            raise UnavailableError("the ledger is told to fail")
        await self.store_of.read(lambda: self.store_of.ledger.renew(epochs, for_ns=int(for_s * 1e9)))

    async def calibrations(self, instruments: Sequence[str]) -> dict[str, str]:
        found = {name: self.store_of.ledger.calibrations(name) for name in instruments}
        return {name: known[-1][1] for name, known in found.items() if known}

    def keep_calibration(self, calibration: Calibration) -> None:
        self.store_of.ledger.keep_calibration(
            calibration.instrument,
            since_ns=calibration.last_ns,
            digest=calibration.digest,
            document=calibration.to_json(),
        )
        self.kept.append(calibration)

    def signals(self) -> list[Signal]:
        """All, in the order in which they were stored."""
        found: list[Signal] = []
        after = None
        while page := self.store_of.ledger.page(SignalQuery(newest_first=False, limit=500, after=after)):
            found += [one.signal for one in page]
            after = page[-1].seq
        return found


@dataclass
class Running:
    """A shard at work."""

    shard: FeedShard
    task: asyncio.Task[None]
    updates: list[ShardUpdate] = field(default_factory=list)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something, as long as the shard runs."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                assert not self.task.done(), self.task.result()
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it where it stands: nothing is drained, nothing settled."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def stop(self) -> None:
        """End it in good order."""
        self.shard.stop()
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    @property
    def problems(self) -> tuple[str, ...]:
        """What it complains about."""
        return self.shard.update().status.problems


@asynccontextmanager
async def running(
    plan: ShardPlan, ledger: Ledger, *, silence_s: float = SILENCE_S, ask: Ask | None = None
) -> AsyncIterator[Running]:
    updates: list[ShardUpdate] = []

    async def publish(update: ShardUpdate) -> None:
        updates.append(update)

    shard = FeedShard(plan, ledger, publish, silence_s=silence_s, ask=ask)
    one = Running(shard, asyncio.create_task(shard.run()), updates)
    try:
        yield one
    finally:
        await one.kill()
