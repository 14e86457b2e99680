"""Group commit: everyone is answered for their own batch, after it is durable."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from msray.errors import MsrayError, UnavailableError, UsageError
from msray.store.group_commit import GroupCommit
from msray.store.ledger import Ledger
from msray.store.ledger_reader import LedgerReader
from msray.store.ledger_records import Batch, Receipt
from tests.clocks import StillClock
from tests.store.examples import a_signal, some_signals


class HeldLedger(Ledger):
    """A ledger whose commits wait until they are let go, and fail if told."""

    def __init__(self, path: Path, clock: StillClock) -> None:
        super().__init__(str(path), clock=clock)
        self.gate = threading.Semaphore(0)
        self.groups: list[int] = []
        self.failure: Exception | None = None

    def commit(self, batches: object) -> list[Receipt | MsrayError]:
        self.gate.acquire()
        self.groups.append(len(batches))  # type: ignore[arg-type]
        if self.failure:
            raise self.failure
        return super().commit(batches)  # type: ignore[arg-type]


@pytest.fixture
def held(tmp_path: Path, clock: StillClock) -> HeldLedger:
    return HeldLedger(tmp_path / "l.db", clock)


def test_many_coroutines_share_commits_and_each_has_its_own_receipt(ledger: Ledger, clock: StillClock) -> None:
    commits: list[int] = []
    group = GroupCommit(ledger, clock=clock, observe=lambda signals, seconds: commits.append(signals))

    async def store_all() -> list[Receipt]:
        return await asyncio.gather(*(group.store(Batch(signals=(a_signal(n), a_signal(n + 1)))) for n in range(100)))

    receipts = asyncio.run(store_all())
    group.close()

    assert [[row.seq for row in receipt.stored] for receipt in receipts] == [[n + 1, n + 2] for n in range(100)]
    assert sum(commits) == 200
    assert len(commits) < 50


def test_a_refused_batch_fails_alone(ledger: Ledger, clock: StillClock) -> None:
    group = GroupCommit(ledger, clock=clock)

    futures = [group.submit(Batch(signals=(a_signal(n, score=0.5 if n != 3 else 2.0),))) for n in range(6)]
    group.close()

    assert [future.exception() is None for future in futures] == [True, True, True, False, True, True]
    with pytest.raises(UsageError, match="score"):
        futures[3].result()


def test_a_group_is_bounded(held: HeldLedger, clock: StillClock) -> None:
    group = GroupCommit(held, clock=clock, max_signals=10)

    futures = [group.submit(Batch(signals=tuple(some_signals(4, first=4 * n)))) for n in range(5)]
    futures.append(group.submit(Batch(signals=tuple(some_signals(30, first=100)))))
    held.gate.release(10)
    group.close()
    held.close()

    assert all(future.exception() is None for future in futures)
    assert max(held.groups) <= 2
    assert sum(held.groups) == 6


def test_too_much_waiting_is_refused_at_once(held: HeldLedger, clock: StillClock) -> None:
    group = GroupCommit(held, clock=clock, max_signals=5, max_waiting=20)
    accepted = 0

    with pytest.raises(UnavailableError, match="at most 20, got"):
        for n in range(10):
            group.submit(Batch(signals=tuple(some_signals(5, first=5 * n))))
            accepted += 1

    assert accepted in (4, 5)
    held.gate.release(10)
    group.close()
    assert held.last_seq() == 5 * accepted
    held.close()


@pytest.mark.parametrize("failure", [UnavailableError("no"), RuntimeError("a mistake of ours")])
def test_when_the_ledger_fails_everyone_hears_of_it_and_it_goes_on(
    held: HeldLedger, clock: StillClock, failure: Exception
) -> None:
    group = GroupCommit(held, clock=clock)
    held.failure = failure
    futures = [group.submit(Batch(signals=(a_signal(n),))) for n in range(3)]
    held.gate.release(3)
    for future in futures:
        assert future.exception(timeout=5) is failure

    held.failure = None
    future = group.submit(Batch(signals=(a_signal(9),)))
    held.gate.release(3)

    assert future.result(timeout=5).stored[0].seq == 1
    group.close()
    held.close()


def test_closing_commits_what_waits_and_refuses_the_rest(held: HeldLedger, clock: StillClock) -> None:
    group = GroupCommit(held, clock=clock)
    futures = [group.submit(Batch(signals=(a_signal(n),))) for n in range(3)]
    held.gate.release(5)

    group.close()

    assert [future.result(timeout=0).stored[0].signal_id for future in futures] == [
        a_signal(n).signal_id for n in range(3)
    ]
    with pytest.raises(UnavailableError, match="closed"):
        group.submit(Batch(signals=()))
    held.close()


def test_a_client_that_went_away_hurts_nobody(held: HeldLedger, clock: StillClock) -> None:
    group = GroupCommit(held, clock=clock)
    futures = [group.submit(Batch(signals=(a_signal(n),))) for n in range(3)]
    futures[2].cancel()
    held.gate.release(5)

    group.close()

    assert futures[0].result().stored[0].seq == 1
    assert held.last_seq() == 3
    held.close()


_WRITER = """
import sys
from msray.clock import SystemClock
from msray.store.group_commit import GroupCommit
from msray.store.ledger import Ledger
from msray.store.ledger_records import Batch, Route
from tests.store.examples import a_signal

ledger = Ledger(sys.argv[1], clock=SystemClock(), routes=[Route("slack", "desk")])
group = GroupCommit(ledger, clock=SystemClock())
def told(future):
    for row in future.result().stored:
        sys.stdout.write(row.signal_id + "\\n")
    sys.stdout.flush()
number = 0
while True:
    futures = []
    for _ in range(20):
        futures.append(group.submit(Batch(signals=(a_signal(number), a_signal(number + 1)))))
        futures[-1].add_done_callback(told)
        number += 2
    futures[-1].result()
"""


@pytest.mark.parametrize("kill_after", [1, 75, 400])
def test_after_kill_9_every_acknowledged_signal_is_there(tmp_path: Path, kill_after: int) -> None:
    path = tmp_path / "l.db"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(kill_after)]
        writer.send_signal(signal.SIGKILL)
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]

    reader = LedgerReader(str(path))
    assert len(told) >= kill_after
    assert all(reader.get(signal_id) for signal_id in told)
    counts = reader.outbox_counts()
    assert counts.is_conserved
    assert counts.created == reader.last_seq()
    reader.close()
    Ledger(str(path), clock=StillClock()).close()
