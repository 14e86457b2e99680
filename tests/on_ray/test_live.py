"""What live detection asks the ledger before it starts anything."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from msray.backtest import BacktestConfig
from msray.backtest.config import QueueConfig
from msray.clock import SystemClock
from msray.errors import UnavailableError, UsageError
from msray.market import Instrument
from msray.on_ray import live, session
from msray.on_ray.holder import holder
from msray.store.ledger import Ledger
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]

FIRST = Instrument(venue="binance_usdm", symbol="AUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
INSTRUMENTS = tuple(replace(FIRST, symbol=f"{letter}USDT") for letter in "ABCDE")
HOUR_NS = 3600 * 10**9
AFTER_THE_LEDGER = "the board is told to fail"


@pytest.fixture
def plan(joined: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> live.LivePlan:
    """A start that goes no further than the ledger."""

    def start_board() -> None:
        raise UnavailableError(AFTER_THE_LEDGER)

    monkeypatch.setattr(live, "start_board", start_board)
    return live.LivePlan(instruments=INSTRUMENTS[:4], ledger_url=SecretStr(f"sqlite:///{tmp_path}/ledger.db"))


def leased(plan: live.LivePlan, who: str, *, for_ns: int = HOUR_NS) -> None:
    """Let somebody have all instruments but the first."""
    ledger = Ledger(plan.ledger_url.get_secret_value(), clock=SystemClock())
    ledger.lease([one.id for one in INSTRUMENTS[1:]], who, for_ns=for_ns)
    ledger.close()


def is_ledger_gone() -> bool:
    try:
        session.find(session.LEDGER)
    except UnavailableError:
        return True
    return False


@pytest.fixture(autouse=True)
def nothing_is_left(joined: None) -> Iterator[None]:
    yield
    assert eventually(is_ledger_gone)


def test_instruments_of_somebody_else_are_refused_with_the_holders_name(plan: live.LivePlan) -> None:
    leased(plan, who := holder("shard-0", "elsewhere", 1))

    with pytest.raises(UsageError) as refused:
        live.start_live(plan)

    names = "binance_usdm:BUSDT, binance_usdm:CUSDT, binance_usdm:DUSDT"
    assert str(refused.value).startswith(f"instruments must be free in the ledger, got {names}, held by {who}")
    assert refused.value.hint == "end that one with msray down, or wait 30 s if it has died"


def test_of_many_instruments_three_are_named(plan: live.LivePlan) -> None:
    leased(plan, holder("shard-0", "elsewhere", 1))

    with pytest.raises(
        UsageError, match="BUSDT, binance_usdm:CUSDT, binance_usdm:DUSDT and 1 more, held by shard-0 on"
    ):
        live.start_live(replace(plan, instruments=INSTRUMENTS))


def test_leases_of_a_killed_process_of_this_machine_are_nobodys(plan: live.LivePlan) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    leased(plan, holder("shard-0", socket.gethostname(), process.pid))

    with pytest.raises(UnavailableError, match=AFTER_THE_LEDGER):
        live.start_live(plan)


def test_paper_trading_in_an_exact_queue_is_refused_before_anything_starts(plan: live.LivePlan) -> None:
    with pytest.raises(UsageError, match=r"^queue\.model must be .* for binance_usdm:AUSDT, got fifo"):
        live.start_live(replace(plan, paper=BacktestConfig(queue=QueueConfig(model="fifo"))))


def test_leases_that_were_given_back_are_nobodys(plan: live.LivePlan) -> None:
    leased(plan, holder("shard-0", "elsewhere", 1), for_ns=0)

    with pytest.raises(UnavailableError, match=AFTER_THE_LEDGER):
        live.start_live(plan)


def test_instruments_that_nobody_else_has_are_started_beside_those_that_somebody_has(plan: live.LivePlan) -> None:
    leased(plan, holder("shard-0", "elsewhere", 1))

    with pytest.raises(UnavailableError, match=AFTER_THE_LEDGER):
        live.start_live(replace(plan, instruments=INSTRUMENTS[:1]))
