"""The verb ``record`` against a simulator in another thread."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from msray.feeds.raw_log_reader import RawLog
from msray.feeds.recorder import SequenceWatch
from msray.simulator.server import Simulator, SimulatorSettings
from msray.simulator.synthetic import SyntheticSource
from tests.cli.conftest import Msray
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


def test_what_is_recorded_replays_to_synced_books_and_a_second_run_goes_on(
    endpoint: str, tmp_path: Path, msray: Msray
) -> None:
    command = ["record", "--symbols", ",".join(IDS), "--out", str(tmp_path), "--endpoint", endpoint, "--json"]

    first = msray(*command, "--seconds", 1.5).document
    second = msray(*command, "--seconds", 1.5, "--fast").document

    assert first["ok"] and second["ok"]
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


def test_an_interrupt_ends_it_cleanly(endpoint: str, tmp_path: Path, msray: Msray) -> None:
    def logged() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    def interrupt() -> None:
        try:
            eventually(lambda: b'"lastUpdateId"' in logged())
            before = len(logged())
            eventually(lambda: len(logged()) > before)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()

    said = msray("record", "--symbols", IDS[0], "--out", tmp_path, "--endpoint", endpoint)

    thread.join()
    assert said.code == 0
    assert f"{IDS[0]}\tsynced\t1\t0" in said.out
    assert f"MB in {tmp_path}" in said.out
    assert "Ctrl-C ends it" in said.err
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
    endpoint: str, tmp_path: Path, msray: Msray, symbols: str, code: int, says: str
) -> None:
    said = msray("record", "--symbols", symbols, "--out", tmp_path, "--endpoint", endpoint, "--json")

    assert said.code == code
    assert says in said.document["error"]["message"]


def test_nobody_there_is_unreachable(tmp_path: Path, msray: Msray) -> None:
    said = msray("record", "--symbols", IDS[0], "--out", tmp_path, "--endpoint", "http://127.0.0.1:9", "--json")

    assert said.code == 4
    assert said.document["error"]["code"] == "unavailable"
    assert list(tmp_path.iterdir()) == []
