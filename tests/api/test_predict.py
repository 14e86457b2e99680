"""``POST /api/v1/predict`` on a real socket, answered by ONNX Runtime."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import msray.api.predict as predicting
from msray.api.model_server import ModelServer
from msray.api.models import Answered, ModelStatus, NoModels
from msray.api.models_here import ModelsHere
from msray.api.predict_body import MAX_ROWS, MAX_WINDOWS, Asked
from msray.errors import UnavailableError
from msray.prediction import Runner
from msray.telemetry.families import PREDICTION_BATCH, PREDICTION_CACHE
from msray.telemetry.metrics import Figures
from tests.api.service import KEYS
from tests.api.shelves import MadeShelf, a_shelf, small, some_windows
from tests.api.streaming import Server, streaming
from tests.clocks import StillClock
from tests.prediction.served import FEATURES, HORIZONS

WINDOW = some_windows()[0]
PATH = "/api/v1/predict"
JSON = {"Content-Type": "application/json"}


class Predicting:
    """A server, its shelf, and a client."""

    def __init__(
        self, server: Server, shelf: MadeShelf, models: ModelServer, client: httpx.AsyncClient, figures: Figures
    ) -> None:
        self.figures = figures
        self.server = server
        self.shelf = shelf
        self.models = models
        self.client = client

    async def post(self, document: Any = None, *, content: bytes | None = None, **words: Any) -> httpx.Response:
        body = json.dumps(document).encode() if content is None else content
        return await self.client.post(PATH, content=body, headers={**JSON, **words})

    async def ask(self, **document: Any) -> dict[str, Any]:
        response = await self.post(document)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def refused(self, document: Any = None, **words: Any) -> tuple[int, dict[str, Any]]:
        response = await self.post(document, **words)
        assert response.headers["content-type"] == "application/problem+json", response.text
        return response.status_code, response.json()

    def batches(self) -> float:
        """Goes in which questions were answered."""
        return sum(self.figures.sample()[PREDICTION_BATCH.name]["small",][:-1])

    def figure(self, outcome: str) -> float:
        return self.server.figure(PREDICTION_CACHE, outcome)


@pytest.fixture
async def predict(tmp_path: Path) -> AsyncIterator[Predicting]:
    shelf = a_shelf()
    figures = Figures()
    server = ModelServer(shelf, list(shelf.models), figures=figures)
    figures.start(PREDICTION_BATCH, "small")
    with closing(ModelsHere(server, StillClock())) as models:  # type: ignore[arg-type]
        async with calling(tmp_path, models=models) as (running, client):
            yield Predicting(running, shelf, server, client, figures)


@asynccontextmanager
async def calling(folder: Path, **words: Any) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A server, and a client of it."""
    async with (
        streaming(folder, **words) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client,
    ):
        yield running, client


async def test_one_window_is_answered_as_the_runner_answers(predict: Predicting) -> None:
    said = await predict.ask(model="small", rows=WINDOW)

    runner = Runner(predict.shelf.models["small"])
    wanted = runner.answers(runner.whole(np.array([WINDOW], np.float32)))
    assert np.array_equal(said["chances"], wanted.chances[0])
    assert said == {
        "model": "small",
        "version": 1,
        "digest": predict.shelf.models["small"].digest,
        "horizons": list(HORIZONS),
        "chances": said["chances"],
        "directions": wanted.directions[0].tolist(),
        "is_sure": wanted.is_sure[0].tolist(),
        "votes": {name: votes[0].tolist() for name, votes in wanted.votes.items()},
        "cached": False,
    }


async def test_many_windows_are_answered_one_by_one(predict: Predicting) -> None:
    windows = some_windows(5)

    said = await predict.ask(model="small", windows=windows)

    alone = [await predict.ask(model="flat", rows=window) for window in windows]
    together = await predict.ask(model="flat", windows=windows)
    assert len(said["predictions"]) == 5
    assert [one["chances"] for one in together["predictions"]] == [one["chances"] for one in alone]


async def test_features_may_come_in_any_order(predict: Predicting) -> None:
    order = [2, 0, 3, 1]
    mixed = [[row[at] for at in order] for row in WINDOW]

    said = await predict.ask(model="small", rows=mixed, features=[FEATURES[at] for at in order])

    assert said["cached"] is False
    assert {**said, "cached": True} == await predict.ask(model="small", rows=WINDOW)


async def test_what_was_asked_before_is_remembered_and_counted(predict: Predicting) -> None:
    first = await predict.ask(model="small", windows=some_windows(3))
    second = await predict.ask(model="small", windows=[*some_windows(3), some_windows(1, seed=1)[0]])

    assert [one["cached"] for one in first["predictions"]] == [False] * 3
    assert [one["cached"] for one in second["predictions"]] == [True, True, True, False]
    assert (predict.figure("hit"), predict.figure("miss")) == (3, 4)
    assert 'microstructure_prediction_cache_total{outcome="hit"} 3.0' in (await predict.client.get("/metrics")).text


async def test_another_model_is_not_answered_from_memory_of_the_last(predict: Predicting) -> None:
    before = await predict.ask(model="small", rows=WINDOW)

    predict.shelf.models["small"] = small(2)
    predict.models.follow()
    after = await predict.ask(model="small", rows=WINDOW)

    assert (before["version"], after["version"], after["cached"]) == (1, 2, False)
    assert before["chances"] != after["chances"]


class _Late(ModelsHere):
    """What is known of its models is what was seen once."""

    seen: tuple[ModelStatus, ...] | None = None

    def models(self) -> Sequence[ModelStatus]:
        return self.seen or super().models()


async def test_a_model_that_is_exchanged_meanwhile_answers_by_the_version_whose_columns_were_read(
    tmp_path: Path,
) -> None:
    shelf = a_shelf()
    server = ModelServer(shelf, ["small"])
    runner = Runner(small())
    wanted = runner.answers(runner.whole(np.array([WINDOW], np.float32)))
    with closing(_Late(server, StillClock())) as models:  # type: ignore[arg-type]
        models.seen = server.models()
        async with calling(tmp_path, models=models) as (_, client):
            shelf.models["small"] = replace(small(2), features=FEATURES[::-1])
            server.follow()
            first = (await client.post(PATH, json={"model": "small", "rows": WINDOW})).json()
            shelf.models["small"] = small(3)
            server.follow()
            gone = await client.post(PATH, json={"model": "small", "rows": some_windows(seed=3)[0]})

    assert (first["version"], first["digest"], first["horizons"]) == (1, small().digest, list(HORIZONS))
    assert np.array_equal(first["chances"], wanted.chances[0])
    assert gone.status_code == 503
    assert int(gone.headers["retry-after"]) > 0


async def test_a_member_that_has_seen_too_little_votes_null(predict: Predicting) -> None:
    said = await predict.ask(model="small", rows=WINDOW[:3])

    assert said["votes"]["bin_ctabl"] == [None, None]
    assert None not in said["votes"]["gru"]
    assert np.isfinite(said["chances"]).all()


@pytest.mark.parametrize("words", ["small", "small@production", "small:1"])
async def test_a_model_has_several_names(predict: Predicting, words: str) -> None:
    assert (await predict.ask(model=words, rows=WINDOW))["version"] == 1


WRONG: dict[str, tuple[Any, str, str]] = {
    "no model": ({"rows": WINDOW}, "/model", "must be given"),
    "a number for a model": ({"model": 1, "rows": WINDOW}, "/model", "expected"),
    "nothing to predict from": ({"model": "small"}, "", "either rows"),
    "both": ({"model": "small", "rows": WINDOW, "windows": [WINDOW]}, "", "either rows"),
    "no rows": ({"model": "small", "rows": []}, "/rows", f"must have 1 to {MAX_ROWS} rows for this model, got 0"),
    "too few rows": ({"model": "flat", "rows": WINDOW[:11]}, "/rows", f"must have 12 to {MAX_ROWS} rows"),
    "too many rows": (
        {"model": "flat", "rows": WINDOW * 100},
        "/rows",
        f"12 to {MAX_ROWS} rows for this model, got 1200",
    ),
    "no windows": ({"model": "small", "windows": []}, "/windows", f"must be 1 to {MAX_WINDOWS}, got 0"),
    "too many windows": (
        {"model": "small", "windows": [WINDOW] * 257},
        "/windows",
        f"must be 1 to {MAX_WINDOWS}, got 257",
    ),
    "windows of two lengths": (
        {"model": "small", "windows": [WINDOW, WINDOW[:5]]},
        "/windows/1",
        "must have as many rows as the first window, 12, got 5",
    ),
    "a row too short": ({"model": "small", "rows": [*WINDOW, [1.0]]}, "/rows/12", "must have 4 values for this model"),
    "rows too wide": ({"model": "small", "windows": [[[1.0] * 5]]}, "/windows/0/0", "must have 4 values for this"),
    "text": ({"model": "small", "rows": [["1"]]}, "/rows/0/0", "expected `float | null`, got `str`"),
    "truth": ({"model": "small", "rows": [[True]]}, "/rows/0/0", "expected"),
    "no list": ({"model": "small", "rows": {"0": 1}}, "/rows", "expected `array`"),
    "too large for a network": ({"model": "small", "rows": [[1e39, 0, 0, 0]]}, "/rows/0/0", "got 1e+39"),
    "a feature missing": (
        {"model": "small", "rows": WINDOW, "features": list(FEATURES[:3])},
        "/features",
        f"must name all of the model's, missing {FEATURES[3]}",
    ),
    "a feature twice": (
        {"model": "small", "rows": WINDOW, "features": [*FEATURES, FEATURES[0]]},
        "/features",
        "must name each of the model's 4 once and no other, got 5",
    ),
    "unknown field": ({"model": "small", "rows": WINDOW, "symbol": "BTC"}, "", "unknown field"),
    "a list": ([1], "", "expected `object`"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_422_and_says_where_and_what_it_must_be(predict: Predicting, case: str) -> None:
    document, pointer, detail = WRONG[case]

    status, problem = await predict.refused(document)

    (error,) = problem["errors"]
    assert (status, error["pointer"]) == (422, pointer)
    assert detail in error["detail"]


async def test_an_unknown_model_offers_the_nearest(predict: Predicting) -> None:
    status, problem = await predict.refused({"model": "smaller", "rows": WINDOW})

    assert (status, problem["detail"]) == (422, "unknown model")
    assert problem["candidates"][0] == "small"
    status, problem = await predict.refused({"model": "\u0000" * 1000, "rows": WINDOW})
    assert "flat" in problem["candidates"]


HOSTILE: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"rows=1", 400),
    "half of it": (b'{"model": "small", "rows": [[1.0', 400),
    "not UTF-8": (b'{"model": "\xff"}', 400),
    "a number that is none": (b'{"model": "small", "rows": [[NaN]]}', 400),
    "a number without end": (b'{"model": "small", "rows": [[Infinity]]}', 400),
    "a number too large": (b'{"model": "small", "rows": [[1e999]]}', 422),
    "deep": (b'{"model": "small", "rows": ' + b"[" * 500_000, 422),
    "deep, unknown": (b'{"x": ' * 100_000, 422),
    "a key twice": (b'{"model": "small", "rows": [[1,2,3,4]], "rows": [[1,2,3,4]]}', 422),
    "a key twice, spelled otherwise": (b'{"model": "small", "rows": [[1,2,3,4]], "r\\u006fws": [[1,2,3,4]]}', 422),
    "a quote in a name": (b'{"model": "sm\\"all", "rows": [[1,2,3,4]]}', 422),
    "huge": (b'{"model": "small", "rows": [' + b"[1,2,3,4]," * 120_000 + b"[1,2,3,4]]}", 413),
    "a row of half a million": (b'{"model": "small", "rows": [[' + b"1," * 500_000 + b"1]]}", 422),
    "half a million rows": (b'{"model": "small", "rows": [' + b"[]," * 300_000 + b"[]]}", 422),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_bodies_are_refused_and_the_next_one_is_answered(predict: Predicting, case: str) -> None:
    content, wanted = HOSTILE[case]

    status, _ = await predict.refused(content=content)

    assert status == wanted
    assert (await predict.ask(model="small", rows=WINDOW))["model"] == "small"


async def test_other_types_are_415(predict: Predicting) -> None:
    response = await predict.client.post(PATH, content=b"1,2", headers={"Content-Type": "text/csv"})

    assert response.status_code == 415


async def test_it_needs_the_scope_read(tmp_path: Path) -> None:
    async with calling(tmp_path, has_keys=True) as (_, client):
        statuses = [
            (await client.post(PATH, json={}, headers={"X-API-Key": key})).status_code
            for key in ("none", KEYS["ingest"], KEYS["read"])
        ]

    assert statuses == [401, 403, 422]


async def test_without_models_it_is_503_and_says_when_to_come_back(tmp_path: Path) -> None:
    for models in (NoModels(), _refusing()):
        async with calling(tmp_path / type(models).__name__, models=models) as (_, client):
            response = await client.post(PATH, json={"model": "small", "rows": WINDOW})

        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0


def _refusing() -> ModelsHere:
    shelf = a_shelf()
    shelf.refused = {one.digest for one in shelf.models.values()}
    return ModelsHere(ModelServer(shelf, ["small"]), StillClock())  # type: ignore[arg-type]


class _Away(ModelsHere):
    """Its models are known, and cannot be reached."""

    async def whole(self, words: str, rows: Any) -> Answered:
        raise UnavailableError("the deployment is gone")


async def test_models_that_cannot_be_reached_are_503(tmp_path: Path) -> None:
    models = _Away(ModelServer(a_shelf(), ["small"]), StillClock())  # type: ignore[arg-type]
    async with calling(tmp_path, models=models) as (_, client):
        response = await client.post(PATH, json={"model": "small", "rows": WINDOW})

    assert response.status_code == 503
    assert response.json()["detail"] == "the model cannot be asked now"


async def test_too_many_at_once_are_429(predict: Predicting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "MAX_IN_FLIGHT", 0)

    response = await predict.post({"model": "small", "rows": WINDOW})

    assert (response.status_code, response.headers["retry-after"]) == (429, "1")


async def test_it_is_in_the_documentation(predict: Predicting) -> None:
    paths = (await predict.client.get("/openapi.json")).json()["paths"]

    body = paths[PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$defs"]["PredictBody"]["properties"]["windows"]["maxItems"] == MAX_WINDOWS
    assert {"/api/v1/models", "/api/v1/predictions/{instrument}"} <= paths.keys()


async def test_what_is_asked_at_the_same_time_is_answered_in_one_go(predict: Predicting) -> None:
    windows = some_windows(40)
    before = predict.batches()

    answers = await asyncio.gather(*(predict.ask(model="small", rows=window) for window in windows))

    alone = [await predict.ask(model="small", rows=window) for window in windows]
    assert [one["cached"] for one in alone] == [True] * 40
    assert [one["chances"] for one in answers] == [one["chances"] for one in alone]
    assert predict.batches() - before < 40


async def test_whoever_goes_away_keeps_nobody_waiting(predict: Predicting) -> None:
    windows = some_windows(10)
    asking = [asyncio.create_task(predict.ask(model="flat", rows=window)) for window in windows]
    await asyncio.sleep(0)

    for one in asking[::2]:
        one.cancel()
    done = await asyncio.gather(*asking, return_exceptions=True)

    assert sum(isinstance(one, dict) for one in done) == 5
    assert (await predict.ask(model="flat", rows=windows[0]))["model"] == "flat"


async def test_models_are_followed_on_after_a_look_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ModelServer(a_shelf(), ["small"])
    looks, enough = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            loop.call_soon_threadsafe(enough.set)
        raise OSError("the disk is away")

    class Hasty(StillClock):
        async def sleep(self, _seconds: float) -> None:
            await asyncio.sleep(0)

    monkeypatch.setattr(server, "follow", look)
    with closing(ModelsHere(server, Hasty())) as models:  # type: ignore[arg-type]
        following = asyncio.create_task(models.follow())
        async with asyncio.timeout(10.0):
            await enough.wait()
        assert not following.done()
        following.cancel()


@pytest.mark.parametrize(("count", "is_beside"), [(1, False), (200, True)])
async def test_the_loop_does_not_wait_for_the_numbers_of_a_large_body(
    predict: Predicting, count: int, is_beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    parse = predicting.parse_predict

    def parsed(body: bytes) -> Asked:
        threads.append(threading.current_thread())
        return parse(body)

    monkeypatch.setattr(predicting, "parse_predict", parsed)
    loop = threading.current_thread()

    said = await predict.ask(model="small", windows=some_windows(count))

    assert len(said["predictions"]) == count
    assert [one is not loop for one in threads] == [is_beside]
