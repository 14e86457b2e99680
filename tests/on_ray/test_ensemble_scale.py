"""Replicas of the models come where questions wait and go after it, and no question fails meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from msray.api.models import Answered
from msray.on_ray.ensemble import EnsembleConfig, start_ensemble
from msray.on_ray.serving import start_serve
from tests.on_ray.sessions import started
from tests.store.made_models import NAMES, NOW_NS, a_registry, an_ensemble

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]
ROWS = np.random.default_rng(0).normal(size=(8, 200, len(NAMES))).astype(np.float32)
MANY = 48
WITHIN_S = 150.0


@pytest.fixture(scope="module")
def handle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("scale")
    registry = a_registry(folder, versions=0)
    registry.publish("three", an_ensemble(), now_ns=NOW_NS)
    with started(folder):
        from ray import serve

        start_serve(None)
        start_ensemble(EnsembleConfig(models_dir=registry.folder, models=("three:1",)))
        yield serve.get_app_handle("ensemble")


async def test_replicas_follow_the_questions_that_wait(handle: Any) -> None:
    found: Counter[str] = Counter()
    before = await _replicas()

    asking = [asyncio.create_task(_ask(handle, found)) for _ in range(MANY)]
    await _until_replicas({"RUNNING": 2})
    for one in asking[1:]:
        one.cancel()
    await _until_replicas({"RUNNING": 1})
    asking[0].cancel()
    await asyncio.gather(*asking, return_exceptions=True)

    assert before == {"RUNNING": 1}
    assert found.keys() == {"Answered"}, found
    assert found.total() > 100


async def _ask(handle: Any, found: Counter[str]) -> None:
    """One question after the other, for ever; slowly, once nobody else asks."""
    while True:
        try:
            said = await handle.whole.remote("three:1", ROWS)
            found["Answered" if isinstance(said, Answered) else str(said)] += 1
        except asyncio.CancelledError:
            raise
        except Exception as error:
            found[repr(error)] += 1
        await asyncio.sleep(0.05)


async def _replicas() -> dict[str, int]:
    """Replicas by state."""
    from ray import serve

    status = await asyncio.to_thread(serve.status)
    states = status.applications["ensemble"].deployments["ModelServer"].replica_states
    return {str(getattr(state, "value", state)): count for state, count in states.items() if count}


async def _until_replicas(wanted: dict[str, int]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while (found := await _replicas()) != wanted:
        assert time.monotonic() < deadline, f"{found} after {WITHIN_S} s, not {wanted}"
        await asyncio.sleep(0.5)
