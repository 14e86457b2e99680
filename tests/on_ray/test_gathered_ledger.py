"""Batches of one process, gathered into few calls of the ledger actor."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from msray.errors import MsrayError, UnavailableError
from msray.store.ledger_records import Batch, KeyReusedError, Receipt, Stored
from tests.store.examples import some_signals

pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(60)]


class Actor:
    """The ledger's actor; a call is answered once it is let go."""

    def __init__(self) -> None:
        self.calls: list[list[Batch]] = []
        self.go = asyncio.Event()
        self.answers: dict[str, MsrayError] = {}
        self.error: Exception | None = None
        self.store_all = SimpleNamespace(remote=self._store_all)

    async def _store_all(self, batches: Sequence[Batch]) -> list[Receipt | MsrayError]:
        self.calls.append(list(batches))
        await self.go.wait()
        if self.error:
            raise self.error
        return [self._outcome(batch) for batch in batches]

    def _outcome(self, batch: Batch) -> Receipt | MsrayError:
        rows = tuple(Stored(0, signal.signal_id, True) for signal in batch.signals)
        return self.answers.get(rows[0].signal_id) or Receipt(rows)


def ledger(actor: Actor) -> Any:
    from msray.on_ray.gathered_ledger import GatheredLedger

    return GatheredLedger(actor)


def batches(count: int, size: int = 1) -> list[Batch]:
    signals = some_signals(count * size)
    return [Batch(signals=tuple(signals[at * size : (at + 1) * size])) for at in range(count)]


async def under_way(store: Any, given: Sequence[Batch]) -> list[asyncio.Task[Receipt]]:
    tasks = [asyncio.create_task(store.store(batch)) for batch in given]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_batch_is_sent_at_once_and_those_behind_it_share_a_call() -> None:
    actor, given = Actor(), batches(5)
    store = ledger(actor)
    first = await under_way(store, given[:1])
    rest = await under_way(store, given[1:])

    assert actor.calls == [given[:1]]
    actor.go.set()
    receipts = await asyncio.gather(*first, *rest)

    assert actor.calls == [given[:1], given[1:]]
    assert [one.stored[0].signal_id for one in receipts] == [one.signals[0].signal_id for one in given]


async def test_a_refused_batch_is_refused_alone() -> None:
    actor, given = Actor(), batches(3)
    actor.answers[given[1].signals[0].signal_id] = KeyReusedError("other content")
    actor.go.set()

    outcomes = await asyncio.gather(*await under_way(ledger(actor), given), return_exceptions=True)

    assert [type(one) for one in outcomes] == [Receipt, KeyReusedError, Receipt]


async def test_a_dead_ledger_is_told_to_all_and_the_next_batch_is_tried_again() -> None:
    actor, given = Actor(), batches(3)
    actor.error = UnavailableError("gone")
    actor.go.set()
    store = ledger(actor)

    outcomes = await asyncio.gather(*await under_way(store, given), return_exceptions=True)
    actor.error = None

    assert [type(one) for one in outcomes] == [UnavailableError] * 3
    assert await store.store(given[0]) == Receipt((Stored(0, given[0].signals[0].signal_id, True),))


async def test_a_client_that_goes_away_takes_nobody_with_it() -> None:
    actor, given = Actor(), batches(3)
    store = ledger(actor)
    tasks = await under_way(store, given)

    tasks[0].cancel()
    tasks[1].cancel()
    actor.go.set()

    assert (await tasks[2]).stored
    assert [batch for call in actor.calls for batch in call] == given
    assert (await store.store(given[0])).stored


async def test_a_call_is_bounded_in_signals() -> None:
    actor, given = Actor(), batches(4, 300)
    actor.go.set()

    await asyncio.gather(*await under_way(ledger(actor), [batches(1)[0], *given]))

    assert [sum(len(batch.signals) for batch in call) for call in actor.calls] == [301, 300, 300, 300]
