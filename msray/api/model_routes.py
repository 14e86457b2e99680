"""``GET`` of models, of what they said last, and of how that has turned out."""

import difflib
from typing import Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from msray.api.auth import Requires, Scope
from msray.api.instruments import resolve
from msray.api.model_documents import model_document, performance_document, predictions_document
from msray.api.predict_body import names_of
from msray.api.problem import RefusedError
from msray.api.state import ApiState

_READ = [Depends(Requires(Scope.READ))]


def model_routes(state: ApiState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["models"])

    @router.get("/models", dependencies=_READ, response_class=Response)
    async def list_models() -> Response:
        """Every model that is to be served: what it reads, and what it was worth beside the best rule without one.

        `problem` says why one is `unavailable`, or why it is not served in its newest version.
        """
        return _json({"models": [model_document(one) for one in state.models.models()]})

    @router.get("/predictions/{instrument}", dependencies=_READ, response_class=Response)
    async def get_predictions(instrument: str) -> Response:
        """The latest prediction of each model for an instrument, with the time of the row behind which it was made."""
        name = resolve(instrument, state.books.instruments())
        snapshot = state.books.snapshot(name) if name else None
        if snapshot is None:
            raise RefusedError(404, "there is no such instrument running here")
        return _json(predictions_document(snapshot))

    @router.get("/models/{name}/performance", dependencies=_READ, response_class=Response)
    async def get_performance(name: str) -> Response:
        """What came of the latest live predictions, by instrument and horizon, beside what needs no model.

        `name` is `NAME`, for all its versions, or `NAME:VERSION`. Where nothing has come yet, the list is empty.
        """
        snapshots = [state.books.snapshot(one) for one in sorted(state.books.instruments())]
        live = [one for one in snapshots if one is not None]
        rows = [row for one in live for row in performance_document(one, name)]
        known = {words for one in state.models.models() for words in names_of(one)}
        known |= {words for one in live for score in one.performance for words in (score.model, _name(score.model))}
        if not rows and name not in known:
            near = difflib.get_close_matches(name[:100], known, n=3, cutoff=0.5)
            raise RefusedError(404, "there is no such model here", candidates=near)
        return _json({"model": name, "performance": rows})

    return router


def _name(model: str) -> str:
    return model.partition(":")[0]


def _json(document: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
