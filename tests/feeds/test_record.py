"""The verb ``record`` against a simulator in another thread."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from msray.cli.app import main
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recorder import SequenceWatch
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from tests.waiting import eventually

IDS = ("binance_usdm:SYNUSDT", "binance_spot:SYNUSDT")


@pytest.fixture
def endpoint() -> Iterator[str]:
    started, ended = threading.Event(), asyncio.Event()
    address: list[str] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        source = SyntheticSource(list(IDS), 4, start_ns=1_767_225_600_000_000_000)
        async with Simulator(source, SimulatorSettings(speed=5.0, waits=False)) as simulator:
            address.append(simulator.url)
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(60)
    yield address[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join()
    loop.close()


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_what_is_recorded_replays_to_synced_books_and_a_second_run_goes_on(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["record", "--symbols", ",".join(IDS), "--out", str(tmp_path), "--endpoint", endpoint, "--json"]

    assert main([*command, "--seconds", "1.5"]) == 0
    first = said(capsys)
    assert main([*command, "--seconds", "1.5", "--fast"]) == 0
    second = said(capsys)

    assert first["schema"] == "msray.record/1"
    assert first["data"]["instruments"] == [
        {"instrument": name, "state": "synced", "snapshots": 1, "gaps": 0} for name in IDS
    ]
    assert first["data"]["refused"] == {}
    log = RawLog([tmp_path])
    watch = SequenceWatch(log.instruments)
    for event in log.events():
        watch.apply(event)
    assert log.summary.segments == 2
    assert log.summary.frames >= first["data"]["frames"] + second["data"]["frames"]
    assert {name: (sync.state, sync.counts.snapshots) for name, sync in watch.syncs.items()} == dict.fromkeys(
        IDS, ("synced", 2)
    )
    assert set(log.metadata["exchange_info"]) == {"binance_usdm", "binance_spot"}


def test_an_interrupt_ends_it_cleanly(endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def logged() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    def interrupt() -> None:
        eventually(lambda: b'"lastUpdateId"' in logged())
        before = len(logged())
        eventually(lambda: len(logged()) > before)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()

    code = main(["record", "--symbols", IDS[0], "--out", str(tmp_path), "--endpoint", endpoint])

    thread.join()
    shown = capsys.readouterr()
    assert code == 0
    assert f"{IDS[0]}\tsynced\t1\t0" in shown.out
    assert f"MB in {tmp_path}" in shown.out
    assert "Ctrl-C ends it" in shown.err
    assert RawLog([tmp_path]).summary.damage == []


@pytest.mark.parametrize(
    ("symbols", "code", "says"),
    [
        ("binance_usdm:NOPE", 2, "unknown symbol of binance_usdm 'NOPE'"),
        ("SYNUSDT", 2, "instrument must look like venue:SYMBOL"),
        (",", 2, "instruments must be at least one"),
    ],
)
def test_a_wrong_instrument_is_a_usage_error(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], symbols: str, code: int, says: str
) -> None:
    assert main(["record", "--symbols", symbols, "--out", str(tmp_path), "--endpoint", endpoint, "--json"]) == code
    assert says in said(capsys)["error"]["message"]


def test_nobody_there_is_unreachable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["record", "--symbols", IDS[0], "--out", str(tmp_path), "--endpoint", "http://127.0.0.1:9", "--json"]

    assert main(command) == 4
    assert said(capsys)["error"]["code"] == "unavailable"
    assert list(tmp_path.iterdir()) == []
