"""Signals on their way: in order, once, and again for as long as the ledger cannot take them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from msray.errors import UnavailableError, UsageError
from msray.market import Signal
from msray.store import spool as spools
from msray.store.ledger import Ledger
from msray.store.ledger_records import Batch, LeaseLostError, Receipt, SignalQuery
from msray.store.ledger_store import LedgerStore
from msray.store.spool import BATCH, LONGEST_PAUSE_S, Spool
from tests.clocks import StillClock
from tests.feeds.clocks import ManualClock, settle
from tests.store.examples import BTC, ETH, a_signal, some_signals


class Shelf:
    """A store that keeps what it gets, or says why not."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.attempts = 0
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def ids(self) -> list[str]:
        return [signal.signal_id for batch in self.batches for signal in batch.signals]

    async def store(self, batch: Batch) -> Receipt:
        self.attempts += 1
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(batch)
        return Receipt(())


def ids(signals: list[Signal]) -> list[str]:
    return [signal.signal_id for signal in signals]


@asynccontextmanager
async def running(spool: Spool) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(spool.run())
    await settle()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_signals_arrive_in_order_with_the_leases_of_their_writer() -> None:
    shelf, clock, epochs = Shelf(), ManualClock(), {BTC: 3}
    spool = Spool(shelf.store, epochs, clock.sleep)

    async with running(spool):
        for number in range(10):
            spool.add([a_signal(number)])
            await settle()

    assert shelf.ids == ids(some_signals(10))
    assert {id(batch.epochs) for batch in shelf.batches} == {id(epochs)}
    assert (spool.stored, len(spool), spool.problem) == (10, 0, "")


async def test_what_comes_while_the_store_is_busy_shares_the_next_batch() -> None:
    shelf = Shelf()
    spool = Spool(shelf.store, None, ManualClock().sleep)
    shelf.gate.clear()

    async with running(spool):
        spool.add(some_signals(1))
        await settle()
        for number in range(1, 2 * BATCH + 8):
            spool.add([a_signal(number)])
        assert len(spool) == 2 * BATCH + 8, "kept until it is acknowledged"
        shelf.gate.set()
        await settle()

    assert [len(batch.signals) for batch in shelf.batches] == [1, BATCH, BATCH, 7]
    assert shelf.ids == ids(some_signals(2 * BATCH + 8))


async def test_a_store_that_is_not_there_is_tried_again_with_longer_pauses_and_nothing_is_lost() -> None:
    shelf, clock = Shelf(), ManualClock()
    shelf.failures = [UnavailableError(f"disk full {number}") for number in range(9)]
    spool = Spool(shelf.store, None, clock.sleep)
    waits: list[float] = []

    async with running(spool):
        spool.add(some_signals(3))
        await settle()
        for number in range(9):
            assert spool.problem == f"disk full {number}"
            before, attempts = clock.monotonic_ns(), shelf.attempts
            spool.add([a_signal(3 + number)])
            while shelf.attempts == attempts:
                await clock.advance(0.05)
            waits.append((clock.monotonic_ns() - before) / 1e9)
        await settle()

    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, LONGEST_PAUSE_S])
    assert shelf.ids == ids(some_signals(12))
    assert (spool.stored, spool.problem) == (12, "")


async def test_pauses_are_short_again_after_a_success() -> None:
    shelf, clock = Shelf(), ManualClock()
    spool = Spool(shelf.store, None, clock.sleep)

    async with running(spool):
        for number in range(2):
            shelf.failures = [UnavailableError("busy")] * 4
            spool.add([a_signal(number)])
            await clock.advance(0.1 + 0.2 + 0.4 + 0.8)
            assert len(shelf.ids) == number + 1


@pytest.mark.parametrize("error", [LeaseLostError("somebody else"), UsageError("score must be 0 to 1")])
async def test_whoever_lost_a_lease_or_is_refused_stops_and_keeps_what_it_has(error: Exception) -> None:
    shelf = Shelf()
    shelf.failures = [error]
    spool = Spool(shelf.store, {BTC: 1}, ManualClock().sleep)
    spool.add(some_signals(2))

    with pytest.raises(type(error), match=str(error)):
        await spool.run()

    assert (spool.stored, len(spool)) == (0, 2)


async def test_one_that_is_cancelled_in_the_middle_stores_again_when_it_goes_on() -> None:
    """The batch may have been stored: the same ids again change nothing in a ledger."""
    shelf = Shelf()
    shelf.gate.clear()
    spool = Spool(shelf.store, None, ManualClock().sleep)
    spool.add(some_signals(2))

    async with running(spool):
        pass
    shelf.gate.set()
    async with running(spool):
        pass

    assert shelf.attempts == 2
    assert shelf.ids == ids(some_signals(2))


async def test_drained_waits_for_the_last_acknowledgement() -> None:
    shelf, clock = Shelf(), ManualClock()
    spool = Spool(shelf.store, None, clock.sleep)
    shelf.gate.clear()

    async with running(spool):
        await asyncio.wait_for(spool.drained(), 1)  # there is nothing
        spool.add(some_signals(3))
        waiting = asyncio.create_task(spool.drained())
        await clock.advance(1)
        assert not waiting.done()
        shelf.gate.set()
        await clock.advance(0.02)

        assert waiting.done()
        assert len(shelf.ids) == 3


async def test_a_spool_is_full_before_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "MOST_WAITING", 10)
    spool = Spool(Shelf().store, None, ManualClock().sleep)

    spool.add(some_signals(9))
    assert not spool.is_full
    spool.add(some_signals(1, first=9))
    assert spool.is_full
    async with running(spool):
        assert not spool.is_full


async def test_a_real_ledger_gets_each_signal_once_in_order(
    open_ledger: Callable[..., Ledger], ledger_url: str
) -> None:
    clock = ManualClock()
    store = LedgerStore(ledger_url, clock=clock)
    epochs = store.ledger.lease([BTC, ETH], "me", for_ns=10**12)
    spool = Spool(store.store, epochs, asyncio.sleep)
    signals = [a_signal(number, instrument=(BTC, ETH)[number % 2]) for number in range(1203)]

    async with running(spool):
        for number, signal in enumerate(signals):
            spool.add([signal])
            if number % 100 == 0:
                await asyncio.sleep(0)
        spool.add(signals[:5])  # found again, as after a crash
        await asyncio.wait_for(spool.drained(), 20)

    page, after, found = None, None, []
    while page is None or page:
        page = store.ledger.page(SignalQuery(newest_first=False, limit=500, after=after))
        found += [one.signal.signal_id for one in page]
        after = page[-1].seq if page else after
    assert found == ids(signals)
    store.close()


async def test_who_lost_its_lease_writes_nothing_more(tmp_path: Path) -> None:
    store = LedgerStore(f"{tmp_path}/l.db", clock=StillClock())
    old = store.ledger.lease([BTC], "old", for_ns=10**12)
    spool = Spool(store.store, old, asyncio.sleep)
    spool.add(some_signals(1))
    async with running(spool):
        await asyncio.wait_for(spool.drained(), 20)
    store.ledger.lease([BTC], "new", for_ns=10**12)

    spool.add(some_signals(3, first=1))
    with pytest.raises(LeaseLostError):
        await spool.run()

    assert [one.signal for one in store.ledger.page(SignalQuery())] == some_signals(1)
    store.close()
