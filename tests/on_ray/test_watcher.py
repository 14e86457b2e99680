"""What a replica tells at ``/metrics``: the same as every other, and all but the ledger's while that is down."""

import asyncio
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from msray.api.config import ApiConfig
from msray.errors import UnavailableError
from msray.on_ray import serving
from msray.on_ray.board import BoardService
from msray.on_ray.serving import Watcher
from msray.telemetry.families import COMMIT, COMMIT_SIGNALS, GAPS, HTTP_REQUESTS, OUTBOX
from msray.telemetry.metrics import Figures, Sample
from tests.feeds.clocks import ManualClock, settle
from tests.on_ray.shards import an_update

pytestmark = [pytest.mark.ray, pytest.mark.timeout(60)]
NAME = "binance_usdm:BTCUSDT"
GAP = f'{GAPS.name}{{symbol="{NAME}"}} 3.0'
GET = ("GET", "/health", "200")
REQUESTS = f'{HTTP_REQUESTS.name}{{method="GET",route="/health",status="200"}}'


class Ledger:
    """Tells of itself what it is given to tell; without that it is down."""

    def __init__(self) -> None:
        figures = Figures()
        figures.observe(COMMIT, value=0.01)
        figures.observe(COMMIT_SIGNALS, value=1)
        figures.set(OUTBOX, "pending", value=2)
        self.says: Sample | None = figures.sample()
        self.hangs = False

    def __call__(self) -> "Ledger":
        return self

    async def sample(self, _symbols: Collection[str], _types: Collection[str], _window_s: float) -> Sample:
        if self.hangs:
            await asyncio.Event().wait()
        if self.says is None:
            raise UnavailableError("msray-ledger is not running")
        return self.says


@pytest.fixture
async def board(monkeypatch: pytest.MonkeyPatch) -> BoardService:
    board = BoardService(ManualClock())
    update = an_update(1, sample={GAPS.name: {(NAME,): (3.0,)}})
    await board.push(update)
    actor = SimpleNamespace(tell=SimpleNamespace(remote=board.tell))
    monkeypatch.setattr(serving, "find", lambda _name: actor)
    monkeypatch.setattr(serving, "METRICS_KEPT_S", 0.0)
    return board


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    ledger = Ledger()
    monkeypatch.setattr(serving, "RemoteLedger", ledger)
    return ledger


async def look(*watchers: Watcher) -> None:
    """One after the other, as often as it takes for each to have seen the others."""
    for watcher in watchers * 2:
        watching = asyncio.create_task(watcher.watch())
        await settle()
        watching.cancel()


async def test_every_replica_tells_the_same(board: BoardService, ledger: Ledger) -> None:
    mine, others = Figures(), Figures()
    mine.add(HTTP_REQUESTS, *GET, by=3)
    others.add(HTTP_REQUESTS, *GET, by=4)
    one, two = Watcher(ApiConfig(), mine), Watcher(ApiConfig(), others)

    await look(one, two)
    texts = [await one.text(), await two.text()]

    assert texts[0] == texts[1]
    assert {GAP, f"{REQUESTS} 7.0", f"{COMMIT.name}_count 1.0"} <= set(texts[0].splitlines())


async def test_a_replica_tells_nothing_before_it_has_seen_the_others(
    board: BoardService, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = Figures()
    figures.add(HTTP_REQUESTS, *GET, by=3)
    await board.tell("another", figures.sample(), 0)

    first = await Watcher(ApiConfig(), figures).text()
    monkeypatch.setattr(serving, "find", _nobody)

    assert f"{REQUESTS} 6.0" in first.splitlines()
    with pytest.raises(UnavailableError):
        await Watcher(ApiConfig(), figures).text()


@pytest.mark.parametrize("how", ["down", "hangs"])
async def test_without_the_ledger_everything_else_is_told(
    how: str, board: BoardService, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = Figures()
    figures.add(HTTP_REQUESTS, *GET)
    watcher = Watcher(ApiConfig(), figures)
    before = await watcher.text()
    monkeypatch.setattr(serving, "LEDGER_WITHIN_S", 0.01)

    said, ledger.says, ledger.hangs = ledger.says, None, how == "hangs"
    without = await watcher.text()
    ledger.says, ledger.hangs = said, False
    after = await watcher.text()

    missing = set(before.splitlines()) - set(without.splitlines())
    values = [line for line in missing if not line.startswith("#")]
    assert {GAP, f"{REQUESTS} 1.0"} <= set(without.splitlines())
    assert f"{COMMIT.name}_count 1.0" in values
    assert {name for name in (COMMIT.name, COMMIT_SIGNALS.name) if name in without} == set()
    assert all(line.startswith((COMMIT.name, COMMIT_SIGNALS.name, OUTBOX.name)) for line in values)
    assert after == before


def _nobody(name: str) -> Any:
    raise UnavailableError(f"{name} is not running")
