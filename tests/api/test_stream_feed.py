"""Following a ledger while others write it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from msray.api.config import ApiConfig
from msray.api.in_process import state_around
from msray.api.stream_feed import StreamFeed
from msray.api.stream_hub import Subscription
from msray.store.ledger import Ledger
from msray.store.ledger_store import LedgerStore
from msray.telemetry.metrics import Figures
from tests.clocks import StillClock
from tests.store.examples import some_signals
from tests.store.postgres import PostgresServer
from tests.waiting import until

BATCHES, WRITERS = 40, 3


def write(ledger: Ledger, first: int) -> int:
    """Batches of one to five signals, as fast as they commit."""
    sizes = [1 + number % 5 for number in range(BATCHES)]
    for number, size in enumerate(sizes):
        ledger.store(some_signals(size, first=first + 10 * number))
    return sum(sizes)


async def follow(store: LedgerStore, writers: list[Ledger]) -> tuple[list[int], int]:
    """Places that a reader got while all of these wrote, and how many were written."""
    feed = StreamFeed(state_around(store, ApiConfig(), clock=StillClock(), figures=Figures()))
    got: list[int] = []
    with ThreadPoolExecutor(len(writers)) as pool:
        async with feed.reader(Subscription()) as reader:
            loop = asyncio.get_running_loop()
            writing = [loop.run_in_executor(pool, write, one, 10_000 * at) for at, one in enumerate(writers)]
            written = 0
            while not written or len(got) < written:
                news = feed.news
                got += [json.loads(frame.text)["seq"] for frame in reader.frames()]
                feed.want(reader)
                if all(one.done() for one in writing):
                    written = sum([await one for one in writing])
                if not reader.has_more:
                    await asyncio.wait({news}, timeout=0.05)
    return got, written


async def test_a_follower_of_one_writer_misses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.stream_feed.POLL_S", 0.001)
    store = LedgerStore(str(tmp_path / "ledger.db"), clock=StillClock())

    got, written = await follow(store, [store.ledger])
    store.close()

    assert got == list(range(1, written + 1))


async def test_a_follower_of_several_writers_misses_nothing(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.api.stream_feed.POLL_S", 0.001)
    url = postgres.new_database("followed")
    store = LedgerStore(url, clock=StillClock())
    writers = [Ledger(url, clock=StillClock()) for _ in range(WRITERS)]

    got, written = await follow(store, writers)
    for one in (*writers, store):
        one.close()

    assert got == list(range(1, written + 1))


async def test_nobody_is_asked_while_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.stream_feed.POLL_S", 0.001)
    store = LedgerStore(str(tmp_path / "ledger.db"), clock=StillClock())
    feed = StreamFeed(state_around(store, ApiConfig(), clock=StillClock(), figures=Figures()))
    asked = []
    page = store.page
    monkeypatch.setattr(store, "page", lambda query: asked.append(query) or page(query))

    async with feed.reader(Subscription()):
        await until(lambda: len(asked) > 3)
    while_listening = len(asked)
    await asyncio.sleep(0.1)
    store.close()

    assert len(asked) == while_listening
