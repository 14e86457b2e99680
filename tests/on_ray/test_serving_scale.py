"""Replicas of the API come under load and go after it; no request fails meanwhile, and open sockets are no load."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

import aiohttp
import pytest
from pydantic import SecretStr

from msray.api.config import ApiConfig
from msray.on_ray.environment import free_port
from msray.on_ray.serving import start_api
from tests.on_ray.sessions import started

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]
SOCKETS = 40
"""More than twice the requests that a replica is meant to have under way."""
MANY, FEW = 96, 4
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with started(tmp_path_factory.mktemp("scale")) as session:
        start_api(ApiConfig(port=port, ledger_url=SecretStr(str(session.ledger_path))))
        yield port


async def test_replicas_follow_the_load_and_nobody_is_refused(port: int) -> None:
    statuses: Counter[int | str] = Counter()
    open_sockets: set[int] = set()
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=aiohttp.TCPConnector(limit=0)) as session,
        _running(*(_keep_open(session, number, open_sockets) for number in range(SOCKETS))),
    ):
        await _until(lambda: len(open_sockets) == SOCKETS)
        before = await _replicas()

        async with _running(*(_post(session, number, statuses, 0.0) for number in range(MANY))):
            await _until_replicas({"RUNNING": 2})
        async with _running(*(_post(session, MANY + number, statuses, 0.02) for number in range(FEW))):
            await _until_replicas({"RUNNING": 1})
            answered = statuses.total()
            await _until(lambda: statuses.total() > answered + 50)
        await _until(lambda: len(open_sockets) == SOCKETS)
        after = await _replicas()

    assert before == after == {"RUNNING": 1}
    assert set(statuses) == {201}, statuses
    assert statuses[201] > 1000


async def _post(session: aiohttp.ClientSession, client: int, statuses: Counter[int | str], pause_s: float) -> None:
    """One signal after the other, for ever."""
    body = {"symbol": "BTCUSDT", "signal_type": "load", "score": 0.5}
    for number in range(10**9):
        try:
            async with session.post("/api/v1/signals", json={**body, "price": 1 + client * 1e6 + number}) as answer:
                statuses[answer.status] += 1
        except aiohttp.ClientError as error:
            statuses[repr(error)] += 1
        await asyncio.sleep(pause_s)


async def _keep_open(session: aiohttp.ClientSession, number: int, open_sockets: set[int]) -> None:
    """A socket that comes back when it is closed, as one on a replica that goes is."""
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.ws_connect("/api/v1/stream?topics=books") as socket:
                open_sockets.add(number)
                await socket.receive()
                while not socket.closed:
                    await socket.receive()
        open_sockets.discard(number)
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def _running(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """This goes on until what is inside has ended."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


async def _replicas() -> dict[str, int]:
    """Replicas by state."""
    from ray import serve

    status = await asyncio.to_thread(serve.status)
    states = status.applications["api"].deployments["Api"].replica_states
    return {str(getattr(state, "value", state)): count for state, count in states.items() if count}


async def _until_replicas(wanted: dict[str, int]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while (found := await _replicas()) != wanted:
        assert time.monotonic() < deadline, f"{found} after {WITHIN_S} s, not {wanted}"
        await asyncio.sleep(0.5)


async def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
