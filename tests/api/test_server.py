"""The real server on a real socket: limits below the application, orderly ends."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from msray.api.config import ApiConfig
from msray.api.server import APIServer, listen, run_api_server_async
from msray.errors import UnavailableError
from msray.store.ledger_reader import LedgerReader
from tests.api.service import A_SIGNAL
from tests.waiting import eventually

BODY = json.dumps(A_SIGNAL).encode()
POST = b"POST /api/v1/signals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Running:
    """A server on a thread of its own."""

    def __init__(self, folder: Path, **words: object) -> None:
        self.path = folder / "ledger.db"
        self.server = APIServer(ApiConfig(port=0, ledger_url=str(self.path), **words))  # type: ignore[arg-type]
        self.url = ""
        self.failure: BaseException | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(20)
        if self.failure:
            raise self.failure

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=10)

    def ask(self, data: bytes) -> bytes:
        """Send raw bytes; everything that comes back until the other side closes."""
        with self.connect() as client:
            client.sendall(data)
            return self.read(client)

    @staticmethod
    def read(client: socket.socket) -> bytes:
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received

    def post(self, body: bytes, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        connection.request("POST", "/api/v1/signals", body, {"Content-Type": "application/json", **headers})
        return connection.getresponse()

    def stop(self) -> None:
        self.server.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        def started(url: str) -> None:
            self.url = url
            self._started.set()

        try:
            asyncio.run(self.server.serve(started))
        except BaseException as error:
            self.failure = error
            self._started.set()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("shared"))
    yield server
    server.stop()


def _status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def test_it_answers_and_does_not_say_what_it_is(shared: Running) -> None:
    answer = shared.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert _status(answer) == 200
    assert b"\r\nserver:" not in answer.lower()


def test_many_clients_at_once_are_all_durable(running: Running) -> None:
    def post(number: int) -> int:
        return running.post(json.dumps({**A_SIGNAL, "score": number / 1000}).encode()).status

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(post, range(200)))

    reader = LedgerReader(str(running.path))
    assert statuses == [201] * 200
    assert reader.last_seq() == 200
    reader.close()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_ten_megabytes_are_413_and_the_client_sees_it(shared: Running, is_chunked: bool) -> None:
    body = b'{"symbol":"' + b"A" * 10_000_000 + b'"}'
    connection = http.client.HTTPConnection(*shared.address, timeout=20)
    chunks = (body[at : at + 100_000] for at in range(0, len(body), 100_000))

    connection.request(
        "POST",
        "/api/v1/signals",
        chunks if is_chunked else body,
        {"Content-Type": "application/json"},
        encode_chunked=is_chunked,
    )
    response = connection.getresponse()

    assert response.status == 413
    assert json.loads(response.read())["title"]
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200


def test_a_client_that_asks_before_sending_is_refused_without_sending(shared: Running) -> None:
    with shared.connect() as client:
        client.sendall(POST + b"Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n")
        answer = client.recv(65536)

    assert _status(answer) == 413
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health?" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: " + b"y" * 33_000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + b"X: y\r\n" * 7_000 + b"\r\n", 431),
        (b"GET /" + b"x" * 2_000_000, 414),
        (b"GET /health HTTP/1.1\r\nX: " + b"y" * 2_000_000, 431),
        (b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 400_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Header : x\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_bad_heads_are_refused(shared: Running, head: bytes, status: int) -> None:
    with shared.connect() as client:
        for at in range(0, len(head), 50_000):
            client.sendall(head[at : at + 50_000])
        answer = Running.read(client)

    assert _status(answer) == status
    assert b"application/problem+json" in answer


def test_a_body_without_end_is_cut_off(shared: Running) -> None:
    sent = 0
    with shared.connect() as client, pytest.raises(OSError):
        client.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        while sent < 500_000_000:
            client.sendall(b"10000\r\n" + b"A" * 65536 + b"\r\n")
            sent += 65536

    assert sent < 100_000_000


def test_trailers_are_dropped(shared: Running) -> None:
    chunk = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n"

    answer = shared.ask(
        POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"X: y\r\n" * 9 + b"\r\n"
    )

    assert _status(answer) == 201


def test_a_head_that_does_not_end_is_408(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.protocol.REQUEST_S", 0.4)

    slow = running.ask(b"GET /health HTTP/1.1\r\nHost: ")
    silent = running.ask(b"")

    assert _status(slow) == 408
    assert silent == b""


def test_a_head_that_trickles_is_408_too(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.protocol.REQUEST_S", 0.4)

    with running.connect() as client:
        client.sendall(b"GET /health HTTP/1.1\r\n")
        client.settimeout(0.05)
        answer = b""
        for _ in range(100):
            client.sendall(b"X: y\r\n")
            try:
                answer = client.recv(65536)
                break
            except TimeoutError:
                continue

    assert _status(answer) == 408


def test_a_body_that_does_not_come_is_408(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.body.MAX_READ_S", 0.3)

    answer = running.ask(POST + b"Content-Length: 100\r\n\r\n{")

    assert _status(answer) == 408


def test_a_client_that_goes_away_hurts_nobody(running: Running) -> None:
    for cut in (10, len(POST), len(POST) + 20, len(POST) + 30):
        with running.connect() as client:
            client.sendall((POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)[:cut])

    assert running.post(BODY).status == 201


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 150), cut=st.integers(0, 20), put=st.binary(max_size=20))
def test_no_mutant_of_a_request_is_a_500(shared: Running, at: int, cut: int, put: bytes) -> None:
    request = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    with shared.connect() as client:
        client.sendall(request[:at] + put + request[at + cut :])
        client.shutdown(socket.SHUT_WR)
        answer = Running.read(client)

    assert not answer or 200 <= _status(answer) < 500


def test_a_taken_port_is_named(shared: Running, tmp_path: Path) -> None:
    host, port = shared.address

    with pytest.raises(UnavailableError, match=rf"port {port} on {host} cannot be used: Address already in use"):
        asyncio.run(run_api_server_async(ApiConfig(ledger_url=str(tmp_path / "other.db")), port=port))
    assert not (tmp_path / "other.db").exists()


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    async def serve() -> None:
        async with asyncio.timeout(5):
            await run_api_server_async(ApiConfig(ledger_url=str(tmp_path / "l.db")), port=99_999)

    with pytest.raises(ValidationError, match="less than or equal to 65535"):
        asyncio.run(serve())


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(UnavailableError):
        listen(host, 0)


def test_a_ledger_with_another_writer_is_refused_and_the_port_is_free_again(running: Running) -> None:
    second = APIServer(ApiConfig(port=0, ledger_url=str(running.path)))

    with pytest.raises(UnavailableError, match="is being written by pid"):
        asyncio.run(second.serve())


def is_open(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) == 0


def test_stopping_answers_what_is_under_way(tmp_path: Path) -> None:
    server = Running(tmp_path)
    with server.connect() as client:
        client.sendall(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY[:-1])
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it is under way
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        eventually(lambda: not is_open(server.address))
        client.sendall(BODY[-1:])
        answer = Running.read(client)
        stopper.join()

    reader = LedgerReader(str(server.path))
    assert _status(answer) == 201
    assert reader.last_seq() == 1
    reader.close()
