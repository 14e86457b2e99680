"""What every request and every answer has in common: bounded heads, safe headers, and being counted."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from msray.api.problem import RefusedError
from msray.clock import Clock
from msray.telemetry.families import HTTP_REQUESTS, HTTP_SECONDS, OTHER
from msray.telemetry.metrics import Figures

MAX_URI = 8 * 1024
MAX_HEADERS = 32 * 1024

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
_DOCS_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https://fastapi.tiangolo.com; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "frame-ancestors 'none'"
)
DOCS_PATH = "/docs"


class Envelope:
    """ASGI middleware around everything else.

    Parameters
    ----------
    app
        What is inside.
    figures
        Requests are counted here, by route template: a scan for unknown paths adds no series.
    clock
        Times them.
    """

    def __init__(self, app: ASGIApp, figures: Figures, clock: Clock) -> None:
        self._app = app
        self._figures = figures
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            await self._handshake(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started_ns = self._clock.monotonic_ns()

        async def send_sealed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *_safety(scope["path"])]
            await send(message)

        try:
            refusal = head_refusal(scope)
            inside: Callable[[Scope, Receive, Send], Awaitable[None]] = refusal.response() if refusal else self._app
            await inside(scope, receive, send_sealed)
        finally:
            route = getattr(scope.get("route"), "path", OTHER)
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._figures.add(HTTP_REQUESTS, method, route, str(status))
            seconds = (self._clock.monotonic_ns() - started_ns) / 1e9
            self._figures.observe(HTTP_SECONDS, route, value=seconds)

    async def _handshake(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket, which is a request until it is accepted or refused."""
        is_answered = False

        async def send_sealed(message: Message) -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                status = 101 if message["type"] == "websocket.accept" else message.get("status", 403)
                self._figures.add(HTTP_REQUESTS, "GET", getattr(scope.get("route"), "path", OTHER), str(status))
                if message["type"] == "websocket.http.response.start":
                    message["headers"] = [*message.get("headers", []), *_safety(scope["path"])]
            await send(message)

        refusal = head_refusal(scope)
        await (refusal.response() if refusal else self._app)(scope, receive, send_sealed)


def head_refusal(scope: Scope) -> RefusedError | None:
    """414 or 431 where the head of a request is too large."""
    uri = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if uri > MAX_URI:
        return RefusedError(414, f"the URI must be at most {MAX_URI} bytes")
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEADERS:
        return RefusedError(431, f"the headers must be at most {MAX_HEADERS} bytes")
    return None


def _safety(path: str) -> list[tuple[bytes, bytes]]:
    policy = _DOCS_POLICY if path == DOCS_PATH else _CONTENT_POLICY
    return [
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", policy.encode()),
    ]
