"""A ledger keeps what it acknowledged, once, in one order; on SQLite and on PostgreSQL."""

import errno
import math
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from msray.errors import UnavailableError, UsageError
from msray.store.ledger import KEY_KEPT_NS, Ledger
from msray.store.ledger_reader import LedgerReader
from msray.store.ledger_records import (
    Batch,
    IdempotencyKey,
    KeyReusedError,
    Lease,
    LeaseLostError,
    OutboxState,
    Receipt,
    Route,
    SignalQuery,
    Source,
)
from tests.clocks import SECOND, START_NS, StillClock
from tests.disks import refusing
from tests.store.examples import BTC, ETH, a_signal, some_signals
from tests.store.postgres import PostgresServer

KEY = IdempotencyKey(b"k" * 32, b"c" * 32)


def test_a_signal_comes_back_as_it_went_in(ledger: Ledger) -> None:
    signal = a_signal(event_id=2**62, price=None, direction=-1, features={"μ": 1e-300, "n": -0.0})

    (stored,) = ledger.store([signal])

    found = ledger.get(signal.signal_id)
    assert stored == (1, signal.signal_id, True)
    assert found is not None
    assert (found.seq, found.created_ns, found.source, found.signal) == (1, START_NS, Source.DETECTION, signal)


def test_figures_that_are_not_finite_come_back_as_nan(ledger: Ledger) -> None:
    signal = a_signal(size_sigma=math.inf, features={"x": math.nan})
    ledger.store([signal])

    found = ledger.get(signal.signal_id)

    assert found is not None
    assert math.isnan(found.signal.size_sigma)
    assert math.isnan(found.signal.features["x"])
    assert found.document()["features"] == {"x": None}


def test_storing_an_id_again_changes_nothing(ledger: Ledger) -> None:
    ledger.store(some_signals(3))

    again = ledger.store([a_signal(1, score=0.9), a_signal(3), a_signal(3)])

    assert [(row.seq, row.is_new) for row in again] == [(2, False), (4, True), (4, False)]
    assert ledger.last_seq() == 4
    found = ledger.get(a_signal(1).signal_id)
    assert found is not None
    assert found.signal.score == 0.75


def test_every_new_signal_has_one_message_a_route(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(routes=[Route("slack", "desk"), Route("telegram", "night")])

    ledger.store(some_signals(3))
    ledger.store(some_signals(3, first=1))

    counts = ledger.outbox_counts()
    assert (counts.created, counts.pending) == (8, 8)
    assert counts.is_conserved
    assert ledger.unsettled() == {OutboxState.PENDING: 8, OutboxState.LEASED: 0, OutboxState.DEAD: 0}


def test_the_unsettled_are_found_by_their_index(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(routes=[Route("slack", "desk")])
    ledger.store(some_signals(3000))
    with ledger._writing.begin() as connection:
        connection.execute(sa.text(f"update outbox set state = {OutboxState.SENT:d} where seq > 3"))
        connection.execute(sa.text("analyze"))  # PostgreSQL plans by what a table holds
    asked: list[str] = []
    sa.event.listen(ledger._reading, "before_cursor_execute", lambda *words: asked.append(words[2]))

    assert ledger.unsettled()[OutboxState.PENDING] == 3

    explain = {"sqlite": "explain query plan", "postgresql": "explain"}[ledger.url.get_backend_name()]
    assert "outbox_unsettled" in str(ledger._rows(sa.text(f"{explain} {asked[-1]}")))


def test_a_lost_message_breaks_the_conservation_law(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(routes=[Route("slack", "desk")])
    ledger.store(some_signals(2))

    with ledger._writing.begin() as connection:
        connection.execute(sa.text("delete from outbox where seq = 2"))

    assert not ledger.outbox_counts().is_conserved


def test_a_refused_batch_takes_no_other_with_it(ledger: Ledger) -> None:
    epochs = ledger.lease([BTC], "shard-1", for_ns=SECOND)
    ledger.lease([BTC], "shard-2", for_ns=SECOND)

    outcomes = ledger.commit(
        [
            Batch(signals=(a_signal(0),), epochs=epochs),
            Batch(signals=(a_signal(1, score=math.nan),)),
            Batch(signals=(a_signal(2), a_signal(3)), epochs={BTC: 2}),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [LeaseLostError, UsageError, Receipt]
    assert [row.signal.event_id for row in ledger.page(SignalQuery(newest_first=False))] == [1002, 1003]


def test_leases_are_numbered_and_only_the_last_one_counts(ledger: Ledger) -> None:
    first = ledger.lease([BTC, ETH], "shard-1", for_ns=SECOND)
    second = ledger.lease([BTC], "shard-2", for_ns=SECOND)

    assert first == {BTC: 1, ETH: 1}
    assert second == {BTC: 2}
    with pytest.raises(LeaseLostError, match=r"binance_usdm:BTCUSDT must be epoch 2, got 1"):
        ledger.renew(first, for_ns=SECOND)
    with pytest.raises(LeaseLostError):
        ledger.renew({BTC: 3}, for_ns=0)
    ledger.renew(second, for_ns=SECOND)
    ledger.renew(second, for_ns=0)
    ledger.store([a_signal()], epochs=second)
    assert ledger.lease([BTC], "shard-3", for_ns=SECOND) == {BTC: 3}
    assert ledger.leases() == [Lease(BTC, 3, "shard-3", START_NS + SECOND), Lease(ETH, 1, "shard-1", START_NS + SECOND)]


def test_holders_are_those_whose_lease_has_not_run_out(open_ledger: Callable[..., Ledger], clock: StillClock) -> None:
    ledger = open_ledger()
    assert ledger.holders([BTC, ETH]) == {}
    first = ledger.lease([BTC], "shard-1", for_ns=2 * SECOND)
    ledger.lease([ETH], "shard-2", for_ns=SECOND)

    assert ledger.holders([BTC, ETH]) == {BTC: "shard-1", ETH: "shard-2"}
    assert ledger.holders([ETH]) == {ETH: "shard-2"}
    clock.advance(1.0)
    assert ledger.holders([BTC, ETH]) == {BTC: "shard-1"}
    ledger.renew(first, for_ns=0)
    assert ledger.holders([BTC, ETH]) == {}
    assert ledger.store([a_signal()], epochs=first)[0].is_new, "until the next one is issued"


def test_a_writer_with_epochs_needs_one_for_every_instrument(ledger: Ledger) -> None:
    epochs = ledger.lease([BTC, ETH], "shard-1", for_ns=SECOND)

    with pytest.raises(LeaseLostError):
        ledger.store([a_signal(instrument=ETH)], epochs={BTC: epochs[BTC]})


def test_a_key_returns_the_first_receipt(ledger: Ledger) -> None:
    batch = Batch(signals=tuple(some_signals(2)), key=KEY, source=Source.SUBMITTED)

    first, second = ledger.commit([batch, batch])
    (third,) = ledger.commit([batch])

    assert isinstance(first, Receipt) and not first.is_replayed
    assert second == third == Receipt(first.stored, is_replayed=True)


def test_a_key_with_other_content_is_refused(ledger: Ledger) -> None:
    ledger.commit([Batch(signals=(a_signal(0),), key=KEY)])

    (outcome,) = ledger.commit([Batch(signals=(a_signal(1),), key=KEY._replace(content=b"d" * 32))])

    assert isinstance(outcome, KeyReusedError)
    assert ledger.last_seq() == 1


def test_a_key_is_forgotten_after_a_day(ledger: Ledger, clock: StillClock) -> None:
    ledger.commit([Batch(signals=(a_signal(0),), key=KEY)])
    clock.advance(KEY_KEPT_NS / SECOND + 120)
    ledger.commit([Batch(signals=(a_signal(1),), key=KEY._replace(key=b"l" * 32))])

    (outcome,) = ledger.commit([Batch(signals=(a_signal(2),), key=KEY._replace(content=b"d" * 32))])

    assert isinstance(outcome, Receipt)
    assert not outcome.is_replayed


UNSTORABLE: list[dict[str, Any]] = [
    {"score": 1.5},
    {"score": math.nan},
    {"direction": 2},
    {"event_ns": 2**63},
    {"signal_id": "00"},
    {"signal_id": "A" * 32},
    {"signal_type": "a\0b"},
    {"signal_type": ""},
    {"instrument": "x:" + "y" * 200},
    {"detector": "\ud800"},
]


def test_what_cannot_be_stored_exactly_is_refused(ledger: Ledger) -> None:
    for changes in UNSTORABLE:
        with pytest.raises(UsageError):
            ledger.store([a_signal(0), a_signal(1, **changes)])

    assert ledger.last_seq() == 0


def test_calibrations_are_kept_in_order(ledger: Ledger) -> None:
    ledger.keep_calibration(BTC, since_ns=20, digest="b", document="{2}")
    ledger.keep_calibration(BTC, since_ns=10, digest="a", document="{1}")
    ledger.keep_calibration(BTC, since_ns=20, digest="c", document="{3}")

    assert ledger.calibrations(BTC) == [(10, "{1}"), (20, "{3}")]
    assert ledger.calibrations(ETH) == []


def test_a_ledger_opened_again_goes_on(open_ledger: Callable[..., Ledger]) -> None:
    first = open_ledger()
    first.store(some_signals(2))
    epochs = first.lease([BTC], "shard-1", for_ns=SECOND)
    first.close()

    second = open_ledger()

    assert second.store([a_signal(2)], epochs=epochs)[0].seq == 3
    assert second.lease([BTC], "shard-2", for_ns=SECOND) == {BTC: 2}


def test_a_newer_schema_is_refused(open_ledger: Callable[..., Ledger], ledger_url: str) -> None:
    ledger = open_ledger()
    with ledger._writing.begin() as connection:
        connection.execute(sa.text("update counter set value = 7 where name = 'schema'"))
    ledger.close()

    with pytest.raises(UsageError, match="has ledger schema 7, this msray knows 1"):
        open_ledger()
    with pytest.raises(UsageError, match="schema 7"):
        LedgerReader(ledger_url)


# -------------------------------------------------------------------- SQLite


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path, clock: StillClock) -> None:
    first = Ledger(f"{tmp_path}/l.db", clock=clock)
    with pytest.raises(UnavailableError, match=rf"l\.db is being written by pid {os.getpid()} on "):
        Ledger(f"{tmp_path}/l.db", clock=clock)

    reader = LedgerReader(f"{tmp_path}/l.db")
    assert reader.last_seq() == 0
    reader.close()
    first.close()
    Ledger(f"{tmp_path}/l.db", clock=clock).close()


def test_a_lock_that_cannot_be_written_is_not_held(
    tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refusing(errno.ENOSPC))
        with pytest.raises(UsageError, match="No space left on device"):
            Ledger(str(tmp_path / "l.db"), clock=clock)

    Ledger(str(tmp_path / "l.db"), clock=clock).close()


def test_a_reader_cannot_write(tmp_path: Path, clock: StillClock) -> None:
    Ledger(f"{tmp_path}/l.db", clock=clock).close()
    reader = LedgerReader(f"{tmp_path}/l.db")

    with pytest.raises(sa.exc.OperationalError, match="readonly"), reader._reading.begin() as connection:
        connection.execute(sa.text("delete from counter"))
    reader.close()


def test_a_locked_file_is_unavailable_and_nothing_is_stored(tmp_path: Path, clock: StillClock) -> None:
    ledger = Ledger(f"{tmp_path}/l.db", clock=clock)
    intruder = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
    intruder.execute("begin immediate")

    with pytest.raises(UnavailableError, match="locked"):
        ledger.store([a_signal()])

    intruder.execute("rollback")
    assert ledger.store([a_signal()])[0] == (1, a_signal().signal_id, True)
    ledger.close()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, clock: StillClock) -> None:
    ledger = Ledger(f"{tmp_path}/l.db", clock=clock, routes=[Route("slack", "desk")])
    with ledger._writing.connect() as connection:
        pages = connection.connection.execute("pragma page_count").fetchone()[0]
        connection.connection.execute(f"pragma max_page_count = {pages + 4}")

    with pytest.raises(UnavailableError, match="full"):
        ledger.store(some_signals(500))

    assert ledger.last_seq() == 0
    assert ledger.page(SignalQuery()) == []
    assert ledger.outbox_counts().created == 0
    ledger.store(some_signals(2))
    ledger.close()


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=ro", "mysql://x/y", "a://b://"]
)
def test_what_is_no_ledger_url_is_refused(url: str, clock: StillClock) -> None:
    with pytest.raises(UsageError, match="ledger must be"):
        Ledger(url, clock=clock)


def test_reading_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and long enough to be looked at" * 100)
    sqlite3.connect(tmp_path / "other.db").execute("create table t(x)").connection.close()

    with pytest.raises(UsageError, match="there is no ledger at"):
        LedgerReader(f"{tmp_path}/none.db")
    with pytest.raises(UsageError, match="not an SQLite file"):
        LedgerReader(f"{tmp_path}/text")
    with pytest.raises(UsageError, match="is not a ledger"):
        LedgerReader(f"{tmp_path}/other.db")
    assert not (tmp_path / "none.db").exists()


# -------------------------------------------------------------------- PostgreSQL


def test_two_writers_share_one_order_without_holes(postgres: PostgresServer, clock: StillClock) -> None:
    url = postgres.new_database("two_writers")
    first, second, reader = Ledger(url, clock=clock), Ledger(url, clock=clock), LedgerReader(url)
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        while not done.is_set() or len(seen) < 400:
            after = seen[-1] if seen else None
            seen.extend(row.seq for row in reader.page(SignalQuery(after=after, newest_first=False)))

    def write(ledger: Ledger, begin: int) -> None:
        for number in range(begin, begin + 200, 5):
            ledger.store(some_signals(5, first=number))

    threads = [threading.Thread(target=write, args=(ledger, at)) for ledger, at in ((first, 0), (second, 200))]
    follower = threading.Thread(target=follow)
    for thread in [*threads, follower]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()

    assert seen == list(range(1, 401))
    for ledger in (first, second, reader):
        ledger.close()


def test_a_server_that_stops_is_unavailable_and_comes_back(postgres: PostgresServer, clock: StillClock) -> None:
    ledger = Ledger(postgres.new_database("stopping"), clock=clock)
    ledger.store([a_signal(0)])
    postgres.stop()

    with pytest.raises(UnavailableError) as caught:
        ledger.store([a_signal(1)])
    with pytest.raises(UnavailableError):
        ledger.last_seq()

    postgres.start()
    assert "sesame" not in str(caught.value)
    assert ledger.store([a_signal(1)])[0].seq == 2
    ledger.close()
