"""``msray simulate`` as a process."""

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest
import websockets

from tests.cli.conftest import Msray
from tests.commands import REPOSITORY, address, start

STREAMS = "/fapi/stream?streams=synusdt@depth/synusdt@trade"


def test_it_plays_to_the_end_and_says_in_json_what_it_did(tmp_path: Path) -> None:
    words = ("--synthetic", "--seconds", "20", "--speed", "max", "--port", "0", "--exit-at-end", "--json")
    process = start(tmp_path, "simulate", *words)

    async def read() -> int:
        where = address(process)
        async with (
            websockets.connect(f"ws://{where}{STREAMS}", max_queue=None) as link,
            aiohttp.ClientSession() as session,
        ):
            await link.recv()
            await session.get(f"http://{where}/fapi/v1/depth?symbol=SYNUSDT")  # else the end waits for it
            return 1 + len([message async for message in link])

    count = asyncio.run(read())
    out, _ = process.communicate(timeout=30)

    document = json.loads(out)
    assert process.returncode == 0
    assert (document["schema"], document["ok"]) == ("msray.simulate/1", True)
    assert document["data"]["messages"] == count > 300
    assert document["data"]["state"] == "done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, "simulate", "--synthetic", "--speed", "10x", "--port", "0")

    async def read() -> tuple[int | None, str | None]:
        async with websockets.connect(f"ws://{address(process)}{STREAMS}", max_queue=None) as link:
            await link.recv()
            process.send_signal(number)
            async for _ in link:
                pass
            return link.close_code, link.close_reason

    ended = asyncio.run(read())
    out, err = process.communicate(timeout=30)

    assert ended == (1001, "server shutdown")
    assert (process.returncode, "Traceback" in err) == (0, False)
    assert "messages" in out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "either --recording or --synthetic"),
        (("--synthetic", "a.gz"), 2, "either --recording or --synthetic"),
        (("--recording", "missing.gz"), 2, "missing.gz is not there"),
        (("--recording", str(REPOSITORY / "pyproject.toml")), 3, "is not a recording"),
        (("a.gz", "--seconds", "5"), 2, "made-up market"),
        (("--synthetic", "--faults", "gapp=1"), 2, "unknown fault 'gapp'"),
        (("--synthetic", "--speed", "fast"), 2, "speed must be a number"),
        (("--synthetic", "--speed", "-1"), 2, "speed must be 0"),
        (("--synthetic", "--instruments", "nasdaq:X"), 2, "unknown venue 'nasdaq'"),
        (("--synthetic", "--instruments", "SYNUSDT"), 2, "unknown venue"),
        (("--synthetic", "--changes", "kinds=weather"), 2, "weather"),
        (("--synthetic", "--port", "70000"), 2, "port must be 0 to 65535"),
        (("--synthetic", "--host", "192.0.2.1", "--port", "0"), 4, "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(msray: Msray, words: tuple[str, ...], code: int, says: str) -> None:
    said = msray("simulate", *words)

    assert (said.code, said.out) == (code, "")
    assert says in said.err
