"""``POST /api/v1/signals``: durable before it is answered, and answered the same when it is repeated."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from msray.api.auth import Requires, Scope
from msray.api.body import check_content_type, check_declared_size, read_body
from msray.api.instruments import by_symbol, only
from msray.api.problem import RefusedError
from msray.api.schemas import (
    EXTERNAL,
    SubmittedSignal,
    content_digest,
    content_id,
    parse_submission,
    request_schema,
    to_signal,
)
from msray.api.state import ApiState
from msray.store.ledger_records import Batch, IdempotencyKey, KeyReusedError, Receipt, Source

MAX_IN_FLIGHT = 512
"""Submissions that may be read or stored at once."""
MAX_LARGE = 64
"""So many of them may be large; together they hold 92 MiB at most."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_encode = msgspec.json.Encoder().encode


class Ingest:
    """Takes submissions one by one.

    Parameters
    ----------
    state
        Where signals go, and what time it is.
    """

    def __init__(self, state: ApiState) -> None:
        self._state = state
        self._in_flight = 0
        self._keys: set[bytes] = set()

    async def submit(self, request: Request) -> Response:
        """One request, whose key was already checked."""
        if self._in_flight >= MAX_IN_FLIGHT:
            raise RefusedError(429, "too many submissions at once", headers={"Retry-After": "1"})
        self._in_flight += 1
        try:
            body = await read_body(request, may_be_large=self._in_flight <= MAX_LARGE)
            check_content_type(request)
            return await self._store(body, _principal(request), _idempotency_key(request))
        finally:
            self._in_flight -= 1

    async def _store(self, body: bytes, principal: str, key_text: str) -> Response:
        now_ns = self._state.clock.now_ns()
        submitted, is_batch = parse_submission(body, now_ns)
        scope = (principal, key_text) if key_text else ()
        running = by_symbol(self._state.books.instruments())
        signals = tuple(to_signal(one, _instrument(one, running), content_id(one, *scope), now_ns) for one in submitted)
        if not key_text:
            return _answer(await self._state.store.store(Batch(signals=signals, source=Source.SUBMITTED)), is_batch)
        digest = hashlib.sha256(f"{principal}\0{key_text}".encode()).digest()
        if digest in self._keys:
            raise RefusedError(
                409, "a request with this Idempotency-Key is still under way", headers={"Retry-After": "1"}
            )
        self._keys.add(digest)
        try:
            key = IdempotencyKey(digest, content_digest(submitted))
            receipt = await self._state.store.store(Batch(signals=signals, source=Source.SUBMITTED, key=key))
        except KeyReusedError as error:
            raise RefusedError(422, "this Idempotency-Key was used with other content") from error
        finally:
            self._keys.discard(digest)
        return _answer(receipt, is_batch)


def ingest_routes(state: ApiState) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api/v1", tags=["signals"])
    ingest = Ingest(state)
    description = {"requestBody": {"required": True, "content": {"application/json": {"schema": request_schema()}}}}

    @router.post(
        "/signals",
        status_code=201,
        dependencies=[Depends(check_declared_size), Depends(Requires(Scope.INGEST))],
        openapi_extra=description,
        summary="Submit one signal, or up to 1,000 at once",
        response_class=Response,
    )
    async def submit_signals(request: Request) -> Response:
        """Answer 201 once everything is durable.

        Content that was submitted before is not stored again: its answer names the same id and says `duplicate`. Two
        signals that differ in nothing are one, so send an `event_time` or an `Idempotency-Key` to tell them apart.
        A repeated `Idempotency-Key` (kept for 24 h) gives the first answer again, with `Idempotency-Replayed: true`.
        """
        return await ingest.submit(request)

    return router


def _instrument(submitted: SubmittedSignal, running: Mapping[str, Sequence[str]]) -> str:
    """The one that runs here, where no venue was named and only one does."""
    venue = submitted.venue
    candidates = running.get(submitted.symbol, ()) if venue is None else ()
    return only(candidates) or f"{venue or EXTERNAL}:{submitted.symbol}"


def _principal(request: Request) -> str:
    return str(request.state.principal)


def _idempotency_key(request: Request) -> str:
    text = request.headers.get("idempotency-key")
    if text is None:
        return ""
    if not _KEY.fullmatch(text):
        raise RefusedError(422, "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return text


def _answer(receipt: Receipt, is_batch: bool) -> Response:
    rows = [{"signal_id": row.signal_id, "seq": row.seq, "duplicate": not row.is_new} for row in receipt.stored]
    headers = {"Idempotency-Replayed": "true"} if receipt.is_replayed else {}
    document: dict[str, Any] = {"signals": rows}
    if not is_batch:
        document = rows[0]
        headers["Location"] = f"/api/v1/signals/{rows[0]['signal_id']}"
    return Response(_encode(document), 201, headers, "application/json")
