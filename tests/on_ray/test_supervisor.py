"""The supervisor's loop, around hosts that only look like actors."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError

from msray.on_ray import supervisor
from msray.on_ray.supervisor import SupervisorService
from tests.waiting import until


class Host:
    """A handle: its runs end when a test says so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shard = ""
        self.runs = 0
        self._end: asyncio.Future[Exception | None] | None = None
        self.death = asyncio.Event()

    def __getattr__(self, method: str) -> Any:
        call = SimpleNamespace(remote=getattr(self, f"do_{method}"))
        call.options = lambda name: call
        return call

    async def do_busy_with(self) -> str:
        return self.shard

    async def do_last(self) -> None:
        await self.death.wait()
        raise ActorDiedError

    async def do_run(self, plan: Any) -> None:
        self.runs += 1
        if not self.shard:
            self.shard, self._end = plan.name, asyncio.get_running_loop().create_future()
        assert self._end is not None
        error = await asyncio.shield(self._end)
        self.shard = ""
        if error is not None:
            raise error

    async def do_stop(self) -> None:
        self.end()

    def die(self) -> None:
        """Its process ends."""
        self.end(ActorDiedError())
        self.death.set()

    def end(self, error: Exception | None = None) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(error)


def failed() -> Exception:
    """What a caller gets of an actor that raised."""
    return RayTaskError("run", "", ValueError("no"))


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Host]:
    """Every host of the session, by name."""
    known: dict[str, Host] = {}

    def start_actor(_kind: Any, name: str, **_options: Any) -> Host:
        if name not in known or known[name].death.is_set():
            known[name] = Host(name)
        return known[name]

    monkeypatch.setattr(supervisor, "start_actor", start_actor)
    monkeypatch.setattr(supervisor, "AGAIN_S", 0.01)
    monkeypatch.setattr(supervisor.ray, "kill", lambda host: known.pop(host.name))
    return known


def plans(count: int) -> Any:
    return [SimpleNamespace(name=f"shard-{i}") for i in range(count)]


def where(hosts: dict[str, Host]) -> dict[str, str]:
    """The host of each shard."""
    return {host.shard: name for name, host in hosts.items() if host.shard}


async def test_a_shard_whose_process_died_goes_on_in_the_spare_and_the_next_in_the_one_that_came_back(
    hosts: dict[str, Host],
) -> None:
    service = SupervisorService(plans(2))
    await until(lambda: len(where(hosts)) == 2)
    first = where(hosts)

    hosts[first["shard-0"]].die()
    await until(lambda: where(hosts).get("shard-0", first["shard-0"]) != first["shard-0"])
    second = where(hosts)
    hosts[first["shard-1"]].die()
    await until(lambda: where(hosts).get("shard-1", first["shard-1"]) != first["shard-1"])

    assert second["shard-1"] == first["shard-1"]
    assert second["shard-0"] not in first.values()
    assert where(hosts)["shard-1"] == first["shard-0"]
    assert [one["restarts"] for one in (await service.status()).values()] == [1, 1]
    await service.stop()


async def test_a_shard_that_failed_is_run_again_where_it_was(hosts: dict[str, Host]) -> None:
    service = SupervisorService(plans(1))
    await until(lambda: len(where(hosts)) == 1)
    first = hosts[where(hosts)["shard-0"]]

    first.end(failed())
    await until(lambda: first.runs == 2)

    assert where(hosts) == {"shard-0": first.name}
    assert (await service.status())["shard-0"] == {"restarts": 1, "problem": "no"}
    await service.stop()


async def test_a_spare_that_died_is_started_again_before_a_shard_needs_it(hosts: dict[str, Host]) -> None:
    service = SupervisorService(plans(1))
    await until(lambda: len(where(hosts)) == 1)
    at_work = where(hosts)["shard-0"]
    (spare,) = hosts.keys() - {at_work}

    for _ in range(2):
        dead = hosts[spare]
        dead.die()
        await until(lambda dead=dead: hosts[spare] is not dead)  # type: ignore[misc]
    hosts[at_work].die()
    await until(lambda: where(hosts) == {"shard-0": spare})

    assert (await service.status())["shard-0"]["restarts"] == 1
    await service.stop()


async def test_a_supervisor_that_was_restarted_finds_its_shards_at_work(hosts: dict[str, Host]) -> None:
    killed = SupervisorService(plans(2))
    await until(lambda: len(where(hosts)) == 2)
    before = where(hosts)
    killed._work.cancel()

    service = SupervisorService(plans(2))
    await until(lambda: all(hosts[name].runs == 2 for name in before.values()))

    assert where(hosts) == before
    hosts[before["shard-0"]].die()
    await until(lambda: where(hosts).get("shard-0", before["shard-0"]) != before["shard-0"])
    await service.stop()


async def test_a_stop_while_a_shard_pauses_starts_nothing_again(hosts: dict[str, Host]) -> None:
    service = SupervisorService(plans(1))
    while (await service.status())["shard-0"]["restarts"] < 4:  # by now it pauses for a while
        for host in hosts.values():
            host.end(failed())
        await asyncio.sleep(0.01)
    at_work = list(hosts.values())
    before = [host.runs for host in at_work]

    await asyncio.wait_for(service.stop(), 5)

    assert [host.runs for host in at_work] == before
    assert not hosts
