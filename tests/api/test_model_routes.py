"""GET of models, of predictions and of what came of them; predictions on the stream."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from msray.api.model_server import ModelServer
from msray.api.models_here import ModelsHere
from tests.api.made_predictions import a_prediction, a_score, predicted
from tests.api.service import Books, Service
from tests.api.shelves import a_shelf
from tests.api.streaming import receive, streaming
from tests.clocks import StillClock
from tests.prediction.served import FEATURES, HORIZONS
from tests.store.examples import BTC, ETH

SPOT = "binance_spot:BTCUSDT"


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    shelf = a_shelf()
    models = ModelsHere(ModelServer(shelf, ["small", "nothing"]), StillClock())  # type: ignore[arg-type]
    scores = (a_score(), a_score(horizon=5), a_score(model="small:2", ece=None))
    books = Books(
        predicted(1, 2, performance=scores),
        predicted(instrument=ETH, performance=(a_score(accuracy=0.75), a_score(model="other:1"))),
    )
    return open_service(books=books, models=models)


def test_models_are_shown_with_their_worth_beside_the_best_floor(service: Service) -> None:
    serving, missing = service.get("/api/v1/models")["models"]

    assert {key: serving[key] for key in ("words", "state", "version", "alias", "features", "horizons", "windows")} == {
        "words": "small",
        "state": "serving",
        "version": 1,
        "alias": "production",
        "features": list(FEATURES),
        "horizons": list(HORIZONS),
        "windows": {"gru": None, "bin_ctabl": 10},
    }
    assert [(one["horizon"], one["macro_f1"], one["floor"], one["floor_macro_f1"]) for one in serving["worth"]] == [
        (horizon, 0.5, "majority", 0.2) for horizon in HORIZONS
    ]
    assert (missing["state"], missing["version"], missing["problem"]) == (
        "unavailable",
        None,
        "unknown model 'nothing'",
    )


@pytest.mark.parametrize("name", [BTC, "BTCUSDT"])
def test_the_latest_predictions_of_an_instrument(service: Service, name: str) -> None:
    said = service.get(f"/api/v1/predictions/{name}")

    one = dataclasses.asdict(a_prediction(1))
    assert said["instrument"] == BTC
    assert [row["prediction_id"] for row in said["predictions"]] == [f"{number:032x}" for number in (1, 2)]
    assert said["predictions"][0] == _as_json(one) | {"event_time": "2024-08-09T00:00:00.000000001Z"}


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_as_json(one) for one in value]
    return {key: _as_json(one) for key, one in value.items()} if isinstance(value, dict) else value


def test_an_instrument_without_predictions_has_an_empty_list(service: Service) -> None:
    assert service.get("/api/v1/predictions/ETHUSDT") == {"instrument": ETH, "predictions": []}


def test_an_instrument_that_does_not_run_is_404_and_one_of_several_422(open_service: Callable[..., Service]) -> None:
    service = open_service(books=Books(predicted(1), predicted(2, instrument=SPOT)))

    assert service.call("GET", "/api/v1/predictions/NONE").status_code == 404
    assert service.call("GET", "/api/v1/predictions/BTCUSDT").json()["candidates"] == [SPOT, BTC]


def test_performance_is_by_instrument_and_horizon(service: Service) -> None:
    said = service.get("/api/v1/models/small/performance")["performance"]

    assert [(row["instrument"], row["model"], row["horizon"]) for row in said] == [
        (BTC, "small:1", 2),
        (BTC, "small:1", 5),
        (BTC, "small:2", 2),
        (ETH, "small:1", 2),
    ]
    assert (said[3]["accuracy"], said[2]["ece"]) == (0.75, None)
    assert [row["model"] for row in service.get("/api/v1/models/small:2/performance")["performance"]] == ["small:2"]


def test_a_model_that_serves_and_has_predicted_nothing_has_no_performance_yet(service: Service) -> None:
    assert service.get("/api/v1/models/nothing/performance") == {"model": "nothing", "performance": []}


def test_the_performance_of_nobody_is_404_with_the_nearest(service: Service) -> None:
    response = service.call("GET", "/api/v1/models/smaller/performance")

    assert response.status_code == 404
    assert response.json()["candidates"][0] == "small"


async def test_predictions_are_streamed_as_they_change(tmp_path: Path) -> None:
    books = Books(predicted(1), predicted(instrument=ETH))
    async with streaming(tmp_path, books) as server, server.open("?topics=predictions") as link:
        hello, first = await receive(link, 2)
        books.show(predicted(2), predicted(instrument=ETH))
        (second,) = await receive(link, 1)
        books.show(predicted(2, state="unsynced"), predicted(7, instrument=ETH))
        (third,) = await receive(link, 1)

    assert (hello["topics"], hello["seq"]) == (["predictions"], {"predictions": 0})
    assert [(one["type"], one["topic"], one["seq"], one["instrument"]) for one in (first, second, third)] == [
        ("prediction", "predictions", seq, name) for seq, name in ((1, BTC), (2, BTC), (3, ETH))
    ]
    assert [one["data"]["predictions"][0]["event_id"] for one in (first, second, third)] == [1, 2, 7]


async def test_a_frame_is_what_the_route_answers(tmp_path: Path) -> None:
    async with (
        streaming(tmp_path, Books(predicted(1, 2))) as server,
        server.open("?topics=books,predictions") as link,
        httpx.AsyncClient() as client,
    ):
        _, book, prediction = await receive(link, 3)
        said = await client.get(f"http://127.0.0.1:{server.port}/api/v1/predictions/{BTC}")

    assert book["type"] == "book"
    assert prediction["data"] == said.json()
