"""The supervisor: keeps the wanted shards running, whatever happens to their processes or to its own."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from msray.clock import SystemClock
from msray.errors import UnavailableError
from msray.on_ray.feed_shard import FeedShard
from msray.on_ray.ray_figures import RayFigures
from msray.on_ray.remote_ensemble import RemoteEnsemble
from msray.on_ray.remote_ledger import RemoteLedger
from msray.on_ray.session import BOARD, SUPERVISOR, find, start_actor
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.shard_report import ShardUpdate
from msray.on_ray.shared_gate import RemoteGate
from msray.on_ray.supervision import Ending, Order, RunStatus, decide
from msray.prediction.warm_up import warm_up
from msray.store.ledger_records import LeaseLostError

SPARES = 1
AGAIN_S = 1.0
STOP_S = 20.0


class ShardHost:
    """A process in which a shard can run, warm before it is asked: gives the shard the session's ledger and board."""

    def __init__(self) -> None:
        self._shard: FeedShard | None = None
        self._running: asyncio.Task[None] | None = None
        warm_up()
        gc.freeze()  # what is loaded by now stays: the collector need not walk it while frames wait

    async def busy_with(self) -> str:
        """Name of the shard that runs here, if any."""
        return self._shard.plan.name if self._is_busy and self._shard else ""

    async def last(self) -> None:
        """Never end, so that whoever calls hears of the end of the process."""
        await asyncio.Event().wait()

    async def run(self, plan: ShardPlan) -> None:
        """Run a shard until it is stopped or fails; where it runs already, wait for its end.

        Another one that is still here is stopped first: the supervisor could not reach it and let it go on elsewhere.
        """
        if await self.busy_with() not in ("", plan.name):
            await self.stop()
        if not self._is_busy:
            self._shard = _shard(plan)
            self._running = asyncio.create_task(self._shard.run())
        assert self._running is not None
        await asyncio.shield(self._running)

    async def stop(self) -> None:
        """End :meth:`run`; returns when its signals are stored."""
        if self._shard is not None and self._running is not None:
            self._shard.stop()
            await asyncio.wait([self._running])

    @property
    def _is_busy(self) -> bool:
        return self._running is not None and not self._running.done()


def _shard(plan: ShardPlan) -> FeedShard:
    board, figures, clock = find(BOARD), RayFigures(plan.name), SystemClock()

    async def publish(update: ShardUpdate) -> None:
        figures.show(update)
        board.push.remote(update)

    gates = {venue: RemoteGate(venue, clock) for venue in {one.venue for one in plan.instruments}}
    ask = RemoteEnsemble().ask if plan.predict.models else None
    return FeedShard(plan, RemoteLedger(), publish, gates=gates, clock=clock, ask=ask)


class SupervisorService:
    """Starts shards, watches them, and carries out what :mod:`supervision` decides. To be made inside a running loop.

    There is a host more than there are shards: a shard whose process died goes on in the one that is warm and free, and
    a new one becomes the next spare. Two shards that die at once wait for theirs. Ray is not asked to start hosts again
    by itself: it then tells of a death a second or two later.

    Parameters
    ----------
    plans
        The shards that are wanted; a supervisor that was restarted finds the same.
    """

    def __init__(self, plans: Sequence[ShardPlan]) -> None:
        self._plans = plans
        names = [f"msray-host-{i}" for i in range(len(plans) + SPARES)]
        self._hosts = {name: _start_host(name) for name in names}
        self._free: list[str] = []
        self._is_one_free = asyncio.Event()
        self._problems = {plan.name: "" for plan in plans}
        self._restarts = dict.fromkeys(self._problems, 0)
        self._stopping = asyncio.Event()
        self._work = asyncio.create_task(self._supervise())

    async def status(self) -> dict[str, dict[str, Any]]:
        """How each shard is doing: restarts, and what ended its last run."""
        return {name: {"restarts": self._restarts[name], "problem": text} for name, text in self._problems.items()}

    async def stop(self) -> None:
        """Stop all shards; returns when their signals are stored and their processes gone."""
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(host.stop.remote() for host in self._hosts.values()), return_exceptions=True)
        except TimeoutError as error:
            raise UnavailableError(f"shards must stop within {STOP_S:g} s, and were ended as they were") from error
        finally:
            self._work.cancel()
            for host in self._hosts.values():
                ray.kill(host)

    async def _supervise(self) -> None:
        """Find what runs where, after a restart of our own, and watch it all."""
        asked = (host.busy_with.remote() for host in self._hosts.values())
        shards = await asyncio.gather(*asked, return_exceptions=True)
        runs_on = {shard: name for name, shard in zip(self._hosts, shards, strict=True) if shard in self._problems}
        for name in sorted(self._hosts.keys() - runs_on.values()):
            self._offer(name)
        keepers = [self._keep(name) for name in self._hosts]
        await asyncio.gather(*keepers, *(self._watch(plan, runs_on.get(plan.name)) for plan in self._plans))

    async def _watch(self, plan: ShardPlan, name: str | None) -> None:
        """Run a shard again and again, as decided: on the same host where that lives, else on one that is warm."""
        failures = 0
        while True:
            name = name or await self._take()
            if self._stopping.is_set():
                return
            started = time.monotonic()
            ending, self._problems[plan.name] = await _run(self._hosts[name], plan)
            if ending is Ending.DIED:
                name = None
            decision = decide(
                RunStatus(
                    ending=ending,
                    lasted_s=time.monotonic() - started,
                    failures=failures,
                    is_wanted=not self._stopping.is_set(),
                )
            )
            if decision.order is Order.STOP:
                return
            failures = decision.failures
            self._restarts[plan.name] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), decision.pause_s)

    async def _keep(self, name: str) -> None:
        """Start a host again whenever its process ends, with a shard in it or without."""
        while not self._stopping.is_set():
            with contextlib.suppress(RayError):
                await self._hosts[name].last.options(name=name).remote()
            if name in self._free:
                self._free.remove(name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), AGAIN_S)
            if not self._stopping.is_set():
                with contextlib.suppress(RayError, ValueError):  # the cluster itself may be busy coming back
                    self._hosts[name] = await asyncio.to_thread(_start_host, name)  # Ray takes a second for it
                    self._offer(name)

    def _offer(self, name: str) -> None:
        self._free.append(name)
        self._is_one_free.set()

    async def _take(self) -> str:
        """The host that has been free the longest."""
        while not self._free:
            self._is_one_free.clear()
            await self._is_one_free.wait()
        return self._free.pop(0)


async def _run(host: Any, plan: ShardPlan) -> tuple[Ending, str]:
    """One run of a shard, from start to whatever end."""
    try:
        await host.run.options(name=f"msray-{plan.name}").remote(plan)
    except RayTaskError as error:
        ending = Ending.FENCED if isinstance(error.cause, LeaseLostError) else Ending.FAILED
        return ending, str(error.cause)
    except RayActorError:
        return Ending.DIED, "its process ended"
    except RayError as error:
        return Ending.FAILED, str(error)
    return Ending.STOPPED, ""


def _start_host(name: str) -> Any:
    return start_actor(HostActor, name, max_restarts=0)


def start_supervisor(plans: Sequence[ShardPlan]) -> Any:
    """The supervisor of the session."""
    return start_actor(SupervisorActor, SUPERVISOR, list(plans))


HostActor = ray.remote(ShardHost)
SupervisorActor = ray.remote(SupervisorService)
