"""``FeedShard``: a group of instruments in one process, from socket to signal. No Ray call happens per event."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

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
from msray.on_ray.shard_ledger import ShardLedger
from msray.on_ray.shard_models import Ask, ShardModels
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.shard_report import (
    ShardStatus,
    ShardUpdate,
    add_forecasts,
    model_statuses,
    pack,
    shard_figures,
    snapshot_of,
)
from msray.prediction import (
    Dropping,
    Lane,
    LogEvent,
    ModelChanged,
    Pipeline,
    RowSink,
    ThreadSolver,
    log_metadata,
    shared_sink,
)
from msray.prediction.warm_up import warm_up
from msray.store.ledger_records import Batch, LeaseLostError
from msray.store.spool import Spool
from msray.telemetry.families import SIGNAL_PROCESSING
from msray.telemetry.metrics import Figures

PUBLISH_S = 0.2
WANTS_EVERY_NS = 50_000_000
LEASE_S = 30.0
DRAIN_S, CATCH_UP_S = 10.0, 5.0
"""For all that is done at the end; of it, for models that are behind."""
KEEP_ATTEMPTS, KEEP_PAUSE_S = 20, 0.5
"""Of storing a calibration, while the ledger is being started again."""


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
    ask
        Shows windows to the plan's models, for all instruments at once; the shard itself by default.
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
        ask: Ask | None = None,
    ) -> None:
        self.plan = plan
        self._ask = ask
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
        self._models: ShardModels | None = None
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
        self._spool = Spool(self._ledger.store, self._epochs, self._clock.sleep)
        make = partial(ShardModels, plan, self._clock, self._figures, self._spool.add, self._ask)
        self._models = await asyncio.to_thread(make)
        self._metadata = self._said()
        solver = ThreadSolver(self._keep)
        if plan.paper is not None:
            self._paper = Paper(plan.instruments, plan.paper, SignalFollower)
        self._pipeline = Pipeline(
            plan.instruments,
            plan.detection,
            calibrations=self._usable(),
            solver=solver,
            sink=self._sink,
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
            self._models.close()
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
            models=model_statuses(self._models.forecasts) if self._models else (),
        )
        states = {name: self._state(name) for name in self._lanes}
        sample = shard_figures(self._figures, self._lanes, states, self._source, status.paper)
        if self._models is not None:
            add_forecasts(sample, self._models.forecasts)
        return ShardUpdate(number=self._updates, status=status, sample=sample, instruments=tuple(packed))

    def snapshots(self) -> tuple[InstrumentSnapshot, ...]:
        """The latest of each instrument."""
        return tuple(map(self._snapshot, self._lanes))

    def _snapshot(self, name: str) -> InstrumentSnapshot:
        return snapshot_of(self._lanes[name], self._state(name), self._models.forecasts if self._models else None)

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
        assert self._spool is not None and self._source is not None and self._models is not None
        beside = [
            asyncio.create_task(self._spool.run()),
            asyncio.create_task(self._publish_often()),
            asyncio.create_task(self._renew()),
            asyncio.create_task(self._halts.run(self._source.trading)),
            asyncio.create_task(self._models.run()),
            asyncio.create_task(self._models.follow(stream.note)),
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
                with contextlib.suppress(TimeoutError):  # what is stored and given back does not wait for slow models
                    async with asyncio.timeout(CATCH_UP_S):
                        await self._models.caught_up()
                await self._spool.drained()
                if self._log is not None and not self._models.has_left:
                    settle(self._log.folder, self._log.session)
                await recovering
        finally:
            tasks = (reading, stopping, recovering, *beside)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fold(self, stream: DataStreamer) -> None:
        pipeline, spool, models, clock = self._pipeline, self._spool, self._models, self._clock
        assert pipeline is not None and spool is not None and models is not None
        asked_ns = 0
        async for event in stream:
            if not isinstance(event, Idle):
                signals = self._timed(pipeline, event)
                if signals:
                    spool.add(signals)
                models.apply(event)
                if isinstance(event, ModelChanged | Dropping):
                    self._metadata.update(self._said())
                models.wake()
            now_ns = clock.now_ns()
            if now_ns - asked_ns >= WANTS_EVERY_NS or isinstance(event, Idle):
                asked_ns = now_ns
                models.keep_up(stream.note)
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
            for name in self._lanes:
                packed.append(pack(self._snapshot(name)))
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
            missed: list[str] = []
            load = partial(self._models.load, missed=missed) if self._models else None
            problems: list[str] = []
            steps = signals_again(segments, load, problems)
            try:
                while (signals := await asyncio.to_thread(next, steps, None)) is not None:
                    await self._store_again(signals)
            except (FeedError, UsageError, UnavailableError, OSError) as error:
                self._not_recovered.append(f"run {session} could not be gone through again: {error}")
            else:
                if not missed:  # else it is gone through again at the next start
                    settle(segments[0].parent, session)
            self._not_recovered += [f"run {session}: {problem}" for problem in problems]
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
        self._metadata.update(self._said())

    def _said(self) -> dict[str, object]:
        """What the raw log is told besides its events."""
        models, dropping = (self._models.names, self._models.dropping) if self._models else ((), ())
        return log_metadata(self.plan.detection, self._usable().values(), self.plan.predict, models, dropping)

    def _sink(self, instrument_id: str) -> RowSink | None:
        """Takes an instrument's rows, for paper trading and for models."""
        paper = self._paper.sink(instrument_id) if self._paper else None
        return shared_sink(paper, self._models.forecasts.sink(instrument_id) if self._models else None)

    def _problems(self) -> list[str]:
        found = list(self._not_recovered)
        if self._spool is not None and self._spool.problem:
            found.append(self._spool.problem)
        if self._stream is not None and self._stream.log_problem:
            found.append(self._stream.log_problem)
        if self._models is not None:
            found += self._models.problems
        if self._paper is not None and (failed := self._paper.status().failed):
            found.append(f"paper trading has ended: {failed}")
        if self._source is not None:
            links = self._source.connections
            found += [f"{one.url}: {one.state}, {one.reason}" for one in links if one.state != "open"]
            found += [f"{name}: {text}" for name, text in self._source.snapshot_problems.items()]
        return found
