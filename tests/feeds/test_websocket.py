"""Both clients against a real server on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from msray.errors import UsageError
from msray.feeds.dial import dial
from msray.feeds.websocket import MOST_FRAME_BYTES, Refused, Socket
from msray.on_ray.environment import free_port
from tests.waiting import standstill, until

Handler = Callable[[ServerConnection], Awaitable[None]]

pytestmark = pytest.mark.parametrize("is_fast", [False, True], ids=["websockets", "picows"])


@asynccontextmanager
async def server(handler: Handler, **options: object) -> AsyncIterator[str]:
    """A server whose connections ``handler`` serves; gives its address."""
    async with serve(handler, "127.0.0.1", 0, compression=None, **options) as running:  # type: ignore[arg-type]
        port = running.sockets[0].getsockname()[1]
        yield f"ws{'s' if 'ssl' in options else ''}://127.0.0.1:{port}/stream?streams=a@b/c@d"


async def opened(url: str, taken: list[bytes], is_fast: bool) -> Socket:
    result = await dial(url, lambda payload: taken.append(bytes(payload)), is_fast=is_fast)
    assert not isinstance(result, Refused), result
    return result


def self_signed(path: Path) -> Path:
    """Write a key and a certificate of this machine that it signed itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=127.0.0.1")
    now, day = datetime.now(UTC), timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    words = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key.private_bytes(*words) + certificate.public_bytes(Encoding.PEM))
    return path


async def test_messages_come_in_order_and_the_end_says_why(is_fast: bool) -> None:
    async def handler(connection: ServerConnection) -> None:
        for i in range(2000):
            await connection.send(f"message {i}" * (i % 7))
        await connection.close(1001, "going away")

    taken: list[bytes] = []
    async with server(handler) as url:
        link = await opened(url, taken, is_fast)
        reason = await link.ended

    assert taken == [(f"message {i}" * (i % 7)).encode() for i in range(2000)]
    assert reason == "closed with 1001 going away"
    await link.close()


async def test_fragments_are_joined_and_binary_is_taken(is_fast: bool) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send(["one ", "message ", "in parts"])
        await connection.send(b"binary")
        await connection.send("whole")

    taken: list[bytes] = []
    async with server(handler) as url:
        await (await opened(url, taken, is_fast)).ended

    assert taken == [b"one message in parts", b"binary", b"whole"]


async def test_a_huge_message_closes_with_1009(is_fast: bool) -> None:
    codes: list[int | None] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.send("fits" * (MOST_FRAME_BYTES // 4))
        await connection.send("x" * (2 * MOST_FRAME_BYTES))
        await connection.wait_closed()
        codes.append(connection.close_code)

    taken: list[bytes] = []
    async with server(handler) as url:
        link = await opened(url, taken, is_fast)
        await link.ended
        await link.close()
        await until(lambda: bool(codes))

    assert len(taken[0]) == MOST_FRAME_BYTES  # picows hands the other one over too if it has all of it by then
    assert codes == [1009]


async def test_a_huge_message_in_fragments_closes_too(is_fast: bool) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send(["x" * 300_000] * 5)
        await connection.wait_closed()

    taken: list[bytes] = []
    async with server(handler) as url:
        link = await opened(url, taken, is_fast)
        await link.ended
        await link.close()

    assert taken == []


async def test_a_ping_is_answered_with_its_payload(is_fast: bool) -> None:
    answered: list[bool] = []

    async def handler(connection: ServerConnection) -> None:
        pong = await connection.ping(b"1234567890")
        await asyncio.wait_for(pong, 5)
        answered.append(True)

    async with server(handler, ping_interval=None) as url:
        await (await opened(url, [], is_fast)).ended

    assert answered == [True]


async def test_a_paused_socket_is_not_read_and_memory_stays_bounded(is_fast: bool) -> None:
    sent = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal sent
        for _ in range(3000):
            await connection.send("x" * 10_000)
            sent += 1

    taken: list[bytes] = []
    async with server(handler) as url:
        link = await opened(url, taken, is_fast)
        link.pause()
        seen = len(taken)
        assert await standstill(lambda: sent) < 3000
        assert len(taken) == seen
        link.resume()
        await link.ended

    assert len(taken) == 3000


async def test_nothing_comes_after_close(is_fast: bool) -> None:
    async def handler(connection: ServerConnection) -> None:
        while True:
            await connection.send("more")
            await asyncio.sleep(0)

    taken: list[bytes] = []
    async with server(handler) as url:
        link = await opened(url, taken, is_fast)
        await until(lambda: len(taken) > 10)
        link.pause()
        await link.close()
        count = len(taken)
        await asyncio.sleep(0.05)

    assert len(taken) == count
    assert link.ended.done()
    await link.close()


async def test_a_server_that_says_no_is_quoted_with_its_wait(is_fast: bool) -> None:
    def say_no(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "slow down")
        response.headers["Retry-After"] = "7"
        return response

    async with server(lambda connection: asyncio.sleep(0), process_request=say_no) as url:
        refused = await dial(url, lambda payload: None, is_fast=is_fast)

    assert refused == Refused("server answers 429", 7.0)


async def test_a_port_where_nobody_listens_is_refused(is_fast: bool) -> None:
    refused = await dial(f"ws://127.0.0.1:{free_port()}/", lambda payload: None, is_fast=is_fast)

    assert isinstance(refused, Refused)
    assert not refused.is_fatal
    assert refused.reason.startswith("Connect call failed")


async def test_a_host_that_does_not_exist_is_refused(is_fast: bool) -> None:
    refused = await dial("ws://no-such-host.invalid/", lambda payload: None, is_fast=is_fast)

    assert isinstance(refused, Refused)
    assert not refused.is_fatal
    assert refused.reason


async def test_a_server_that_speaks_something_else_is_refused(is_fast: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")
        writer.close()

    running = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]
    refused = await dial(f"ws://127.0.0.1:{port}/", lambda payload: None, is_fast=is_fast)
    running.close()

    assert isinstance(refused, Refused)
    assert not refused.is_fatal


async def test_an_address_that_is_none_is_a_usage_error(is_fast: bool) -> None:
    with pytest.raises(UsageError, match="must be a ws:// or wss:// address"):
        await dial("http://127.0.0.1:1/", lambda payload: None, is_fast=is_fast)


async def test_a_certificate_that_nobody_vouches_for_is_fatal(is_fast: bool, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "certificate.pem"))

    async with server(lambda connection: asyncio.sleep(0), ssl=context) as url:
        refused = await dial(url, lambda payload: None, is_fast=is_fast)

    assert isinstance(refused, Refused)
    assert refused.is_fatal
    assert refused.reason.startswith("certificate does not verify")
