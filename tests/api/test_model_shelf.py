"""Models of a real registry: what is promoted serves, what is damaged does not, through a real server."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

import msray.api.models_here as models_here
from msray.api.config import ApiConfig
from msray.api.model_server import ModelServer
from msray.api.server import APIServer
from msray.store.registry import Registry
from tests.store.made_models import NAMES, NOW_NS, a_registry, an_ensemble
from tests.waiting import until

ROWS = np.random.default_rng(0).normal(size=(2, 6, len(NAMES))).astype(np.float32)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions of ``gru``, one of ``three`` members; nothing is promoted."""
    registry = a_registry(tmp_path_factory.mktemp("registry"))
    registry.publish("three", an_ensemble(), now_ns=NOW_NS)
    return registry.folder


@pytest.fixture
def registry(three: Path, tmp_path: Path) -> Iterator[Registry]:
    yield Registry(Path(shutil.copytree(three, tmp_path / "models")))


def damage(registry: Registry, version: int) -> None:
    file = registry.folder / "gru" / str(version) / "gru.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def test_a_name_alone_is_what_is_promoted(registry: Registry) -> None:
    server = ModelServer(registry.folder, ["gru", "gru:3", "gru@canary", "three:1"])
    registry.promote("gru", 2, now_ns=NOW_NS)
    server.follow()

    found = {one.words: (one.version, one.alias, one.problem) for one in server.models()}

    assert found == {
        "gru": (2, "production", ""),
        "gru:3": (3, None, ""),
        "gru@canary": (None, "canary", "unknown alias of gru 'canary'"),
        "three:1": (1, None, ""),
    }


def test_what_it_was_worth_stands_beside_the_best_floor(registry: Registry) -> None:
    (status,) = ModelServer(registry.folder, ["gru:1"]).models()
    record = registry.record("gru", 1)

    assert [one.horizon for one in status.worth] == list(record.horizons)
    for one in status.worth:
        assert one.floor_macro_f1 == max(floor.macro_f1 for floor in record.floors_at(one.horizon))
        assert one.lead == pytest.approx(one.macro_f1 - one.floor_macro_f1)


def test_a_version_with_a_damaged_file_is_not_served_and_the_old_one_is(registry: Registry) -> None:
    registry.promote("gru", 1, now_ns=NOW_NS)
    server = ModelServer(registry.folder, ["gru"])
    registry.promote("gru", 2, now_ns=NOW_NS + 1)
    damage(registry, 2)

    server.follow()

    (status,) = server.models()
    assert (status.version, server.whole("gru", ROWS).version) == (1, 1)
    assert "gru.onnx must have sha256" in status.problem

    registry.rollback("gru", now_ns=NOW_NS + 2)
    server.follow()
    assert server.models()[0].problem == ""


def test_a_damaged_list_of_aliases_changes_nothing(registry: Registry) -> None:
    registry.promote("gru", 1, now_ns=NOW_NS)
    server = ModelServer(registry.folder, ["gru"])
    (registry.folder / "gru" / "aliases.json").write_text("{}")

    server.follow()

    assert server.models()[0].problem
    assert server.whole("gru", ROWS).version == 1


async def test_the_server_without_ray_follows_an_alias(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_here, "FOLLOW_S", 0.05)
    registry.promote("gru", 1, now_ns=NOW_NS)
    ledger = str(tmp_path / "ledger.db")
    server = APIServer(ApiConfig(port=0, ledger_url=ledger, models_dir=registry.folder, models=("gru", "three:1")))  # type: ignore[arg-type]
    urls: list[str] = []
    serving = asyncio.create_task(server.serve(urls.append))
    with contextlib.suppress(asyncio.CancelledError):
        await until(lambda: urls or serving.done())
        async with httpx.AsyncClient(base_url=urls[0]) as client:
            document = {"model": "gru", "windows": ROWS.tolist()}
            before = (await client.post("/api/v1/predict", json=document)).json()
            registry.promote("gru", 2, now_ns=NOW_NS + 1)
            await until(lambda: server.models()[0].version == 2)
            after = (await client.post("/api/v1/predict", json=document)).json()
            votes = (await client.post("/api/v1/predict", json={**document, "model": "three:1"})).json()
        server.stop()
        await serving

    assert (before["version"], after["version"]) == (1, 2)
    assert after["digest"] == registry.record("gru", 2).digest
    assert votes["predictions"][0]["votes"].keys() == {"gru", "local_attention", "bin_ctabl"}
