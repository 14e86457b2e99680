"""Paper trading that cannot be, or fails at the end, is told of and raises nothing."""

from typing import NoReturn

import pytest

from msray.backtest import BacktestConfig, PaperStatus, Strategy
from msray.on_ray.paper import Paper
from tests.backtest.made import INSTRUMENT, depth, records, snapshot

CONFIG = BacktestConfig(initial_capital=500.0)
SECOND = 1_000_000_000


def fail(*_: object) -> NoReturn:
    raise ValueError("no strategy today")


def test_a_strategy_that_cannot_be_made_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    paper = Paper([INSTRUMENT], CONFIG, fail)

    paper.turn()
    paper.log(INSTRUMENT.id)(INSTRUMENT, records(snapshot(SECOND, {99: 1}, {101: 1})), [])
    paper.finish()

    assert paper.status().equity == 500.0
    assert paper.status().failed.startswith("ValueError: no strategy today (fail, line ")
    assert "no strategy today" in caplog.text


@pytest.mark.parametrize("when", ["on_start", "on_time"])
def test_what_a_strategy_raises_is_told_of_and_nothing_is_done_after_it(when: str) -> None:
    class Raising(Strategy):
        def on_start(self, desk: object) -> None:
            desk.wake_at(2 * SECOND, 1)  # type: ignore[attr-defined]

    setattr(Raising, when, fail)
    paper = Paper([INSTRUMENT], CONFIG, lambda _: Raising())
    market = records(snapshot(SECOND, {99: 1}, {101: 1}), depth(3 * SECOND, (0, 98, 1)))

    paper.log(INSTRUMENT.id)(INSTRUMENT, market, [])
    paper.turn()
    paper.finish()

    assert paper.status().failed.startswith("ValueError: no strategy today (fail, line ")


def test_before_anything_has_happened_it_stands_as_it_begins() -> None:
    assert Paper([INSTRUMENT], CONFIG, lambda _: Strategy()).status() == PaperStatus(
        equity=500.0, net_return=0.0, positions={INSTRUMENT.id: 0.0}, orders=0, fills=0, trades=0, refusals={}
    )
