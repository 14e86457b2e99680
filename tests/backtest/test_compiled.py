"""The compiled strategy that the README shows is one."""

import re
from pathlib import Path

from msray.backtest.config import BacktestConfig
from msray.backtest.engine import BacktestingEngine
from msray.market import Side
from tests.backtest.made import INSTRUMENT, depth, records, snapshot, sold, tape
from tests.backtest.test_lane import FREE

README = Path(__file__).parents[2] / "README.md"
MS = 1_000_000


def test_the_strategy_in_the_readme_joins_the_bid_until_it_holds_something():
    (block,) = (one for one in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "@decision" in one)
    shown: dict = {}
    exec(block, shown)
    path = tape(
        records(
            snapshot(0, {99: 4}, {101: 9}),
            depth(MS, (0, 98, 1)),
            sold(2 * MS, 99, 5),
            depth(3 * MS, (0, 100, 1)),
            depth(4 * MS, (0, 100, 2)),
        )
    )

    result = BacktestingEngine(FREE, shown["JoinTheBid"](BacktestConfig())).run([path])

    (fill,) = result.fills
    assert (fill.side, fill.price, fill.size, fill.is_maker) == (Side.BUY, INSTRUMENT.exact_price(99), 1, True)
    assert result.orders == 1
