"""The supervisor: keeps the wanted shards running, whatever happens to their processes or to its own."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from msray.errors import UnavailableError
from msray.feeds.clock import SystemClock
from msray.on_ray.feed_shard import FeedShard, ShardPlan
from msray.on_ray.ledger_actor import RemoteLedger
from msray.on_ray.ray_figures import RayFigures
from msray.on_ray.session import BOARD, NAMESPACE, SUPERVISOR, find
from msray.on_ray.shard_report import ShardUpdate
from msray.on_ray.shared_gate import RemoteGate
from msray.on_ray.supervision import Ending, Order, RunStatus, decide
from msray.store.ledger_records import LeaseLostError

STOP_S = 20.0


class ShardHost:
    """A shard in a process of its own: gives it the ledger and the board of the session.

    Parameters
    ----------
    plan
        What the shard is to do.
    """

    def __init__(self, plan: ShardPlan) -> None:
        self._plan = plan
        self._board = find(BOARD)
        self._figures = RayFigures(plan.name)
        self._shard: FeedShard | None = None
        self._running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run the shard until it is stopped or fails; asked again meanwhile, wait for the same end."""
        if self._running is None or self._running.done():
            clock = SystemClock()
            gates = {venue: RemoteGate(venue, clock) for venue in {one.venue for one in self._plan.instruments}}
            self._shard = FeedShard(self._plan, RemoteLedger(), self._publish, gates=gates, clock=clock)
            self._running = asyncio.create_task(self._shard.run())
        await asyncio.shield(self._running)

    async def stop(self) -> None:
        """End :meth:`run` once its signals are stored."""
        if self._shard is not None:
            self._shard.stop()

    def _publish(self, update: ShardUpdate) -> None:
        self._board.push.remote(update)
        self._figures.show(update)


class SupervisorService:
    """Starts shards, watches them, and carries out what :mod:`supervision` decides. To be made inside a running loop.

    Parameters
    ----------
    plans
        The shards that are wanted; a supervisor that was restarted finds the same.
    """

    def __init__(self, plans: Sequence[ShardPlan]) -> None:
        self._shards = {plan.name: _shard_actor(plan) for plan in plans}
        self._problems: dict[str, str] = {}
        self._restarts = dict.fromkeys(self._shards, 0)
        self._stopping = asyncio.Event()
        self._watchers = [asyncio.create_task(self._watch(name)) for name in self._shards]

    async def status(self) -> dict[str, dict[str, Any]]:
        """How each shard is doing: restarts, and what ended its last run."""
        return {
            name: {"restarts": self._restarts[name], "problem": self._problems.get(name, "")} for name in self._shards
        }

    async def stop(self) -> None:
        """Stop all shards; returns when their signals are stored and their processes gone."""
        self._stopping.set()
        stops = asyncio.gather(*(shard.stop.remote() for shard in self._shards.values()), return_exceptions=True)
        try:
            await asyncio.wait_for(asyncio.gather(stops, *self._watchers, return_exceptions=True), STOP_S)
        except TimeoutError as error:
            raise UnavailableError(f"shards must stop within {STOP_S:g} s, and were ended as they were") from error
        finally:
            for shard in self._shards.values():
                ray.kill(shard)

    async def _watch(self, name: str) -> None:
        """Run a shard again and again, as decided."""
        failures = 0
        while True:
            started = time.monotonic()
            ending, self._problems[name] = await _run(self._shards[name])
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
            self._restarts[name] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), decision.pause_s)
            if self._stopping.is_set():
                return


async def _run(shard: Any) -> tuple[Ending, str]:
    """One run of a shard, from start to whatever end."""
    try:
        await shard.run.remote()
    except RayTaskError as error:
        ending = Ending.FENCED if isinstance(error.cause, LeaseLostError) else Ending.FAILED
        return ending, str(error.cause)
    except RayActorError:
        return Ending.DIED, "its process ended"
    except RayError as error:
        return Ending.FAILED, str(error)
    return Ending.STOPPED, ""


def _shard_actor(plan: ShardPlan) -> Any:
    return ShardActor.options(
        name=f"msray-{plan.name}",
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=0,
    ).remote(plan)


def start_supervisor(plans: Sequence[ShardPlan]) -> Any:
    """The supervisor of the session."""
    return SupervisorActor.options(
        name=SUPERVISOR,
        namespace=NAMESPACE,
        lifetime="detached",
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=0,
    ).remote(list(plans))


ShardActor = ray.remote(ShardHost)
SupervisorActor = ray.remote(SupervisorService)
