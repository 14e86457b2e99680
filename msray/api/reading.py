"""``GET`` of signals, books and instruments."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from msray.api.auth import Requires, Scope
from msray.api.instruments import resolve
from msray.api.problem import FieldError, RefusedError
from msray.api.schemas import is_instrument, is_name, is_symbol
from msray.api.state import ApiState, InstrumentSnapshot
from msray.errors import UsageError
from msray.store.ledger_records import MAX_PAGE, SignalQuery, StoredSignal, from_cursor, parse_time, rfc3339, to_cursor

MAX_DEPTH = 100
_READ = [Depends(Requires(Scope.READ))]
_encode = msgspec.json.Encoder().encode


class SignalParameters(BaseModel, extra="forbid", frozen=True):
    """The query of ``GET /api/v1/signals``."""

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="signals a page")
    after: str | None = Field(None, max_length=64, description="`cursor` of the page before")
    order: Literal["newest", "oldest"] = Field("newest", description="`oldest` first is how to follow along")
    instrument: str | None = Field(None, max_length=97, description="`venue:SYMBOL`, or a symbol where it is unique")
    signal_type: str | None = Field(None, max_length=64)
    since: str | None = Field(None, max_length=40, description="event time, RFC 3339, included")
    until: str | None = Field(None, max_length=40, description="event time, RFC 3339, excluded")
    min_score: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


def reading_routes(state: ApiState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/signals", dependencies=_READ, tags=["signals"], response_class=Response)
    async def list_signals(request: Request, parameters: Annotated[SignalParameters, Query()]) -> Response:
        """A page of signals, and where it ends.

        `next` is the path of the page after, null at the end; what is stored meanwhile moves nothing. `cursor` is where
        this page ended, also at the end: with `order=oldest` ask again from there to see what is new.
        """
        instrument = await find_instrument(state, parameters.instrument, "instrument")
        query = _query(parameters, instrument)
        is_unknown = parameters.instrument is not None and instrument is None
        rows = [] if is_unknown else await state.store.page(query)
        return _json(_page(rows, parameters, request.url.path))

    @router.get("/signals/{signal_id}", dependencies=_READ, tags=["signals"], response_class=Response)
    async def get_signal(signal_id: str) -> Response:
        """One signal."""
        try:
            found = await state.store.get(signal_id)
        except UsageError as error:
            raise RefusedError(404, "there is no such signal") from error
        if found is None:
            raise RefusedError(404, "there is no such signal")
        return _json(found.document())

    @router.get("/books/{instrument}", dependencies=_READ, tags=["books"], response_class=Response)
    async def get_book(instrument: str, depth: Annotated[int, Query(ge=1, le=MAX_DEPTH)] = 20) -> Response:
        """The latest book of an instrument; `bids` and `asks` are null while it is not synced.

        Prices and sizes are decimal strings, best first.
        """
        name = resolve(instrument, state.books.instruments())
        snapshot = state.books.snapshot(name) if name else None
        if snapshot is None:
            raise RefusedError(404, "there is no such instrument running here")
        return _json(book_document(snapshot, depth, state.clock.now_ns()))

    @router.get("/instruments", dependencies=_READ, tags=["books"], response_class=Response)
    async def list_instruments() -> Response:
        """Every instrument that is running, and its state."""
        now_ns = state.clock.now_ns()
        snapshots = [state.books.snapshot(name) for name in sorted(state.books.instruments())]
        return _json({"instruments": [_status(snapshot, now_ns) for snapshot in snapshots if snapshot]})

    return router


async def find_instrument(state: ApiState, name: str | None, parameter: str) -> str | None:
    """The instrument that a parameter of a query names; None where it names none, or a symbol that nobody knows.

    Raises
    ------
    RefusedError
        422 where this cannot be a name, or where a symbol stands for several instruments.
    """
    if name is None:
        return None
    if not (is_instrument(name) or is_symbol(name)):
        raise wrong_parameter(parameter, "must be venue:SYMBOL or a symbol")
    stored = [] if ":" in name else await state.store.instruments_of(name)
    return resolve(name, {*stored, *state.books.instruments()})


def book_document(snapshot: InstrumentSnapshot, depth: int, now_ns: int) -> dict[str, Any]:
    """A book as a JSON-able document.

    Parameters
    ----------
    snapshot
        What is known of it.
    depth
        Levels of a side, 1 to 100.
    now_ns
        ``stale_ms`` is counted from here.
    """
    return _status(snapshot, now_ns) | _levels(snapshot, depth)


def wrong_parameter(name: str, detail: str) -> RefusedError:
    """422 that names a parameter of the query and what it must be."""
    return RefusedError(422, "the query is not valid", errors=[FieldError(f"query/{name}", detail)])


def _query(parameters: SignalParameters, instrument: str | None) -> SignalQuery:
    if parameters.signal_type is not None and not is_name(parameters.signal_type):
        raise wrong_parameter("signal_type", "must be 1 to 64 of A-Z a-z 0-9 . - _")
    try:
        after = None if parameters.after is None else from_cursor(parameters.after)
    except UsageError as error:
        raise wrong_parameter("after", "must be a cursor from an earlier page") from error
    return SignalQuery(
        instrument=instrument,
        signal_type=parameters.signal_type,
        since_ns=_time("since", parameters.since),
        until_ns=_time("until", parameters.until),
        min_score=parameters.min_score,
        after=after,
        limit=parameters.limit,
        newest_first=parameters.order == "newest",
    )


def _time(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except UsageError as error:
        raise wrong_parameter(name, "must be an RFC 3339 time such as 2024-08-08T12:00:00Z") from error


def _page(rows: list[StoredSignal], parameters: SignalParameters, path: str) -> dict[str, Any]:
    cursor = to_cursor(rows[-1].seq) if rows else parameters.after
    following = None
    if len(rows) == parameters.limit:
        following = f"{path}?{urlencode(parameters.model_dump(exclude_none=True) | {'after': cursor})}"
    return {"signals": [row.document() for row in rows], "next": following, "cursor": cursor}


def _status(snapshot: InstrumentSnapshot, now_ns: int) -> dict[str, Any]:
    seen = snapshot.local_ns > 0
    return {
        "instrument": snapshot.instrument,
        "state": snapshot.state,
        "epoch": snapshot.epoch,
        "update_id": snapshot.update_id,
        "event_time": rfc3339(snapshot.event_ns) if snapshot.event_ns else None,
        "event_ns": snapshot.event_ns,
        "stale_ms": max(0, now_ns - snapshot.local_ns) / 1e6 if seen else None,
        "quality": dict(snapshot.quality),
    }


def _levels(snapshot: InstrumentSnapshot, depth: int) -> dict[str, Any]:
    if snapshot.state != "synced":
        return {"bids": None, "asks": None, "features": None}
    price, size = snapshot.price_decimals, snapshot.size_decimals
    sides = {"bids": snapshot.bids, "asks": snapshot.asks}
    levels = {side: [[_decimal(p, price), _decimal(s, size)] for p, s in rows[:depth]] for side, rows in sides.items()}
    return {**levels, "features": dict(snapshot.features)}


def _decimal(units: int, decimals: int) -> str:
    digits = str(units).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def _json(document: dict[str, Any]) -> Response:
    return Response(_encode(document), media_type="application/json")
