"""The supervisor's loop, around shards that only look like actors."""

import asyncio
from typing import Any

import pytest

from msray.on_ray import supervisor
from msray.on_ray.supervision import Ending


class _Method:
    def __init__(self, answers: asyncio.Future[None]) -> None:
        self.answers = answers

    def remote(self) -> asyncio.Future[None]:
        return self.answers


class _Shard:
    """A handle whose every call is answered at once."""

    def __init__(self) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        self.run = self.stop = _Method(done)


async def test_a_stop_while_a_shard_pauses_starts_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, killed = 0, list[Any]()

    async def fails(_shard: Any) -> tuple[Ending, str]:
        nonlocal runs
        runs += 1
        return Ending.FAILED, "always"

    monkeypatch.setattr(supervisor, "_run", fails)
    monkeypatch.setattr(supervisor, "_shard_actor", lambda plan: _Shard())
    monkeypatch.setattr(supervisor.ray, "kill", killed.append)
    plan = type("Plan", (), {"name": "shard-0"})
    service = supervisor.SupervisorService([plan])  # type: ignore[list-item]
    while (await service.status())["shard-0"]["restarts"] < 4:  # by now it pauses for a while
        await asyncio.sleep(0.01)
    before = runs

    await asyncio.wait_for(service.stop(), 5)

    assert runs == before
    assert len(killed) == 1
