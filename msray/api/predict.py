"""``POST /api/v1/predict``: what a model says of rows that a client sends."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Request
from numpy.typing import NDArray
from starlette.responses import Response

from msray.api.auth import Requires, Scope
from msray.api.body import ANY, check_content_type, check_declared_size, read_body
from msray.api.model_documents import answer_document
from msray.api.models import Answered, ModelStatus
from msray.api.predict_body import find_model, parse_predict, predict_schema, to_rows
from msray.api.problem import RefusedError
from msray.api.state import ApiState
from msray.errors import UnavailableError
from msray.prediction.cache import PredictionCache
from msray.telemetry.families import PREDICTION_CACHE

MAX_IN_FLIGHT = 64
"""Questions that may be read or answered at once; together their bodies hold 64 MiB at most."""
ANSWER_S = 10.0
"""Seconds that a model has for its answer."""
LARGE = 32_768
"""Bytes of a body beyond which the loop does not wait for its numbers."""
_encode = msgspec.json.Encoder().encode


class Predict:
    """Answers questions one by one, those that were asked before from memory.

    Parameters
    ----------
    state
        The models, and what time it is.
    """

    def __init__(self, state: ApiState) -> None:
        self._state = state
        self._in_flight = 0
        self._cache: PredictionCache[dict[str, Any]] = PredictionCache()
        for outcome in ("hit", "miss"):
            state.figures.start(PREDICTION_CACHE, outcome)

    async def answer(self, request: Request) -> Response:
        """One request, whose key was already checked."""
        if self._in_flight >= MAX_IN_FLIGHT:
            raise RefusedError(429, "too many questions at once", headers={"Retry-After": "1"})
        self._in_flight += 1
        try:
            body = await read_body(request, large=ANY)
            check_content_type(request)
            return await self._answer(body)
        finally:
            self._in_flight -= 1

    async def _answer(self, body: bytes) -> Response:
        models = self._state.models.models()
        # A mebibyte of numbers takes a tenth of a second; a thread costs more than a small body.
        read = await asyncio.to_thread(_read, body, models) if len(body) > LARGE else _read(body, models)
        is_many, model, rows = read
        head, found = await self._found(model, rows)
        document = {**head, "predictions": found} if is_many else {**head, **found[0]}
        return Response(_encode(document), media_type="application/json")

    async def _found(self, model: ModelStatus, rows: NDArray[np.float32]) -> tuple[dict[str, Any], list[Any]]:
        """Which model it was, and a document for each window."""
        now_ns = self._state.clock.monotonic_ns()
        found = [self._cache.get(_key(model.digest, window), now_ns) for window in rows]
        head = {"model": model.name, "version": model.version, "digest": model.digest, "horizons": model.horizons}
        missing = [at for at, one in enumerate(found) if one is None]
        if missing:
            answered = await self._asked(model, rows[missing])
            for place, at in enumerate(missing):
                document = found[at] = answer_document(answered.answers, place)
                self._cache.put(_key(model.digest, rows[at]), document, now_ns)
        self._state.figures.add(PREDICTION_CACHE, "hit", by=len(rows) - len(missing))
        self._state.figures.add(PREDICTION_CACHE, "miss", by=len(missing))
        asked_now = set(missing)
        return head, [{**(one or {}), "cached": at not in asked_now} for at, one in enumerate(found)]

    async def _asked(self, model: ModelStatus, rows: NDArray[np.float32]) -> Answered:
        """By its digest: the columns were put in its order, and its name may stand for another by now."""
        assert model.digest is not None  # as of all that are served
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._state.models.whole(model.digest, rows)
        except TimeoutError as error:
            detail = f"the model has not answered within {ANSWER_S:.0f} s"
            raise RefusedError(503, detail, headers={"Retry-After": "5"}) from error
        except UnavailableError as error:
            raise RefusedError(503, "the model cannot be asked now", headers={"Retry-After": "2"}) from error


def predict_routes(state: ApiState) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api/v1", tags=["models"])
    predict = Predict(state)
    description = {"requestBody": {"required": True, "content": {"application/json": {"schema": predict_schema()}}}}

    @router.post(
        "/predict",
        dependencies=[Depends(check_declared_size), Depends(Requires(Scope.READ))],
        openapi_extra=description,
        summary="What a model says of one window of rows, or of many",
        response_class=Response,
    )
    async def predict_windows(request: Request) -> Response:
        """Answer for each horizon: `chances` of down, flat and up, `directions` (-1, 0, 1), `is_sure`, and `votes`.

        `is_sure` says that every other direction is excluded, by the model's sets as they were fitted; those of live
        predictions follow what came. A member that has nothing to say of so few rows votes null. Networks that go on
        row by row begin with the first row of a window. `cached` answers were given before, by the same model for the
        same rows. With `windows` there is one such answer for each, in `predictions`.
        """
        return await predict.answer(request)

    return router


def _read(body: bytes, models: Sequence[ModelStatus]) -> tuple[bool, ModelStatus, NDArray[np.float32]]:
    """Whether many windows were sent, for which model, and as it takes them."""
    asked = parse_predict(body)
    model = find_model(asked.model, models)
    return asked.is_many, model, to_rows(asked, model)


def _key(digest: str | None, window: NDArray[np.float32]) -> bytes:
    """Of all that an answer depends on."""
    return hashlib.blake2b(window.tobytes(), key=bytes.fromhex(digest or ""), digest_size=16).digest()
