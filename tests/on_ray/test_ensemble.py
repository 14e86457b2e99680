"""Models on Ray Serve: asked over HTTP and by handle, followed without a gap, refused where they are damaged.

Here without HAProxy, as Ray comes; with it they answer in ``tests/cli/test_serve.py``.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from ray import serve

from msray.api.model_server import ModelServer, Scored
from msray.on_ray import session
from msray.store.registry import Registry
from tests.on_ray.programs import SIGNAL_READ, Served, is_haproxy, post_and_read, served
from tests.store.made_models import NAMES, NOW_NS, a_package, a_registry, an_ensemble
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
ROWS = np.random.default_rng(0).normal(size=(3, 6, len(NAMES))).astype(np.float32)
RAYS_OWN = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0"}
DOCUMENT = {"model": "gru", "windows": ROWS.tolist()}


class Ensemble(NamedTuple):
    """What runs."""

    api: Served
    registry: Registry
    handle: Any

    @property
    def url(self) -> str:
        return self.api.url

    def predict(self, **changes: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/api/v1/predict", json={**DOCUMENT, **changes}, timeout=20)

    def model(self, words: str) -> dict[str, Any]:
        models = httpx.get(f"{self.url}/api/v1/models").json()["models"]
        return next((one for one in models if one["words"] == words), {})


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    folder = tmp_path_factory.mktemp("ensemble")
    registry = a_registry(folder)
    registry.publish("three", an_ensemble(), now_ns=NOW_NS)
    registry.promote("gru", 1, now_ns=NOW_NS)
    with served(folder, registry.folder, "gru", "three:1", switches=RAYS_OWN) as api:
        session.join(api.address)
        try:
            running = Ensemble(api, registry, serve.get_app_handle(session.ENSEMBLE_APP))
            eventually(lambda: running.model("gru"), 30)
            yield running
        finally:
            session.leave()


def test_a_signal_that_was_posted_is_read_back_without_haproxy_too(ensemble: Ensemble) -> None:
    posted, read = post_and_read(ensemble.url)
    commands = ensemble.api.commands()

    assert posted == 201
    assert read == SIGNAL_READ
    assert commands
    assert not any(is_haproxy(command) for command in commands)


def test_it_answers_as_the_same_object_does_in_process(ensemble: Ensemble) -> None:
    here = ModelServer(ensemble.registry.folder, ["gru:1", "three:1"])

    for words, name in (("gru", "gru:1"), ("three:1", "three:1")):
        said = ensemble.predict(model=words).json()
        wanted = here.whole(name, ROWS).answers
        np.testing.assert_allclose([one["chances"] for one in said["predictions"]], wanted.chances, atol=1e-6)
    assert said["predictions"][0]["votes"].keys() == {"gru", "local_attention", "bin_ctabl"}


def test_wrong_questions_are_422(ensemble: Ensemble) -> None:
    assert ensemble.predict(model="gruu").json()["candidates"][0] == "gru"
    assert ensemble.predict(windows=[[[1.0]]]).status_code == 422


async def test_shards_ask_by_handle_and_errors_cross_the_border_as_they_are(ensemble: Ensemble) -> None:
    digest = ensemble.registry.record("three", 1).digest

    scored = await ensemble.handle.window_scores.remote(digest, ROWS)
    error = await ensemble.handle.whole.remote("none", ROWS)

    assert str(error) == "unknown model 'none'"
    assert isinstance(scored, Scored)
    (wanted,) = ModelServer(ensemble.registry.folder, ["three:1"]).answer_all([_windows("three:1")])
    assert isinstance(wanted, Scored)
    assert np.array_equal(scored.scores["bin_ctabl"], wanted.scores["bin_ctabl"])


def _windows(words: str) -> Any:
    from msray.api.model_server import Question

    return Question(words, ROWS, is_whole=False)


def test_another_version_takes_its_place_and_no_question_fails_meanwhile(ensemble: Ensemble) -> None:
    seen: Counter[Any] = Counter()
    is_over = threading.Event()

    def ask() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            answer = ensemble.predict(windows=(ROWS + number).tolist())
            seen[answer.json()["version"] if answer.status_code == 200 else answer.text] += 1

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for one in asking:
        one.start()
    try:
        eventually(lambda: seen[1] > 20, 30)
        ensemble.registry.promote("gru", 2, now_ns=NOW_NS + 1)
        eventually(lambda: seen[2] > 20, 30)
    finally:
        is_over.set()
        for one in asking:
            one.join()

    assert seen.keys() == {1, 2}


def test_a_damaged_version_is_refused_and_the_one_before_goes_on(ensemble: Ensemble) -> None:
    before = ensemble.predict().json()["version"]
    number = ensemble.registry.publish("gru", a_package(), now_ns=NOW_NS + 2).version
    ensemble.registry.promote("gru", number, now_ns=NOW_NS + 2)
    file = ensemble.registry.folder / "gru" / str(number) / "gru.onnx"
    file.write_bytes(b"damaged")

    eventually(lambda: ensemble.model("gru")["problem"], 30)

    assert "gru.onnx must have sha256" in ensemble.model("gru")["problem"]
    assert ensemble.predict().json()["version"] == before
    ensemble.registry.rollback("gru", now_ns=NOW_NS + 3)
    eventually(lambda: not ensemble.model("gru")["problem"], 30)


def test_its_figures_are_among_those_of_the_system(ensemble: Ensemble) -> None:
    def figures() -> dict[str, float]:
        lines = httpx.get(f"{ensemble.url}/metrics").text.splitlines()
        return {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}

    ensemble.predict()
    ensemble.predict()
    eventually(lambda: figures().get('microstructure_prediction_seconds_count{model="gru"}', 0) > 0, 20)

    found = figures()
    assert found['microstructure_model_loads_total{model="three:1",outcome="loaded"}'] == 1
    assert found["microstructure_prediction_wait_seconds_count"] > 0
    assert found['microstructure_prediction_batch_windows_count{model="gru"}'] > 0
    eventually(lambda: figures()['microstructure_prediction_cache_total{outcome="hit"}'] > 0, 20)


def test_without_the_ensemble_it_is_503(ensemble: Ensemble) -> None:
    from ray import serve

    serve.delete("ensemble")

    answer = ensemble.predict(windows=(ROWS + 1e6).tolist())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
