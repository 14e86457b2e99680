"""The supervisor: keeps the wanted shards running, whatever happens to their processes."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from msray.on_ray.feed_shard import FeedShard, ShardPlan
from msray.on_ray.ledger_actor import RemoteLedger
from msray.on_ray.session import BOARD, NAMESPACE, SUPERVISOR, find
from msray.on_ray.shard_report import ShardUpdate
from msray.on_ray.supervision import Decision, Ending, Order, RunStatus, decide
from msray.store.ledger_records import LeaseLostError


class ShardHost:
    """A shard in a process of its own: gives it the ledger and the board of the session.

    Parameters
    ----------
    plan
        What the shard is to do.
    """

    def __init__(self, plan: ShardPlan) -> None:
        self._plan = plan
        self._shard: FeedShard | None = None
        self._board = find(BOARD)

    async def run(self) -> None:
        """Run the shard until it is stopped or fails."""
        self._shard = FeedShard(self._plan, RemoteLedger(), self._publish)
        await self._shard.run()

    async def stop(self) -> None:
        """End :meth:`run` once its signals are stored."""
        if self._shard is not None:
            self._shard.stop()

    def _publish(self, update: ShardUpdate) -> None:
        self._board.push.remote(update)


class SupervisorService:
    """Starts shards, watches them, and carries out what :mod:`supervision` decides."""

    def __init__(self) -> None:
        self._shards: dict[str, Any] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._restarts: dict[str, int] = {}

    async def want(self, plans: Sequence[ShardPlan]) -> None:
        """Run these shards too; one of a name that is running is left as it is."""
        for plan in plans:
            if plan.name not in self._watchers:
                self._restarts[plan.name] = 0
                self._shards[plan.name] = _shard_actor(plan)
                self._watchers[plan.name] = asyncio.create_task(self._watch(plan.name))

    async def stop(self) -> None:
        """Stop all shards; returns when their signals are stored."""
        shards, self._shards = self._shards, {}
        await asyncio.gather(*(shard.stop.remote() for shard in shards.values()), return_exceptions=True)
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        for shard in shards.values():
            ray.kill(shard)
        self._watchers.clear()

    async def status(self) -> dict[str, dict[str, Any]]:
        """How each shard is doing: restarts, and what ended its last run."""
        return {
            name: {"restarts": self._restarts[name], "problem": self._problems.get(name, "")} for name in self._watchers
        }

    async def _watch(self, name: str) -> None:
        failures = 0
        while True:
            shard, started = self._shards.get(name), time.monotonic()
            if shard is None:
                return
            ending, problem = await _run(shard)
            self._problems[name] = problem
            decision: Decision = decide(
                RunStatus(
                    ending=ending,
                    lasted_s=time.monotonic() - started,
                    failures=failures,
                    is_wanted=name in self._shards,
                )
            )
            if decision.order is Order.STOP:
                return
            failures = decision.failures
            self._restarts[name] += 1
            await asyncio.sleep(decision.pause_s)


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


def start_supervisor() -> Any:
    """The supervisor of the session, started if it is not running."""
    return SupervisorActor.options(
        name=SUPERVISOR,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=0,
    ).remote()


ShardActor = ray.remote(ShardHost)
SupervisorActor = ray.remote(SupervisorService)
