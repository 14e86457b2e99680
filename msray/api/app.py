"""``create_app``: the whole API around what it is given. Starts nothing and owns nothing."""

import logging
from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError, ValidationException, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

import msray
from msray.api.auth import Guard, KeyRing, check_scopes
from msray.api.envelope import DOCS_PATH, Envelope
from msray.api.health import health_routes
from msray.api.ingest import ingest_routes
from msray.api.model_routes import model_routes
from msray.api.predict import predict_routes
from msray.api.problem import FieldError, RefusedError
from msray.api.reading import reading_routes
from msray.api.state import ApiState
from msray.api.stream import Streams, stream_routes
from msray.api.stream_query import StreamParameters
from msray.api.stream_ticket import Tickets
from msray.errors import UnavailableError, UsageError
from msray.telemetry.families import HTTP_REQUESTS, HTTP_SECONDS, OTHER
from msray.telemetry.metrics import Figures

_log = logging.getLogger(__name__)


def create_app(state: ApiState, keys: KeyRing | None = None, *, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The API.

    Parameters
    ----------
    state
        Stores, books, figures and time.
    keys
        Who may call; without any, everything is open to names of this machine.
    routers
        More routes; each must declare a scope, as all do.

    Raises
    ------
    UsageError
        If a route declares no scope.
    """
    shows_docs = state.profile == "development"
    app = FastAPI(
        title="msray",
        version=msray.__version__,
        docs_url=DOCS_PATH if shows_docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if shows_docs else None,
        redirect_slashes=False,
    )
    tickets = Tickets(state.ticket_secret)
    app.state.api = state
    app.state.guard = Guard(keys or KeyRing(), tickets)
    app.state.streams = Streams(state)
    own = [ingest_routes(state), reading_routes(state), stream_routes(state, app.state.streams, tickets)]
    everything = [*own, predict_routes(state), model_routes(state), health_routes(state), *routers]
    for router in everything:
        app.include_router(check_scopes(router))
    routes = [route for router in everything for route in router.routes if isinstance(route, APIRoute)]
    _answer_errors(app, routes)
    _start_figures(state.figures, routes)
    if state.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(state.cors_origins), allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    app.add_middleware(Envelope, figures=state.figures, clock=state.clock)
    return app


def _start_figures(figures: Figures, routes: list[APIRoute]) -> None:
    """Show every route before its first request; no other names will follow, but for ``other``."""
    figures.start(HTTP_SECONDS, OTHER)
    for route in routes:
        figures.start(HTTP_SECONDS, route.path)
        for method in route.methods or ():
            figures.start(HTTP_REQUESTS, method, route.path, str(route.status_code or 200))


def _answer_errors(app: FastAPI, routes: list[APIRoute]) -> None:
    """Every error becomes a problem document in our own words."""

    @app.exception_handler(RefusedError)
    async def problem(_request: Request, error: RefusedError) -> Response:
        return error.response()

    @app.exception_handler(UnavailableError)
    async def unavailable(_request: Request, error: UnavailableError) -> Response:
        _log.warning("unavailable: %s", error)
        return RefusedError(
            503, "the store cannot be reached now; nothing was stored", headers={"Retry-After": "2"}
        ).response()

    @app.exception_handler(UsageError)
    async def refused(_request: Request, error: UsageError) -> Response:
        _log.warning("refused: %s", error)
        return RefusedError(422, "the request cannot be carried out").response()

    @app.exception_handler(WebSocketRequestValidationError)
    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: ValidationException) -> Response:
        errors = [FieldError(_place(one["loc"]), _words(one)) for one in error.errors()]
        return RefusedError(422, "the query is not valid", errors=errors).response()

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            allowed = sorted(
                {m for route in routes if route.path_regex.match(request.url.path) for m in route.methods or ()}
            )
            return RefusedError(
                405, "the method must be one of Allow", headers={"Allow": ", ".join(allowed)}
            ).response()
        detail = "there is nothing here" if error.status_code == 404 else "the request is refused"
        return RefusedError(error.status_code, detail).response()

    @app.exception_handler(Exception)
    async def mistake(_request: Request, _error: Exception) -> Response:
        return RefusedError(500, "a mistake of ours; it was logged").response()


def _place(location: Sequence[int | str]) -> str:
    """Where a value stands; a name that the client chose is not repeated."""
    known = {"limit", "after", "order", "instrument", "signal_type", "since", "until", "min_score", "depth"}
    known |= StreamParameters.model_fields.keys()
    return "/".join(str(part) for part in location if part in {"query", "path", *known})


_WORDS = {
    "extra_forbidden": "unknown parameter",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
}


def _words(error: dict[str, object]) -> str:
    if words := _WORDS.get(str(error["type"])):
        return words
    bounds = error.get("ctx")
    limits = {k: v for k, v in bounds.items() if isinstance(v, int | float)} if isinstance(bounds, dict) else {}
    if isinstance(bounds, dict) and "expected" in bounds:
        return f"must be {bounds['expected']}"
    return (
        "must be " + " and ".join(f"{name} {value:g}" for name, value in limits.items()) if limits else "is not valid"
    )
