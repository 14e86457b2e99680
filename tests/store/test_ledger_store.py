"""A ledger behind ``await``: the loop never waits for a disk, and whoever waits hears how it went."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from msray.errors import UnavailableError, UsageError
from msray.store import ledger_store
from msray.store.ledger_records import Batch, Receipt, SignalQuery, Source
from msray.store.ledger_store import LedgerStore
from tests.clocks import StillClock
from tests.store.examples import BTC, ETH, a_signal, some_signals


@pytest.fixture
def store(ledger_url: str) -> Iterator[LedgerStore]:
    made = LedgerStore(ledger_url, clock=StillClock())
    yield made
    made.close()


async def test_what_is_acknowledged_is_there(store: LedgerStore) -> None:
    receipt = await store.store(Batch(signals=tuple(some_signals(3)), source=Source.SUBMITTED))

    found = await store.get(a_signal(1).signal_id)
    page = await store.page(SignalQuery(newest_first=False))

    assert [row.is_new for row in receipt.stored] == [True] * 3
    assert found is not None
    assert (found.signal, found.source) == (a_signal(1), Source.SUBMITTED)
    assert [one.signal for one in page] == some_signals(3)
    assert await store.get("0" * 32) is None


async def test_writers_at_once_share_commits(ledger_url: str) -> None:
    commits: list[int] = []
    store = LedgerStore(ledger_url, clock=StillClock(), observe=lambda signals, _: commits.append(signals))

    receipts = await asyncio.gather(*(store.store(Batch(signals=(a_signal(number),))) for number in range(300)))

    assert sorted(row.seq for receipt in receipts for row in receipt.stored) == list(range(1, 301))
    assert sum(commits) == 300
    assert len(commits) < 100
    store.close()


async def test_instruments_of_a_symbol(store: LedgerStore) -> None:
    await store.store(Batch(signals=(a_signal(1), a_signal(2, instrument=ETH))))

    assert await store.instruments_of("BTCUSDT") == [BTC]
    assert await store.instruments_of("NOBODY") == []


async def test_the_loop_goes_on_while_readers_read(store: LedgerStore) -> None:
    gate, threads = threading.Event(), set()

    def slow() -> str:
        threads.add(threading.current_thread().name)
        assert gate.wait(20)
        return "answer"

    waiting = [asyncio.create_task(store.read(slow)) for _ in range(20)]
    await store.store(Batch(signals=(a_signal(),)))  # a writer waits for no reader
    gate.set()

    assert await asyncio.gather(*waiting) == ["answer"] * 20
    assert 1 <= len(threads) <= 4
    assert threading.current_thread().name not in threads


async def test_an_error_of_a_question_is_the_askers(store: LedgerStore) -> None:
    with pytest.raises(UsageError, match="signal_id must be"):
        await store.get("nonsense")
    with pytest.raises(UsageError, match="score"):
        await store.store(Batch(signals=(a_signal(score=7.0),)))


async def test_a_healthy_ledger_has_no_reasons(store: LedgerStore) -> None:
    assert await store.reasons() == []
    assert await store.page(SignalQuery()) == [], "a probe leaves nothing"


@pytest.mark.parametrize("error", [UnavailableError("the disk is full"), UsageError("is not an SQLite file")])
async def test_a_ledger_that_cannot_be_written_says_so(
    store: LedgerStore, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> list[Receipt]:
        raise error

    monkeypatch.setattr(store.ledger, "commit", refuse)

    assert await store.reasons() == ["the ledger cannot be written"]


async def test_a_ledger_that_hangs_is_not_waited_for(store: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, commit = threading.Event(), store.ledger.commit

    def hang(batches: list[Batch]) -> object:
        assert gate.wait(20)
        return commit(batches)

    monkeypatch.setattr(store.ledger, "commit", hang)
    monkeypatch.setattr(ledger_store, "_PROBE_S", 0.05)

    assert await store.reasons() == ["the ledger cannot be written"]
    gate.set()


async def test_closing_commits_what_waits_and_refuses_what_comes(ledger_url: str) -> None:
    store = LedgerStore(ledger_url, clock=StillClock())
    waiting = [asyncio.create_task(store.store(Batch(signals=(a_signal(number),)))) for number in range(20)]
    await asyncio.sleep(0)

    await asyncio.to_thread(store.close)

    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(UnavailableError, match="being closed"):
        await store.store(Batch(signals=(a_signal(99),)))
    with pytest.raises(UnavailableError, match="being closed"):
        await store.page(SignalQuery())
    again = LedgerStore(ledger_url, clock=StillClock())
    assert len(await again.page(SignalQuery())) == 20
    again.close()


def test_one_process_writes_a_file(tmp_path: Path) -> None:
    store = LedgerStore(f"{tmp_path}/l.db", clock=StillClock())

    with pytest.raises(UnavailableError):
        LedgerStore(f"{tmp_path}/l.db", clock=StillClock())
    store.close()

    LedgerStore(f"{tmp_path}/l.db", clock=StillClock()).close()
