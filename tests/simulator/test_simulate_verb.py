"""``msray simulate`` as a process."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

REPOSITORY = Path(__file__).parents[2]
RUN_MAIN = (
    "import sys; from msray.cli import app;"
    "app.VERBS.setdefault('simulate', app.Verb('msray.cli.simulate:simulate', 'Play.')); sys.exit(app.main())"
)
STREAMS = "/fapi/stream?streams=synusdt@depth/synusdt@trade"


def spawn(*words: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", RUN_MAIN, "simulate", *words], env=environment, **pipes)


def address(process: subprocess.Popen[str]) -> str:
    """Where it listens, from its first word on stderr."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return "ws" + line.split("http")[1].strip()


def test_it_plays_to_the_end_and_says_in_json_what_it_did() -> None:
    process = spawn("--synthetic", "--seconds", "20", "--speed", "max", "--port", "0", "--exit-at-end", "--json")

    async def read() -> int:
        url = address(process)
        async with websockets.connect(url + STREAMS, max_queue=None) as link, aiohttp.ClientSession() as session:
            await link.recv()
            await session.get("http" + url[2:] + "/fapi/v1/depth?symbol=SYNUSDT")  # else the end waits for it
            return 1 + len([message async for message in link])

    count = asyncio.run(read())
    out, _ = process.communicate(timeout=30)

    document = json.loads(out)
    assert process.returncode == 0
    assert (document["schema"], document["ok"]) == ("msray.simulate/1", True)
    assert document["data"]["messages"] == count > 300
    assert document["data"]["state"] == "done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(number: signal.Signals) -> None:
    process = spawn("--synthetic", "--speed", "10x", "--port", "0")

    async def read() -> tuple[int | None, str | None]:
        async with websockets.connect(address(process) + STREAMS, max_queue=None) as link:
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
def test_what_cannot_be_done_is_said_in_a_line(
    words: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from msray.cli import app

    monkeypatch.setitem(app.VERBS, "simulate", app.Verb("msray.cli.simulate:simulate", "Play."))

    assert app.main(["simulate", *words]) == code

    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
