"""Who may do what: API keys with scopes, kept as hashes, compared in constant time."""

import hashlib
import hmac
import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from fastapi.security import APIKeyHeader
from starlette.requests import HTTPConnection

from msray.api.problem import RefusedError
from msray.api.stream_ticket import Tickets
from msray.clock import Clock
from msray.errors import ConfigError, UsageError

_MINUTE_NS = 60 * 1_000_000_000
_MAX_BAD_KEYS = 10
_MAX_CLIENTS = 4096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT = re.compile(r":[0-9]*$")


class Scope(StrEnum):
    """What a key is good for. A key may have several; ``admin`` includes the others."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key we know only by its hash.

    Attributes
    ----------
    name
        Whose it is, for people.
    digest
        sha256 of the key.
    scopes
        What it is good for.
    """

    name: str
    digest: bytes
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Whether the key is good for this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class KeyRing:
    """All keys; without any, everything is open to this machine.

    Parameters
    ----------
    keys
        Names are unique.

    Examples
    --------
    >>> ring = KeyRing([key_of("sesame")])
    >>> ring.find(b"sesame").allows(Scope.INGEST), ring.find(b"open") is None
    (True, True)
    """

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = tuple(keys)
        names = [key.name for key in self._keys]
        if len(set(names)) < len(names):
            raise UsageError("names of API keys must be unique")

    def __bool__(self) -> bool:
        return bool(self._keys)

    def find(self, secret: bytes) -> ApiKey | None:
        """The key that this is; takes as long whether it is the first, the last or none."""
        digest = hashlib.sha256(secret).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def key_of(secret: str, name: str = "environment") -> ApiKey:
    """The key of a secret that was given in clear: good for everything.

    Raises
    ------
    ConfigError
        If it is empty: that would look like a lock and be none.
    """
    if not secret.strip():
        raise ConfigError("API key must not be empty", hint="unset MSRAY_API_KEY to run without keys on this machine")
    return ApiKey(name, hashlib.sha256(secret.encode()).digest(), frozenset({Scope.ADMIN}))


def read_keys(path: Path) -> list[ApiKey]:
    """Keys of a file: on each line the sha256 of a key in hexadecimal, its scopes with commas between, a name.

    ::

        # printf %s "$KEY" | sha256sum
        9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 read,ingest grafana

    Raises
    ------
    ConfigError
        With file and line; the line itself is not repeated, it might hold a key in clear.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the key file {path}: {type(error).__name__}") from error
    keys = []
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if words:
            keys.append(_parse(words, f"{path}:{number}"))
    if not keys:
        raise ConfigError(f"{path}: a key file must hold at least one key")
    return keys


def _parse(words: list[str], where: str) -> ApiKey:
    if len(words) != 3:
        raise ConfigError(f"{where}: must be three words, sha256 scopes name, got {len(words)}")
    try:
        digest = bytes.fromhex(words[0])
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise ConfigError(f"{where}: sha256 must be 64 hexadecimal digits", hint="printf %s KEY | sha256sum")
    scopes = set(words[1].split(","))
    if not scopes <= set(Scope):
        raise ConfigError(f"{where}: scopes must be of {', '.join(Scope)}")
    return ApiKey(words[2], digest, frozenset(Scope(scope) for scope in scopes))


class BadKeys:
    """Bad keys by client over the last minute, in bounded memory."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_s(self, client: str, now_ns: int) -> int:
        """Count one more; how long the client has to wait before it may be wrong again, 0 for not at all."""
        times = self._clients.setdefault(client, deque(maxlen=_MAX_BAD_KEYS))
        self._clients.move_to_end(client)
        if len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)
        if len(times) == _MAX_BAD_KEYS and now_ns - times[0] < _MINUTE_NS:
            return 1 + (times[0] + _MINUTE_NS - now_ns) // 1_000_000_000
        times.append(now_ns)
        return 0


class Guard:
    """Lets a request pass or refuses it.

    Parameters
    ----------
    keys
        Who is known.
    tickets
        Good for reading through a WebSocket, in place of a key.
    """

    def __init__(self, keys: KeyRing, tickets: Tickets) -> None:
        self._keys = keys
        self._tickets = tickets
        self._bad = BadKeys()

    def admit(self, request: HTTPConnection, scope: Scope, clock: Clock) -> str:
        """The name of whoever asks.

        Raises
        ------
        RefusedError
            401 without a key that is known, 429 after ten bad ones in a minute, 403 where the key is not good for this.
            A good key passes even then: behind a proxy all clients look like one.
        """
        if not self._keys:
            return self._neighbour(request)
        secret = _secret(request)
        if secret is None and scope is Scope.READ and self._has_ticket(request, clock):
            return "ticket"
        key = self._keys.find(secret) if secret is not None else None
        if key is None:
            client = request.client.host if request.client else ""
            wait_s = self._bad.wait_s(client, clock.monotonic_ns()) if secret is not None else 0
            if wait_s:
                raise RefusedError(429, "too many bad keys", headers={"Retry-After": str(wait_s)})
            raise RefusedError(401, "a valid key must be sent in X-API-Key", headers={"WWW-Authenticate": "ApiKey"})
        if not key.allows(scope):
            raise RefusedError(403, f"this key lacks the scope {scope.value!r}")
        return key.name

    def _has_ticket(self, request: HTTPConnection, clock: Clock) -> bool:
        offered = request.scope["subprotocols"] if request.scope["type"] == "websocket" else ()
        return self._tickets.is_among(offered, clock.now_ns())

    def _neighbour(self, request: HTTPConnection) -> str:
        """Without keys only this machine is served; a page whose host name was pointed here (DNS rebinding) is not."""
        host = _PORT.sub("", request.headers.get("host", ""))
        if host not in _LOOPBACK and "." in host:
            raise RefusedError(403, "without keys this is open to names of this machine only, such as localhost")
        return "anonymous"


class Requires(APIKeyHeader):
    """A route's declaration of the scope it needs.

    Parameters
    ----------
    scope
        What a key must be good for.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__(name="X-API-Key", auto_error=False)
        self.scope = scope

    async def __call__(self, request: HTTPConnection) -> None:
        """Refuse, or note who asks in ``request.state.principal``."""
        guard: Guard = request.app.state.guard
        request.state.principal = guard.admit(request, self.scope, request.app.state.api.clock)


async def open_to_everyone() -> None:
    """A route's declaration that it needs no key."""


async def known_origin(connection: HTTPConnection) -> None:
    """Refuse what a page of another site opens: CORS does not hold for WebSockets, so the browser would let it.

    Raises
    ------
    RefusedError
        403 where there is an ``Origin`` that is neither this host and port nor one of ``cors_origins``.
    """
    allowed = connection.app.state.api.cors_origins
    host = connection.headers.get("host", "").lower()
    for origin in connection.headers.getlist("origin"):
        if not (origin in allowed or "*" in allowed or (host and _host(origin) == host)):
            raise RefusedError(403, "pages of this origin may not call; cors_origins names those that may")


def scope_of(route: APIRoute | APIWebSocketRoute) -> Scope | None:
    """What a route declares; None where it is open to everyone.

    Raises
    ------
    UsageError
        If it declares nothing: a route nobody thought about is not served.
    """
    for dependency in route.dependencies:
        if isinstance(dependency.dependency, Requires):
            return dependency.dependency.scope
        if dependency.dependency is open_to_everyone:
            return None
    raise UsageError(f"route {route.path} must declare a scope")


def check_scopes(router: APIRouter) -> APIRouter:
    """The router itself, once every route of it is known to declare a scope."""
    for route in router.routes:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            scope_of(route)
    return router


def _host(origin: str) -> str:
    """Host and port of an origin, empty where it has none (``null``)."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _secret(request: HTTPConnection) -> bytes | None:
    """The key as raw bytes, from ``X-API-Key`` or, for clients that know only that, ``Authorization: Bearer``."""
    for name, value in request.scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:])
    return None
