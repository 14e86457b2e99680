"""The API on Ray Serve: from the code and from ``cluster/serve.yaml``, and as a stream."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from pydantic import SecretStr
from ray import serve
from ray.serve.schema import ServeDeploySchema

from msray.api.config import ApiConfig
from msray.api.state import InstrumentSnapshot
from msray.on_ray.ensemble import OPTIONS as ENSEMBLE_OPTIONS
from msray.on_ray.ensemble import EnsembleConfig, build_ensemble, start_ensemble
from msray.on_ray.environment import free_port
from msray.on_ray.serving import OPTIONS, ROUTE_PREFIX, SERVE_LOGGING, build_app, start_api, with_key_of_the_environment
from msray.on_ray.session import API_APP, ENSEMBLE_APP
from msray.store.ledger_records import Batch
from tests.api.streaming import Streaming, ending, receive, seqs
from tests.end_to_end.running import REPOSITORY, get
from tests.on_ray.programs import SIGNAL_READ, commands_of, is_haproxy, post_and_read
from tests.on_ray.sessions import started
from tests.on_ray.shards import an_update
from tests.store.examples import BTC, START_NS, some_signals
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]
YAML = REPOSITORY / "cluster" / "serve.yaml"
NOT_OF_A_FILE = {"host", "port", "ledger_url", "keys_file", "api_key", "models_dir", "models"}
"""Fields of the API that are Serve's, the ledger actor's, secret, or the ensemble's."""
KEY = {"X-API-Key": "sesame"}
BOOK = InstrumentSnapshot(
    instrument=BTC, state="synced", epoch=1, update_id=1, event_ns=START_NS, local_ns=START_NS, bids=((9, 1),)
)
APPS = (API_APP, ENSEMBLE_APP)


def the_file() -> dict[str, Any]:
    return dict(yaml.safe_load(YAML.read_text()))


def test_the_file_says_the_options_of_the_code_and_no_others() -> None:
    said = the_file()
    application, ensemble = said["applications"]

    applications = ServeDeploySchema.model_validate(said).applications
    assert [one.deployment_names for one in applications] == [["Api"], ["ModelServer"]]
    assert said.keys() == {"proxy_location", "http_options", "logging_config", "applications"}
    assert said["logging_config"] == SERVE_LOGGING
    assert application.pop("args").keys() == ApiConfig.model_fields.keys() - NOT_OF_A_FILE
    assert application == {
        "name": API_APP,
        "route_prefix": ROUTE_PREFIX,
        "import_path": f"{build_app.__module__}:{build_app.__name__}",
        "deployments": [OPTIONS],
    }
    assert ensemble.pop("args").keys() == EnsembleConfig.model_fields.keys()
    assert ensemble == {
        "name": ENSEMBLE_APP,
        "route_prefix": None,
        "import_path": f"{build_ensemble.__module__}:{build_ensemble.__name__}",
        "deployments": [ENSEMBLE_OPTIONS],
    }


def test_the_file_says_the_defaults_of_the_api_and_of_the_ensemble() -> None:
    said = the_file()
    application, ensemble = said["applications"]

    config = ApiConfig(**said["http_options"], **application["args"])

    assert config == ApiConfig()
    assert EnsembleConfig(**ensemble["args"]) == EnsembleConfig()


def test_a_replica_reads_its_key_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSRAY_API_KEY", "sesame")
    assert with_key_of_the_environment(ApiConfig()).api_key == SecretStr("sesame")
    assert with_key_of_the_environment(ApiConfig(api_key=SecretStr("own"))).api_key == SecretStr("own")
    monkeypatch.delenv("MSRAY_API_KEY")
    assert with_key_of_the_environment(ApiConfig()).api_key is None


class Cluster(NamedTuple):
    """A cluster with a ledger, a board and a dashboard, and where the API is; ``stream`` only opens sockets."""

    ledger: Any
    board: Any
    dashboard: str
    port: int
    stream: Streaming

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self.port}"

    def applications(self) -> Any:
        """All that the dashboard says of Serve."""
        token = (Path.home() / ".ray" / "auth_token").read_text().strip()
        return get(f"{self.dashboard}/api/serve/applications/", Authorization=f"Bearer {token}")

    def is_ready(self) -> bool:
        """Whether the API says so."""
        try:
            return httpx.get(f"{self.url}/health/ready", headers=KEY).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def by_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """What the code deploys; the last test puts another in its place."""
    port = free_port()
    with started(tmp_path_factory.mktemp("serve"), dashboard=True) as session:
        start_api(ApiConfig(port=port, api_key=SecretStr("sesame")))
        start_ensemble(EnsembleConfig())
        cluster = Cluster(session.ledger, session.board, session.dashboard, port, Streaming(port))
        eventually(cluster.is_ready, 30)
        yield cluster


async def test_signals_and_books_come_through_serve_as_the_routes_answer_them(by_code: Cluster) -> None:
    async with by_code.stream.open("?topics=signals,books", additional_headers=KEY) as link:
        hello = (await receive(link, 1))[0]
        await by_code.ledger.store.remote(Batch(signals=tuple(some_signals(2))))
        signals = await receive(link, 2)
        await by_code.board.push.remote(an_update(1, BOOK))
        book = (await receive(link, 1))[0]
    async with httpx.AsyncClient(headers=KEY) as client:
        page = (await client.get(f"{by_code.url}/api/v1/signals?order=oldest")).json()["signals"]
        route = (await client.get(f"{by_code.url}/api/v1/books/{BTC}")).json()

    assert hello["seq"] == {"signals": 0, "books": 0}
    assert [one["data"] for one in signals] == page
    assert book["data"] | {"stale_ms": 0} == route | {"stale_ms": 0}


async def test_who_comes_back_through_serve_misses_nothing(by_code: Cluster) -> None:
    await by_code.ledger.store.remote(Batch(signals=tuple(some_signals(300, first=1000))))

    async with by_code.stream.open("?resume_from=0", additional_headers=KEY) as link:
        newest = (await by_code.ledger.store.remote(Batch(signals=tuple(some_signals(1, first=5000))))).stored[0].seq
        frames = await receive(link, newest + 1)

    assert seqs(frames) == list(range(1, newest + 1))


async def test_serve_refuses_with_status_and_words_and_knows_its_tickets(by_code: Cluster) -> None:
    async with httpx.AsyncClient(headers=KEY) as client:
        answer = (await client.post(f"{by_code.url}/api/v1/stream/tickets")).json()

    async with by_code.stream.open(subprotocols=[answer["subprotocol"], answer["ticket"]]) as link:
        await receive(link, 1)
        await link.send(b"x" * 1_000_000)
        code, _ = await ending(link)
    refusals = [
        await by_code.stream.refused(),
        await by_code.stream.refused(additional_headers=KEY, origin="https://evil.example.com"),
        await by_code.stream.refused("?topics=trades", additional_headers=KEY),
    ]

    assert code == 1008
    assert [(status, problem["status"]) for status, problem in refusals] == [(401, 401), (403, 403), (422, 422)]


def test_serve_deploy_of_the_file_equals_what_the_code_deploys(by_code: Cluster, tmp_path: Path) -> None:
    said_by_code, commands = by_code.applications(), commands_of(os.getpid())
    posted, read = post_and_read(by_code.url, **KEY)
    for name in APPS:
        serve.delete(name)

    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump({**the_file(), "http_options": {"host": "127.0.0.1", "port": by_code.port}}))
    serve_command = [str(Path(sys.executable).with_name("serve")), "deploy", "--address", by_code.dashboard]
    subprocess.run([*serve_command, str(file)], check=True, cwd=REPOSITORY, timeout=60)
    for name in APPS:
        eventually(lambda name=name: by_code.applications()["applications"][name]["status"] == "RUNNING", 60)
    eventually(by_code.is_ready, 30)
    by_file = by_code.applications()

    assert any(is_haproxy(command) for command in commands)
    assert posted == 201
    assert read == SIGNAL_READ
    assert _what_runs(by_file) == _what_runs(said_by_code)
    assert all(by_file["applications"][name]["source"] != said_by_code["applications"][name]["source"] for name in APPS)


def _what_runs(said: Any) -> Any:
    applications = [said["applications"][name] for name in APPS]
    deployments = [
        {name: one["deployment_config"] for name, one in application["deployments"].items()}
        for application in applications
    ]
    return said["http_options"], said["proxy_location"], [one["route_prefix"] for one in applications], deployments
