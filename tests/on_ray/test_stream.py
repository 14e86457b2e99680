"""The stream through Ray Serve: the ledger's actor and the board at one end, a socket behind HAProxy at the other."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from pydantic import SecretStr

from msray.api.config import ApiConfig
from msray.api.state import InstrumentSnapshot
from msray.on_ray.environment import free_port
from msray.on_ray.serving import start_api
from msray.store.ledger_records import Batch
from tests.api.streaming import Streaming, ending, receive, seqs
from tests.on_ray.sessions import started
from tests.on_ray.shards import an_update
from tests.store.examples import BTC, START_NS, some_signals

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]
KEY = {"X-API-Key": "sesame"}
BOOK = InstrumentSnapshot(
    instrument=BTC, state="synced", epoch=1, update_id=1, event_ns=START_NS, local_ns=START_NS, bids=((9, 1),)
)


class Cluster(NamedTuple):
    """An API on Ray and what is behind it; ``stream`` only opens sockets."""

    stream: Streaming
    ledger: Any
    board: Any
    url: str


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    port = free_port()
    with started(tmp_path_factory.mktemp("ray")) as session:
        url = SecretStr(str(session.ledger_path))
        start_api(ApiConfig(port=port, ledger_url=url, api_key=SecretStr("sesame")))
        yield Cluster(Streaming(port), session.ledger, session.board, f"http://localhost:{port}/api/v1")


async def test_signals_and_books_come_through_serve_as_the_routes_answer_them(cluster: Cluster) -> None:
    async with cluster.stream.open("?topics=signals,books", additional_headers=KEY) as link:
        hello = (await receive(link, 1))[0]
        await cluster.ledger.store.remote(Batch(signals=tuple(some_signals(2))))
        signals = await receive(link, 2)
        await cluster.board.push.remote(an_update(1, BOOK))
        book = (await receive(link, 1))[0]
    async with httpx.AsyncClient(headers=KEY) as client:
        page = (await client.get(f"{cluster.url}/signals?order=oldest")).json()["signals"]
        route = (await client.get(f"{cluster.url}/books/{BTC}")).json()

    assert hello["seq"] == {"signals": 0, "books": 0}
    assert [one["data"] for one in signals] == page
    assert book["data"] | {"stale_ms": 0} == route | {"stale_ms": 0}


async def test_who_comes_back_through_serve_misses_nothing(cluster: Cluster) -> None:
    await cluster.ledger.store.remote(Batch(signals=tuple(some_signals(300, first=1000))))

    async with cluster.stream.open("?resume_from=0", additional_headers=KEY) as link:
        newest = (await cluster.ledger.store.remote(Batch(signals=tuple(some_signals(1, first=5000))))).stored[0].seq
        frames = await receive(link, newest + 1)

    assert seqs(frames) == list(range(1, newest + 1))


async def test_serve_refuses_with_status_and_words_and_knows_its_tickets(cluster: Cluster) -> None:
    async with httpx.AsyncClient(headers=KEY) as client:
        answer = (await client.post(f"{cluster.url}/stream/tickets")).json()

    async with cluster.stream.open(subprotocols=[answer["subprotocol"], answer["ticket"]]) as link:
        await receive(link, 1)
        await link.send(b"x" * 1_000_000)
        code, _ = await ending(link)
    refusals = [
        await cluster.stream.refused(),
        await cluster.stream.refused(additional_headers=KEY, origin="https://evil.example.com"),
        await cluster.stream.refused("?topics=trades", additional_headers=KEY),
    ]

    assert code == 1008
    assert [(status, problem["status"]) for status, problem in refusals] == [(401, 401), (403, 403), (422, 422)]
