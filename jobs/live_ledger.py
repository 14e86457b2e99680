"""The ledger behind Ray: how many signals it makes durable, and how long one of them takes."""

import asyncio
import time
from pathlib import Path

import numpy as np
import uvloop
from figures import Figure

from msray.book import create_synthetic_order_book_data
from msray.market import Records, Signal, signal_id
from msray.on_ray import session
from msray.on_ray.ledger_actor import start_ledger
from msray.on_ray.remote_ledger import RemoteLedger
from msray.prediction import DetectionConfig, PredictionEngine
from msray.store.ledger_records import Batch
from msray.store.spool import Spool

SIGNALS = 20_000
BATCH = 500
SINGLE_S = 5.0
RATE, RATE_S = 1000, 15.0


def _signals(count: int, first: int) -> list[Signal]:
    return [
        Signal(
            signal_id=signal_id("measured", number),
            instrument="binance_usdm:BTCUSDT",
            signal_type="imbalance",
            detector="ensemble",
            score=0.75,
            direction=1,
            event_ns=1_723_161_600_000_000_000 + number,
            change_ns=1_723_161_599_000_000_000,
            size_sigma=3.25,
            event_kind="depth",
            event_id=number,
            calibration="0123456789abcdef",
            shares={"cusum": 0.5, "focus": 0.5},
            price=61_000.5,
            features={"imbalance_l5": 0.3},
        )
        for number in range(first, first + count)
    ]


def ledger_figures(folder: Path, runs: int) -> list[Figure]:
    """Durable signals a second, in batches and one by one."""
    session.start_local()
    try:
        start_ledger(str(folder / "ledger.db"))
        batched, single = uvloop.run(_throughput(runs))
    finally:
        session.leave()
    how = f"{SIGNALS} signals in batches of {BATCH}, 4 writers, one actor, SQLite synchronous=FULL, best of {runs}"
    return [
        Figure(
            name="durable signals through Ray, with the outbox",
            value=round(batched),
            unit="1/s",
            op=">=",
            goal=10_000.0,
            beside={"one by one": round(single)},
            how=how,
        )
    ]


async def _throughput(runs: int) -> tuple[float, float]:
    ledger, first, best = RemoteLedger(), 0, 0.0
    await ledger.store(Batch(signals=()))

    async def write(signals: list[Signal]) -> None:
        for at in range(0, len(signals), BATCH):
            await ledger.store(Batch(signals=tuple(signals[at : at + BATCH])))

    for _ in range(runs):
        signals, first = _signals(SIGNALS, first), first + SIGNALS
        started = time.perf_counter()
        await asyncio.gather(*(write(signals[part::4]) for part in range(4)))
        best = max(best, SIGNALS / (time.perf_counter() - started))
    count, started = 0, time.perf_counter()
    for signal in _signals(10_000, first):
        await ledger.store(Batch(signals=(signal,)))
        count += 1
        if time.perf_counter() - started > SINGLE_S:
            break
    return best, count / (time.perf_counter() - started)


def latency_figures(folder: Path) -> list[Figure]:
    """From a signal found to its acknowledgement, at a steady rate; and from records to signals alone."""
    session.start_local()
    try:
        start_ledger(str(folder / "ledger.db"))
        stored_ms = uvloop.run(_paced())
    finally:
        session.leave()
    p50, p99 = np.percentile(stored_ms, [50, 99])
    how = f"{RATE} signals/s for {RATE_S:g} s through the spool and the ledger actor, {len(stored_ms)} signals"
    processing_ms = _processing()
    return [
        Figure(name="found to stored, p50", value=round(p50, 2), unit="ms", goal=5.0, how=how),
        Figure(name="found to stored, p99", value=round(p99, 2), unit="ms", goal=50.0, how=how),
        Figure(
            name="records to signals, p95",
            value=round(float(np.percentile(processing_ms, 95)), 3),
            unit="ms",
            goal=1.0,
            how=f"batches of up to 64 records, made-up market, {len(processing_ms)} batches, wall clock",
        ),
    ]


async def _paced() -> list[float]:
    ledger, found_s, took_ms = RemoteLedger(), {}, []
    await ledger.store(Batch(signals=()))

    async def store(batch: Batch):  # type: ignore[no-untyped-def]
        receipt = await ledger.store(batch)
        now_s = time.perf_counter()
        took_ms.extend((now_s - found_s.pop(signal.signal_id)) * 1e3 for signal in batch.signals)
        return receipt

    spool = Spool(store, None, asyncio.sleep)
    running = asyncio.create_task(spool.run())
    signals = _signals(int(RATE * RATE_S), 0)
    started = time.perf_counter()
    for number, signal in enumerate(signals):
        late_s = started + number / RATE - time.perf_counter()
        if late_s > 0:
            await asyncio.sleep(late_s)
        found_s[signal.signal_id] = time.perf_counter()
        spool.add([signal])
    await spool.drained()
    running.cancel()
    return took_ms


def _processing() -> list[float]:
    data = create_synthetic_order_book_data(seed=1, duration_s=120.0)
    engine = PredictionEngine(data.instrument, DetectionConfig(bar_ms=100))
    took_ms = []
    for at in range(0, len(data.records.messages), 64):
        part: Records = data.records[at : at + 64]
        started = time.perf_counter()
        engine.fold(part)
        took_ms.append((time.perf_counter() - started) * 1e3)
    return took_ms[1:]
