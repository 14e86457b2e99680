"""The API on Ray Serve: in both of its modes, from the code and from ``cluster/serve.yaml``."""

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
from msray.on_ray.ensemble import OPTIONS as ENSEMBLE_OPTIONS
from msray.on_ray.ensemble import EnsembleConfig, build_ensemble, start_ensemble
from msray.on_ray.environment import free_port
from msray.on_ray.serving import OPTIONS, ROUTE_PREFIX, SERVE_LOGGING, build_app, start_api, with_key_of_the_environment
from msray.on_ray.session import API_APP, ENSEMBLE_APP
from tests.end_to_end.running import REPOSITORY, get
from tests.on_ray.programs import commands_of, served
from tests.on_ray.sessions import started
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]
YAML = REPOSITORY / "cluster" / "serve.yaml"
NOT_OF_A_FILE = {"host", "port", "ledger_url", "keys_file", "api_key", "models_dir", "models"}
"""Fields of the API that are Serve's, the ledger actor's, secret, or the ensemble's."""
SIGNAL = {"symbol": "BTCUSDT", "venue": "binance_usdm", "signal_type": "imbalance", "score": 0.5, "price": 61_000.5}
SIGNAL_READ = {key: SIGNAL[key] for key in ("signal_type", "score", "price")}
APPS = (API_APP, ENSEMBLE_APP)
RAYS_OWN = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0"}


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


def test_a_signal_that_was_posted_is_read_back_without_haproxy_too(tmp_path: Path) -> None:
    with served(tmp_path, RAYS_OWN) as api:
        posted, read = _post_and_read(api.url)
        commands = api.commands()

    assert posted == 201
    assert read == SIGNAL_READ
    assert commands
    assert not any(_is_haproxy(command) for command in commands)


class Cluster(NamedTuple):
    """A cluster with a ledger, a board and a dashboard; no API yet."""

    dashboard: str
    port: int

    def applications(self) -> Any:
        """All that the dashboard says of Serve."""
        token = (Path.home() / ".ray" / "auth_token").read_text().strip()
        return get(f"{self.dashboard}/api/serve/applications/", Authorization=f"Bearer {token}")

    def is_ready(self) -> bool:
        """Whether the API says so."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/ready").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("serve"), dashboard=True) as session:
        yield Cluster(session.dashboard, free_port())


def test_serve_deploy_of_the_file_equals_what_the_code_deploys(cluster: Cluster, tmp_path: Path) -> None:
    start_api(ApiConfig(port=cluster.port))
    start_ensemble(EnsembleConfig())
    eventually(cluster.is_ready, 30)
    by_code, commands = cluster.applications(), commands_of(os.getpid())
    posted, read = _post_and_read(f"http://127.0.0.1:{cluster.port}")
    for name in APPS:
        serve.delete(name)

    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump({**the_file(), "http_options": {"host": "127.0.0.1", "port": cluster.port}}))
    serve_command = [str(Path(sys.executable).with_name("serve")), "deploy", "--address", cluster.dashboard]
    subprocess.run([*serve_command, str(file)], check=True, cwd=REPOSITORY, timeout=60)
    for name in APPS:
        eventually(lambda name=name: cluster.applications()["applications"][name]["status"] == "RUNNING", 60)
    eventually(cluster.is_ready, 30)
    by_file = cluster.applications()

    assert any(_is_haproxy(command) for command in commands)
    assert posted == 201
    assert read == SIGNAL_READ
    assert _what_runs(by_file) == _what_runs(by_code)
    assert all(by_file["applications"][name]["source"] != by_code["applications"][name]["source"] for name in APPS)


def _post_and_read(url: str) -> tuple[int, dict[str, Any]]:
    """How a signal that is posted is answered, and what is read back of it."""
    answer = httpx.post(f"{url}/api/v1/signals", json=SIGNAL)
    read = httpx.get(f"{url}/api/v1/signals/{answer.json()['signal_id']}").raise_for_status().json()
    return answer.status_code, {key: read[key] for key in SIGNAL_READ}


def _is_haproxy(command: str) -> bool:
    return "haproxy" in command and "ray::" not in command


def _what_runs(said: Any) -> Any:
    applications = [said["applications"][name] for name in APPS]
    deployments = [
        {name: one["deployment_config"] for name, one in application["deployments"].items()}
        for application in applications
    ]
    return said["http_options"], said["proxy_location"], [one["route_prefix"] for one in applications], deployments
