"""Every route has a scope, every key only its own, and guessing is slow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, WebSocket
from fastapi.routing import APIRoute

from msray.api.app import create_app
from msray.api.auth import (
    BadKeys,
    KeyRing,
    Requires,
    Scope,
    check_scopes,
    key_of,
    open_to_everyone,
    read_keys,
    scope_of,
)
from msray.api.config import ApiConfig
from msray.errors import ConfigError, UsageError
from tests.api.service import A_SIGNAL, KEYS, Service

NO_KEY = None
CALLERS = [NO_KEY, *Scope]
SCOPES: dict[tuple[str, str], Scope | None] = {
    ("POST", "/api/v1/signals"): Scope.INGEST,
    ("GET", "/api/v1/signals"): Scope.READ,
    ("GET", "/api/v1/signals/{signal_id}"): Scope.READ,
    ("GET", "/api/v1/books/{instrument}"): Scope.READ,
    ("GET", "/api/v1/instruments"): Scope.READ,
    ("POST", "/api/v1/predict"): Scope.READ,
    ("GET", "/api/v1/predictions/{instrument}"): Scope.READ,
    ("GET", "/api/v1/models"): Scope.READ,
    ("GET", "/api/v1/models/{name}/performance"): Scope.READ,
    ("GET", "/api/v1/stream"): Scope.READ,
    ("POST", "/api/v1/stream/tickets"): Scope.READ,
    ("GET", "/health"): None,
    ("GET", "/health/ready"): Scope.READ,
    ("GET", "/metrics"): Scope.READ,
}
SECOND_NS = 1_000_000_000


@pytest.fixture
def locked(open_service: Callable[..., Service]) -> Service:
    return open_service(has_keys=True)


def _routes(service: Service) -> set[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = service.app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_table_names_every_route_there_is(locked: Service) -> None:
    assert _routes(locked) == set(SCOPES)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), SCOPES)
def test_every_route_with_every_key(locked: Service, method: str, path: str, caller: Scope | None) -> None:
    needed = SCOPES[method, path]
    concrete = path.replace("{signal_id}", "0" * 32).replace("{instrument}", "x:Y").replace("{name}", "x")
    headers = {"X-API-Key": KEYS[caller]} if caller else {}

    status = locked.call(method, concrete, headers=headers, json=A_SIGNAL if method == "POST" else None).status_code

    if needed is None or caller in (needed, Scope.ADMIN):
        assert status in (200, 201, 404, 422, 426)  # 422: a signal is nothing to predict from
    else:
        assert status == (401 if caller is NO_KEY else 403)


def test_a_route_without_a_scope_is_not_served(locked: Service) -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None:
        """Nobody thought about who may call this."""

    with pytest.raises(UsageError, match="/forgotten must declare a scope"):
        create_app(locked.app.state.api, KeyRing(), routers=[router])


def test_a_socket_without_a_scope_is_not_served(locked: Service) -> None:
    router = APIRouter()

    @router.websocket("/forgotten")
    async def forgotten(websocket: WebSocket) -> None:
        """Nobody thought about who may listen."""

    with pytest.raises(UsageError, match="/forgotten must declare a scope"):
        create_app(locked.app.state.api, KeyRing(), routers=[router])


def test_more_routes_can_be_added_with_their_scope(locked: Service) -> None:
    router = APIRouter()

    @router.get("/more", dependencies=[Depends(Requires(Scope.ADMIN))])
    async def more() -> str:
        return "more"

    @router.get("/open", dependencies=[Depends(open_to_everyone)])
    async def open_route() -> str:
        return "open"

    create_app(locked.app.state.api, KeyRing(), routers=[router])

    assert [scope_of(route) for route in check_scopes(router).routes if isinstance(route, APIRoute)] == [
        Scope.ADMIN,
        None,
    ]


@pytest.mark.parametrize("key", ["", "wrong", "read-sesam", "read-sesame ", "ключ".encode(), b"\xff\xfe", "x" * 5000])
def test_a_key_that_is_not_known_is_401(locked: Service, key: Any) -> None:
    response = locked.call("GET", "/api/v1/signals", headers={"X-API-Key": key})

    assert response.status_code == 401
    assert "www-authenticate" in response.headers


def test_a_key_may_come_as_a_bearer_token(locked: Service) -> None:
    assert locked.call("GET", "/metrics", headers={"Authorization": f"Bearer {KEYS[Scope.READ]}"}).status_code == 200
    assert locked.call("GET", "/metrics", headers={"Authorization": f"Basic {KEYS[Scope.READ]}"}).status_code == 401


def test_the_eleventh_bad_key_in_a_minute_is_429(locked: Service) -> None:
    def status(key: str, host: str = "10.0.0.1") -> httpx.Response:
        return locked.call("GET", "/api/v1/signals", headers={"X-API-Key": key}, client=(host, 1))

    first = [status(f"guess-{n}").status_code for n in range(10)]
    eleventh = status("guess-10")

    assert first == [401] * 10
    assert eleventh.status_code == 429
    assert 0 < int(eleventh.headers["retry-after"]) <= 61
    assert status("guess", host="10.0.0.2").status_code == 401
    assert status(KEYS[Scope.READ]).status_code == 200
    assert locked.call("GET", "/api/v1/signals", client=("10.0.0.1", 1)).status_code == 401
    locked.clock.advance(61)
    assert status("guess-11").status_code == 401


def test_bad_keys_are_remembered_in_bounded_memory() -> None:
    bad = BadKeys()

    for client in range(20_000):
        assert bad.wait_s(str(client), 0) == 0

    assert len(bad._clients) <= 4096


def test_a_window_of_bad_keys_moves() -> None:
    bad = BadKeys()

    waits = [bad.wait_s("x", second * SECOND_NS) for second in range(0, 120, 5)]

    assert waits[:10] == [0] * 10
    assert waits[10:12] == [11, 6]
    assert waits[12] == 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("workstation:8000", 200),
        ("evil.example.com", 403),
        ("evil.example.com:8000", 403),
        ("127.0.0.1.evil.example.com", 403),
        ("192.168.1.7", 403),
    ],
)
def test_without_keys_a_foreign_host_name_is_refused(service: Service, host: str, status: int) -> None:
    assert service.call("GET", "/api/v1/signals", headers={"Host": host}).status_code == status


def test_keys_are_compared_as_hashes_and_never_kept() -> None:
    key = key_of("sesame")

    assert b"sesame" not in key.digest
    assert "sesame" not in repr(KeyRing([key]).__dict__)


def test_a_key_file_is_read(tmp_path: Path) -> None:
    digests = [key_of(f"key-{n}").digest.hex() for n in range(2)]
    path = tmp_path / "keys"
    path.write_text(f"# who may do what ä\n\n{digests[0]} read,ingest grafana\n{digests[1].upper()} admin  ops # me\n")

    keys = read_keys(path)

    assert [(key.name, key.scopes) for key in keys] == [
        ("grafana", frozenset({Scope.READ, Scope.INGEST})),
        ("ops", frozenset({Scope.ADMIN})),
    ]
    found = KeyRing(keys).find(b"key-1")
    assert found is not None
    assert found.name == "ops"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold at least one key"),
        ("# nothing\n", "at least one key"),
        ("\nsecret-in-clear read\n", r"keys:2: must be three words"),
        ("secret-in-clear read me\n", r"keys:1: sha256 must be 64 hexadecimal digits"),
        ("00" * 32 + " root me\n", r"keys:1: scopes must be of read, ingest, admin"),
        ("00" * 32 + " read, me\n", r"keys:1: scopes must be of"),
    ],
)
def test_a_wrong_key_file_is_refused_without_repeating_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)

    with pytest.raises(ConfigError, match=message) as caught:
        read_keys(path)
    assert "secret-in-clear" not in str(caught.value)


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="unique"):
        KeyRing([key_of("a"), key_of("b")])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_without_keys_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(ValueError, match="unless there is an API key"):
        ApiConfig(host=host)
    ApiConfig(host=host, api_key="sesame")


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ConfigError, match="must not be empty"):
        ApiConfig(api_key=" ").key_ring()
    assert ApiConfig(api_key="sesame").key_ring().find(b"sesame")
    assert "sesame" not in repr(ApiConfig(api_key="sesame", ledger_url="postgresql://u:sesame@h/d"))
