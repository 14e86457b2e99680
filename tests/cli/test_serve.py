"""``msray serve`` and ``msray api`` with models, as commands; on a cluster of their own where they need one."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from msray.cli.served_models import served_models
from msray.cli.settings import Settings
from msray.errors import UsageError
from msray.on_ray.environment import free_port
from msray.prediction import PredictConfig
from tests.commands import address, start
from tests.end_to_end.running import processes_in
from tests.store.made_models import NAMES, NOW_NS, a_registry
from tests.waiting import eventually

ROWS = np.random.default_rng(0).normal(size=(6, len(NAMES))).tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a registry, in which the second of three versions of ``gru`` is promoted."""
    folder = tmp_path_factory.mktemp("serve")
    a_registry(folder).promote("gru", 2, now_ns=NOW_NS)
    return folder


def done(folder: Path, *words: str, **variables: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a command."""
    process = start(folder, *words, "--json", **variables)
    out, _ = process.communicate(timeout=120)
    return process.returncode, json.loads(out)


@contextlib.contextmanager
def api(folder: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = start(folder, "api", "--port", "0", "--ledger", str(folder / "api.db"), *words)
    try:
        yield f"http://{address(process)}", process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_api_without_ray_serves_what_is_promoted_in_a_registry(folder: Path) -> None:
    with api(folder, "--models", "models") as (url, process):
        assert process.stderr is not None
        said = process.stderr.readline()
        answer = httpx.post(f"{url}/api/v1/predict", json={"model": "gru", "rows": ROWS})

    assert said == f"gru: version 2 answers at {url}/api/v1/predict\n"
    assert answer.json()["version"] == 2


def test_the_api_without_ray_serves_no_model_unless_it_is_told_to(folder: Path) -> None:
    with api(folder) as (url, _):
        assert httpx.get(f"{url}/api/v1/models").json() == {"models": []}
        assert httpx.post(f"{url}/api/v1/predict", json={"model": "gru", "rows": ROWS}).status_code == 503


@pytest.mark.parametrize("verb", ["api", "serve"])
def test_a_model_that_is_not_there_is_exit_2_with_the_nearest(folder: Path, verb: str) -> None:
    code, said = done(folder, verb, "--model", "gruu")

    assert (code, said["error"]["message"], said["error"]["hint"]) == (2, "unknown model 'gruu'", "did you mean 'gru'?")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gru@canary"], "unknown alias of gru 'canary'"),
        (["gru:9"], "unknown version of gru '9'"),
        (["gru", "gru"], "--model models must name one version of each, got gru twice"),
        (["../gru"], "--model must be NAME, NAME@ALIAS or NAME:VERSION"),
    ],
)
def test_what_names_no_model_is_refused(folder: Path, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        served_models(Settings(), folder / "models", words, else_promoted=True)


def test_models_of_the_configuration_are_served_where_nobody_names_any(folder: Path) -> None:
    settings = Settings(predict=PredictConfig(models=("gru:3",)), models_dir=folder / "models")

    assert served_models(settings, None, None, else_promoted=True) == (folder / "models", ("gru:3",))
    assert served_models(settings, None, ["gru:1"], else_promoted=True)[1] == ("gru:1",)
    assert served_models(Settings(), folder / "models", None, else_promoted=True)[1] == ("gru",)
    assert served_models(Settings(), folder / "models", None, else_promoted=False)[1] == ()


def test_nothing_promoted_is_exit_2_and_says_how_to(tmp_path: Path) -> None:
    a_registry(tmp_path, versions=1)

    code, said = done(tmp_path, "serve")

    assert code == 2
    assert said["error"]["message"].startswith("models must be promoted to be served, got none in ")
    assert "msray models promote" in said["error"]["hint"]


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_serve_answers_goes_on_and_is_ended_by_down(folder: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    code, said = done(folder, "serve", "--port", str(port))
    try:
        assert code == 0, said
        answer = httpx.post(f"{url}/api/v1/predict", json={"model": "gru", "rows": ROWS})
        again, second = done(folder, "serve", "--port", str(port))
        status, _ = done(folder, "status")
    finally:
        down, ended = done(folder, "down")

    assert said["data"] == {"url": url, "models": ["gru"]}
    assert answer.json()["version"] == 2
    assert (again, second["error"]["message"]) == (2, "models are served on this cluster already")
    assert status == 0
    assert (down, ended["data"]) == (0, {"was_running": True})
    eventually(lambda: not processes_in(folder), 10)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/health")
