"""``FeedShard``: a group of instruments in one process, from socket to signal. No Ray call happens per event."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msray.api.state import InstrumentSnapshot
from msray.backtest import SignalFollower, warm_up_orders
from msray.clock import Clock, SystemClock
from msray.detectors import Calibration
from msray.errors import FeedError, UnavailableError, UsageError
from msray.feeds.halts import SILENCE_S, Halts
from msray.feeds.live import WebSocketSource
from msray.feeds.outlet import Idle
from msray.feeds.raw_log import RawLogWriter
from msray.feeds.recovery import settle, signals_again, unsettled
from msray.feeds.rest import Gate
from msray.feeds.stream import DataStreamer
from msray.market import Signal
from msray.on_ray.holder import holder
from msray.on_ray.paper import Paper
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.shard_report import ShardStatus, ShardUpdate, pack, shard_figures, snapshot_of
from msray.prediction import Lane, LogEvent, Pipeline, ThreadSolver, log_metadata
from msray.prediction.warm_up import warm_up
from msray.store.ledger_records import Batch, LeaseLostError, Receipt
from msray.store.spool import Spool
from msray.telemetry.families import SIGNAL_PROCESSING
from msray.telemetry.metrics import Figures

PUBLISH_S = 0.2
WANTS_EVERY_NS = 50_000_000
LEASE_S = 30.0
DRAIN_S = 10.0
KEEP_ATTEMPTS, KEEP_PAUSE_S = 20, 0.5
"""Of storing a calibration, while the ledger is being started again."""


class ShardLedger(Protocol):
    """What a shard needs of the ledger."""

    async def store(self, batch: Batch) -> Receipt:
        """Store signals; returns when they are durable."""

    async def lease(self, instruments: Sequence[str], holder: str, for_s: float) -> dict[str, int]:
        """Take instruments over; their epochs."""

    async def renew(self, epochs: Mapping[str, int], for_s: float) -> None:
        """Hold leases for so long from now; 0 gives them back."""

    async def calibrations(self, instruments: Sequence[str]) -> dict[str, str]:
        """The newest calibration of each instrument that has one, as JSON."""

    def keep_calibration(self, calibration: Calibration) -> None:
        """Store a calibration; returns when it is durable. Called from a thread."""


class FeedShard:
    """Runs a plan until it is stopped or cannot go on.

    Parameters
    ----------
    plan
        What to do.
    ledger
        Where signals, leases and calibrations are kept.
    publish
        Takes an update a few times a second; may fail, the next one says the same and more.
    gates
        By venue: who grants REST weight; each shard its own by default.
    clock
        The machine's by default.
    silence_s
        An instrument that says nothing for so long is asked about at its venue; see :class:`~msray.feeds.halts.Halts`.
    """

    def __init__(
        self,
        plan: ShardPlan,
        ledger: ShardLedger,
        publish: Callable[[ShardUpdate], Awaitable[None]],
        *,
        gates: Mapping[str, Gate] | None = None,
        clock: Clock | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.plan = plan
        self._gates = gates
        self._ledger = ledger
        self._publish = publish
        self._clock = clock or SystemClock()
        self._halts = Halts(plan.ids, self._messages, self._clock, silence_s)
        self._figures = Figures()
        self._holder = holder(plan.name, socket.gethostname(), os.getpid())
        self._stopping = asyncio.Event()
        self._pipeline: Pipeline | None = None
        self._source: WebSocketSource | None = None
        self._stream: DataStreamer | None = None
        self._spool: Spool | None = None
        self._epochs: dict[str, int] = {}
        self._calibrations: dict[str, Calibration] = {}
        self._metadata: dict[str, object] = {}
        self._log: RawLogWriter | None = None
        self._paper: Paper | None = None
        self._not_recovered: list[str] = []
        self._updates = 0
        self._started_ns = 0

    def stop(self) -> None:
        """End :meth:`run` once its signals are stored."""
        self._stopping.set()

    async def run(self) -> None:
        """Lease the instruments, read, fold, store and publish; once told to stop, give the leases back.

        Raises
        ------
        LeaseLostError
            If somebody else runs one of the instruments now.
        UnavailableError
            If the ledger or the raw log cannot be reached at the start, or no connection is left.
        """
        await asyncio.to_thread(warm_up)
        if self.plan.paper is not None:
            await asyncio.to_thread(warm_up_orders)
        plan, self._started_ns = self.plan, self._clock.now_ns()
        self._epochs = await self._ledger.lease(plan.ids, self._holder, LEASE_S)
        known = await self._ledger.calibrations(plan.ids)
        self._calibrations = {name: Calibration.from_json(text) for name, text in known.items()}
        self._calibrations |= {one.instrument: one for one in plan.calibrations if one.instrument in plan.ids}
        self._metadata = dict(log_metadata(plan.detection, self._usable().values()))
        self._spool = Spool(self._ledger.store, self._epochs, self._clock.sleep)
        solver = ThreadSolver(self._keep)
        if plan.paper is not None:
            self._paper = Paper(plan.instruments, plan.paper, SignalFollower)
        self._pipeline = Pipeline(
            plan.instruments,
            plan.detection,
            calibrations=self._usable(),
            solver=solver,
            sink=self._paper.sink if self._paper else None,
            log=self._paper.log if self._paper else None,
            timer=self._clock.monotonic_ns,
        )
        self._source = WebSocketSource(
            plan.endpoint,
            one_socket=plan.one_socket,
            is_fast=plan.is_fast,
            usual_interval_s=plan.usual_interval_s,
            gates=self._gates,
            clock=self._clock,
        )
        earlier = unsettled(self._folder) if self._folder else {}
        self._log = self._new_log(earlier)
        try:
            self._stream = DataStreamer(plan.instruments, self._source, raw_log=self._log, clock=self._clock)
            async with self._stream as stream:
                await self._work(stream, earlier)
            with contextlib.suppress(UnavailableError):  # then they run out by themselves
                await self._ledger.renew(self._epochs, 0.0)
        finally:
            solver.close()
            await self._publish(self.update())  # what was found, whatever becomes of paper trading
            if self._paper is not None:
                self._paper.finish()
                await self._publish(self.update())

    def update(self) -> ShardUpdate:
        """Everything there is to see of the shard now."""
        return self._update(map(pack, self.snapshots()))

    def _update(self, packed: Iterable[bytes]) -> ShardUpdate:
        self._updates += 1
        status = ShardStatus(
            shard=self.plan.name,
            holder=self._holder,
            started_ns=self._started_ns,
            instruments=tuple(self._lanes),
            signals_stored=0 if self._spool is None else self._spool.stored,
            signals_waiting=0 if self._spool is None else len(self._spool),
            problems=tuple(self._problems()),
            paper=self._paper.status() if self._paper else None,
        )
        states = {name: self._state(name) for name in self._lanes}
        sample = shard_figures(self._figures, self._lanes, states, self._source, status.paper)
        return ShardUpdate(number=self._updates, status=status, sample=sample, instruments=tuple(packed))

    def snapshots(self) -> tuple[InstrumentSnapshot, ...]:
        """The latest of each instrument."""
        return tuple(snapshot_of(lane, self._state(name)) for name, lane in self._lanes.items())

    @property
    def _lanes(self) -> Mapping[str, Lane]:
        return self._pipeline.lanes if self._pipeline else {}

    def _messages(self, instrument_id: str) -> int:
        figures = self._lanes[instrument_id].figures
        return figures.depth_messages + figures.trades

    def _state(self, instrument_id: str) -> str:
        return "halted" if self._halts.is_halted(instrument_id) else self._lanes[instrument_id].sync.state

    # ---------------------------------------------------------------- the work

    async def _work(self, stream: DataStreamer, earlier: Mapping[int, list[Path]]) -> None:
        """Fold until told to stop; whatever fails beside it ends it."""
        assert self._spool is not None
        assert self._source is not None
        beside = [
            asyncio.create_task(self._spool.run()),
            asyncio.create_task(self._publish_often()),
            asyncio.create_task(self._renew()),
            asyncio.create_task(self._halts.run(self._source.trading)),
        ]
        recovering = asyncio.create_task(self._recover(earlier))
        reading = asyncio.create_task(self._fold(stream))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({reading, stopping, *beside}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
            async with asyncio.timeout(DRAIN_S):
                await stream.aclose()  # nothing is logged from here on, and what has been is folded
                await reading
                await self._spool.drained()
                if self._log is not None:
                    settle(self._log.folder, self._log.session)
                await recovering
        finally:
            tasks = (reading, stopping, recovering, *beside)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fold(self, stream: DataStreamer) -> None:
        pipeline, spool, clock = self._pipeline, self._spool, self._clock
        assert pipeline is not None
        assert spool is not None
        asked_ns = 0
        async for event in stream:
            if not isinstance(event, Idle):
                signals = self._timed(pipeline, event)
                if signals:
                    spool.add(signals)
            now_ns = clock.now_ns()
            if now_ns - asked_ns >= WANTS_EVERY_NS or isinstance(event, Idle):
                asked_ns = now_ns
                for instrument_id in pipeline.wants_snapshots(now_ns):
                    if not self._halts.is_halted(instrument_id):
                        stream.request_snapshot(instrument_id)
                if self._paper is not None:
                    self._paper.turn()
                while spool.is_full:
                    await clock.sleep(PUBLISH_S)

    def _timed(self, pipeline: Pipeline, event: LogEvent) -> list[Signal]:
        started_ns = self._clock.monotonic_ns()
        signals = pipeline.apply(event)
        self._figures.observe(SIGNAL_PROCESSING, value=(self._clock.monotonic_ns() - started_ns) / 1e9)
        return signals

    async def _publish_often(self) -> None:
        """Tell of everything, an instrument a turn of the loop: frames do not wait for all of them."""
        while True:
            await self._clock.sleep(PUBLISH_S)
            packed = []
            for name, lane in self._lanes.items():
                packed.append(pack(snapshot_of(lane, self._state(name))))
                await asyncio.sleep(0)
            await self._publish(self._update(packed))

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(LEASE_S / 3)
            try:
                await self._ledger.renew(self._epochs, LEASE_S)
            except LeaseLostError:  # unavailable too, but for good
                raise
            except UnavailableError:
                continue  # the ledger is being started again; meanwhile signals wait in the spool

    # ---------------------------------------------------------------- before and after a crash

    @property
    def _folder(self) -> Path | None:
        return self.plan.raw_log / self.plan.name if self.plan.raw_log else None

    def _new_log(self, earlier: Mapping[int, list[Path]]) -> RawLogWriter | None:
        if self._folder is None:
            return None
        return RawLogWriter(
            self._folder,
            self.plan.instruments,
            self._clock,
            metadata=self._metadata,
            retention_hours=self.plan.retention_hours,
            spare=[path for segments in earlier.values() for path in segments],
        )

    async def _recover(self, earlier: Mapping[int, list[Path]]) -> None:
        """Find and store again what earlier runs may not have stored; beside the live work, on a thread."""
        for session, segments in earlier.items():
            steps = signals_again(segments)
            try:
                while (signals := await asyncio.to_thread(next, steps, None)) is not None:
                    await self._store_again(signals)
            except (FeedError, UsageError, OSError) as error:
                self._not_recovered.append(f"run {session} could not be gone through again: {error}")
            else:
                settle(segments[0].parent, session)
            if self._log is not None:
                self._log.spared.difference_update(segments)

    async def _store_again(self, signals: Sequence[Signal]) -> None:
        """Store, without leases: the instruments of an earlier run may be another shard's today."""
        while signals:
            try:
                await self._ledger.store(Batch(signals=tuple(signals)))
            except UnavailableError:
                await self._clock.sleep(1.0)
            else:
                return

    def _usable(self) -> dict[str, Calibration]:
        """Calibrations that were made for the words of today; others are made anew."""
        words = self.plan.detection.words_digest()
        return {name: one for name, one in self._calibrations.items() if one.words_digest == words}

    def _keep(self, calibration: Calibration) -> None:
        for attempt in range(KEEP_ATTEMPTS):
            try:
                self._ledger.keep_calibration(calibration)
                break
            except UnavailableError:
                if attempt == KEEP_ATTEMPTS - 1:
                    raise
                time.sleep(KEEP_PAUSE_S)
        self._calibrations[calibration.instrument] = calibration
        self._metadata.update(log_metadata(self.plan.detection, self._usable().values()))

    def _problems(self) -> list[str]:
        found = list(self._not_recovered)
        if self._spool is not None and self._spool.problem:
            found.append(self._spool.problem)
        if self._stream is not None and self._stream.log_problem:
            found.append(self._stream.log_problem)
        if self._paper is not None and (failed := self._paper.status().failed):
            found.append(f"paper trading has ended: {failed}")
        if self._source is not None:
            links = self._source.connections
            found += [f"{one.url}: {one.state}, {one.reason}" for one in links if one.state != "open"]
            found += [f"{name}: {text}" for name, text in self._source.snapshot_problems.items()]
        return found
