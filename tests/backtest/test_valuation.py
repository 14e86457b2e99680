"""Values of the account worked out in one go are those of looking each second, wherever trading ends."""

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest import valuation
from msray.backtest.config import SECOND, BacktestConfig, FundingRate, LatencyConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.result import EquityPoint
from msray.market import OrderKind, Side
from tests.backtest.made import INSTRUMENT, depth, pieces, random_messages, records, snapshot, tape, times
from tests.backtest.test_engine import EXACT, OTHER, Scripted, X, random_script

DAY = 86_400 * SECOND


def market(seed, instrument=INSTRUMENT, begin_ns=DAY - 30 * SECOND):
    """80 messages, 0.7 s apart, over a midnight."""
    log = times(records(*random_messages(np.random.default_rng(seed), 80)), 7 * SECOND // 100)
    for name in ("event_ns", "local_ns"):
        log.messages[name] += begin_ns
    return tape(log, instrument=instrument)


class Diary(Scripted):
    def on_halt(self, desk):
        held = desk.position(X)
        self.diary.append((desk.now_ns, "halt", desk.equity))
        if held:
            desk.place(X, Side.SELL if held > 0 else Side.BUY, abs(held))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(1e-6, 0.003),
    st.floats(1e-6, 0.003),
    st.lists(st.integers(1, 79), max_size=4, unique=True),
)
def test_values_and_halts_are_those_of_looking_each_second(seed, daily, drawdown, cuts):
    words = BacktestConfig(
        fee_rate=0.0001,
        latency=LatencyConfig(entry_ms=300, response_ms=400, jitter_ms=50),
        risk=RiskConfig(max_daily_loss_pct=daily, max_drawdown_pct=drawdown),
        funding=(FundingRate(instrument=X, at_ns=DAY, rate=0.001),),
    )
    script = random_script(np.random.default_rng(seed), [X, OTHER.id], 8, 50 * SECOND)
    script = [(DAY - 30 * SECOND + at_ns, *rest) for at_ns, *rest in script]
    paths = [market(seed), market(seed + 1, OTHER)]

    found = []
    for least, edges in ((10**6, []), (1, []), (4, sorted(cuts))):
        strategy = Diary(script)
        engine = BacktestingEngine(words, strategy)
        engine.trade([INSTRUMENT, OTHER])
        with patch.object(valuation, "_LEAST", least):
            for parts in zip(*(pieces(path, edges) for path in paths), strict=True):
                for part in parts:
                    engine.feed(part)
                engine.catch_up()
            result = engine.finish()
        found.append((result.equity, result.fills, result.halted, result.refusals, strategy.diary))

    assert found[0] == found[1] == found[2]


def test_a_fill_at_the_time_of_a_value_does_not_take_its_place():
    path = tape(records(snapshot(0, {99: 9}, {101: 9}), depth(1, (0, 98, 1)), depth(5 * SECOND, (0, 98, 2))))
    script = [(at * SECOND, X, Side.BUY, OrderKind.MARKET, 0, 1) for at in (1, 3)]

    points = BacktestingEngine(EXACT, Scripted(script)).run([path]).equity

    assert [point.at_ns // SECOND for point in points] == [1, 2, 3, 3, 4, 5, 5]


def test_what_is_held_is_valued_each_second_from_the_fill_on():
    path = tape(records(snapshot(0, {99: 9}, {101: 9}), depth(1, (0, 98, 1)), depth(7 * SECOND, (0, 100, 9))))
    script = [(SECOND // 2, X, Side.BUY, OrderKind.MARKET, 0, 2), (7 * SECOND, X, Side.SELL, OrderKind.MARKET, 0, 2)]

    points = BacktestingEngine(EXACT, Scripted(script)).run([path]).equity

    held = [EquityPoint(SECOND // 2 + n * SECOND, 10_000 - 0.2) for n in range(7)]
    assert points[:7] == tuple(held)
    assert [(point.at_ns, round(point.equity, 9)) for point in points[7:]] == [(7 * SECOND, 9_999.8)] * 2
