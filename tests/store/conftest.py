"""Ledgers to test with: the same tests run on SQLite and on PostgreSQL."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from msray.store.ledger import Ledger
from tests.clocks import StillClock
from tests.store.postgres import PostgresServer

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database(f"ledger_{next(_numbers)}")


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def open_ledger(ledger_url: str, clock: StillClock) -> Iterator[Callable[..., Ledger]]:
    opened: list[Ledger] = []

    def opener(**words: Any) -> Ledger:
        opened.append(Ledger(ledger_url, clock=clock, **words))
        return opened[-1]

    yield opener
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger]) -> Ledger:
    return open_ledger()
