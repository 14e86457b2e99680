"""What a ledger is asked: pages, figures, names."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.market import Signal
from msray.store.ledger import Ledger
from msray.store.ledger_reader import OTHER, LedgerReader
from msray.store.ledger_records import (
    Batch,
    SignalQuery,
    Source,
    StoredSignal,
    Tally,
    from_cursor,
    parse_time,
    rfc3339,
    to_cursor,
)
from tests.clocks import SECOND, START_NS, StillClock
from tests.naive import signal_page
from tests.store.examples import BTC, ETH, a_signal, some_signals


def _varied(count: int) -> list[Signal]:
    return [
        a_signal(
            number,
            instrument=(BTC, ETH)[number % 2],
            signal_type=("imbalance", "volatility", "intensity")[number % 3],
            score=(number * 7 % 11) / 10,
            event_ns=START_NS + number * 37 % 50,
        )
        for number in range(count)
    ]


def _walk(ledger: Ledger, **words: object) -> Iterator[StoredSignal]:
    after = None
    while rows := ledger.page(SignalQuery(after=after, **words)):  # type: ignore[arg-type]
        yield from rows
        after = rows[-1].seq


_queries = st.builds(
    SignalQuery,
    instrument=st.sampled_from([None, BTC, ETH, "x:Y"]),
    signal_type=st.sampled_from([None, "imbalance", "volatility", "none"]),
    since_ns=st.none() | st.integers(START_NS, START_NS + 50),
    until_ns=st.none() | st.integers(START_NS, START_NS + 50),
    min_score=st.none() | st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    after=st.none() | st.integers(0, 50),
    limit=st.integers(1, 50),
    newest_first=st.booleans(),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=_queries)
def test_a_page_is_what_looking_at_every_signal_gives(ledger: Ledger, query: SignalQuery) -> None:
    ledger.store(_varied(40))
    rows = ledger.page(SignalQuery(limit=500))

    assert ledger.page(query) == signal_page.page(rows, query)


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_hold_every_signal_once_while_others_are_stored(ledger: Ledger, newest_first: bool) -> None:
    ledger.store(some_signals(25))

    walk = _walk(ledger, limit=10, newest_first=newest_first)
    seen = [next(walk).seq]
    ledger.store(some_signals(7, first=25))
    seen += [row.seq for row in walk]

    assert seen == (list(range(25, 0, -1)) if newest_first else list(range(1, 33)))


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_has_a_bound(limit: int) -> None:
    with pytest.raises(UsageError, match="limit must be 1 to 500"):
        SignalQuery(limit=limit)


@given(seq=st.integers(0, 2**59))
def test_a_cursor_comes_back(seq: int) -> None:
    assert from_cursor(to_cursor(seq)) == seq


@given(text=st.text(max_size=30))
def test_what_is_no_cursor_is_refused_or_stands_for_itself(text: str) -> None:
    try:
        seq = from_cursor(text)
    except UsageError as error:
        assert "cursor" in str(error)
    else:
        assert to_cursor(seq).rstrip("=") == text.rstrip("=")


def test_an_unknown_id_is_none(ledger: Ledger) -> None:
    assert ledger.get("0" * 32) is None


def test_totals_add_up_unknown_names_as_other(ledger: Ledger) -> None:
    ledger.store([*some_signals(3), a_signal(3, instrument=ETH), a_signal(4, signal_type="spread")])
    ledger.store(some_signals(2))
    submitted = tuple(a_signal(n, instrument=f"external:X{n}", signal_type="mine") for n in range(10, 20))
    ledger.commit([Batch(signals=submitted, source=Source.SUBMITTED)])

    totals = ledger.totals([BTC], ["imbalance"])

    assert sorted(totals, key=str) == [
        Tally("imbalance", BTC, 3),
        Tally("imbalance", OTHER, 1),
        Tally(OTHER, BTC, 1),
        Tally(OTHER, OTHER, 10),
    ]
    assert ledger.totals([], []) == [Tally(OTHER, OTHER, 15)]


def test_names_known_are_those_of_leases_and_detections(ledger: Ledger) -> None:
    ledger.store([a_signal()])
    ledger.lease([ETH], "shard-1", for_ns=SECOND)
    ledger.commit([Batch(signals=(a_signal(1, instrument="external:X", signal_type="mine"),), source=Source.SUBMITTED)])

    assert ledger.known_names() == ({BTC, ETH}, {"imbalance"})


def test_instruments_of_a_symbol_are_found_by_its_whole_name(ledger: Ledger) -> None:
    names = [BTC, "binance_spot:BTCUSDT", "binance_spot:XBTCUSDT", "external:B_CUSDT", "external:btcusdt"]
    ledger.store([a_signal(number, instrument=name) for number, name in enumerate(names)])

    assert ledger.instruments_of("BTCUSDT") == ["binance_spot:BTCUSDT", BTC]
    assert ledger.instruments_of("B_CUSDT") == ["external:B_CUSDT"]
    assert ledger.instruments_of("%") == []


def test_the_last_score_is_that_of_the_newest_signal(ledger: Ledger) -> None:
    ledger.store([a_signal(0, score=0.9), a_signal(1, score=0.6), a_signal(2, instrument=ETH, score=0.7)])

    assert ledger.last_scores([BTC, ETH, "x:Y"], ["imbalance"]) == {(BTC, "imbalance"): 0.6, (ETH, "imbalance"): 0.7}


def test_active_signals_are_those_stored_of_late(ledger: Ledger, clock: StillClock) -> None:
    ledger.store(some_signals(3))
    clock.advance(200)
    ledger.store([a_signal(3), a_signal(4, signal_type="mine")])
    clock.advance(150)

    assert ledger.active(clock.now_ns() - 300 * SECOND, ["imbalance"]) == {"imbalance": 1, OTHER: 1}


@given(time_ns=st.integers(-(10**18), 4 * 10**18))
def test_a_time_comes_back(time_ns: int) -> None:
    assert parse_time(rfc3339(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:30:00.5+01:30", 500_000_000),
        ("1969-12-31t23:59:59.000000001z", -999_999_999),
    ],
)
def test_times_are_rfc_3339(text: str, time_ns: int) -> None:
    assert parse_time(text) == time_ns


@pytest.mark.parametrize(
    "text", ["", "now", "2024-08-08", "2024-08-08T12:00:00", "2024-13-01T00:00:00Z", "2024-08-08T12:00:00Z\n"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="time must be like"):
        parse_time(text)


def test_a_file_that_is_refused_is_not_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()

    with pytest.raises(UsageError, match="is not a ledger") as refused:
        LedgerReader(str(path))

    opened = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert path not in opened, refused
