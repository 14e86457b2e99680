"""A compiled strategy that the kernel runs does, and is told, what it does and is told in Python alone."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest import lane
from msray.backtest.compiled import Act, CompiledStrategy, Why, decision
from msray.backtest.config import SECOND, BacktestConfig, FundingRate, LatencyConfig, QueueConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.entrances import grids_of
from msray.backtest.latency import ConstantLatency
from msray.errors import UsageError
from msray.market import OrderKind, Side
from tests.backtest.made import INSTRUMENT, depth, gap, pieces, records, regrid, snapshot, tape
from tests.backtest.test_stage import market
from tests.backtest.watched import random_market

MS = 1_000_000
INVERSE = replace(INSTRUMENT, venue="binance_coinm", symbol="XUSD_PERP")


@decision
def by_chance(told, values, words, reals, asks):
    """Anything at any time; ``words[1]`` holds a sum of all that it was told."""
    total = words[1]
    for told_now in (told.now_ns, told.why, told.token, told.kind, told.left, told.side, told.size, told.tick):
        total = total * 1_000_003 + told_now
    for so_far in (told.is_maker, told.position, told.open_orders, told.is_synced, told.known_ns, told.direction):
        total = total * 1_000_003 + so_far
    for best in (told.bid_tick, told.bid_size, told.ask_tick, told.ask_size):
        total = total * 1_000_003 + best
    words[1] = total
    reals[0] += told.score + values.sum()
    words[2 + told.why] += 1
    if told.why == Why.REFUSED or words[18] > 400:
        return 0
    count = 0
    for _ in range(3):
        words[0] = words[0] * 6364136223846793005 + 1442695040888963407
        drawn = (words[0] >> 33) & 0x3FFFFFFF
        what, drawn = drawn % 10, drawn // 10
        ask = asks[count]
        ask.token, drawn = drawn % 12, drawn // 12
        ask.side, drawn = drawn % 2, drawn // 2
        ask.kind, drawn = drawn % 4, drawn // 4
        ask.size, drawn = 1 + drawn % 7, drawn // 7
        near = told.bid_tick if ask.side == 0 else told.ask_tick
        ask.tick = max(near + drawn % 5 - 2, 1)
        ask.at_ns = told.now_ns + (drawn % 40 - 1) * 20 * 1_000_000
        if what < 3:
            if told.known_ns >= 0:
                ask.what = Act.PLACE
                words[18] += 1
                ask.token += 12 * words[19]
                words[19] += 1
                count += 1
        elif what == 3:
            ask.what = Act.CANCEL
            ask.token += 12 * max(words[19] - 1 - ask.size, 0)
            count += 1
        elif what == 4:
            ask.what = Act.REPLACE
            ask.token += 12 * max(words[19] - 1 - ask.size, 0)
            count += 1
        elif what < 7:
            ask.what = Act.WAKE
            words[18] += 1
            count += 1
    return count


class SameLatency:
    """Constant too, but nobody says so: all is left to Python."""

    def __init__(self, entry_ns, response_ns):
        self._entry_ns, self.least_response_ns = entry_ns, response_ns

    def entry_ns(self, sent_ns):
        return self._entry_ns

    def response_ns(self, at_ns):
        return self.least_response_ns


def story(engine, strategy, result):
    risk, accounts = engine.desk.risk, {
        name: (one.size, one.gross, one.cost, one.fees, one.funding) for name, one in result.accounts.items()
    }
    return {
        "fills": result.fills,
        "trades": result.trades,
        "equity": result.equity,
        "accounts": accounts,
        "answers": result.answers,
        "refusals": result.refusals,
        "halted": result.halted,
        "orders": result.orders,
        "words": strategy.words.tolist(),
        "reals": strategy.reals.tolist(),
        "open": sorted(strategy.tokens.items()),
        "asked": [market.asked for market in engine.desk.markets.values()],
        "observed": (risk.highest, risk.day, risk.day_equity),
    }


def run(path, words, seed, wants_rows, latency, cuts=()):
    strategy = CompiledStrategy(by_chance, words=np.array([seed, *[0] * 40]), reals=1, wants_rows=wants_rows)
    engine = BacktestingEngine(words, strategy, latency=latency)
    engine.trade([path.instrument])
    edges, grids = sorted(cuts), grids_of(path)
    for begin, part in zip([0, *edges], pieces(path, edges), strict=True):
        instrument = next(one for at, one in reversed(grids) if at <= begin)
        engine.feed(replace(part, instrument=instrument))
        if cuts:
            engine.catch_up()
    return story(engine, strategy, engine.finish()), engine


LIMITS = st.builds(
    RiskConfig,
    max_position_pct=st.sampled_from([0.0005, 0.02, 100.0, 100.0]),
    max_exposure_pct=st.sampled_from([0.001, 100.0, 100.0]),
    max_open_orders=st.sampled_from([1, 3, 1000, 1000]),
    max_orders_per_s=st.sampled_from([1, 4, 1000, 1000]),
    max_daily_loss_pct=st.sampled_from([1e-5, 1e-3, 1.0]),
    max_drawdown_pct=st.sampled_from([1e-5, 1e-3, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(0, 0), (0, 30), (20, 0), (37, 53), (250, 1000), (1000, 1000)]),
    LIMITS,
    st.booleans(),
    st.sampled_from([INSTRUMENT, INVERSE]),
    st.lists(st.integers(1, 149), max_size=3, unique=True),
    st.sampled_from(["gaps", "grids"]),
    st.sampled_from([20_000.0, 2e7]),
)
def test_the_kernel_and_python_do_the_same(seed, delays, limits, wants_rows, instrument, cuts, kind, capital):
    entry_ns, response_ns = (one * MS for one in delays)
    words = BacktestConfig(
        initial_capital=capital,
        fee_rate=0.0005,
        maker_fee_rate=-0.0001,
        compute_ms=1.0,
        risk=limits,
        queue=QueueConfig(model="power"),
        contract_size=10.0,
        funding=(FundingRate(instrument=instrument.id, at_ns=4 * SECOND, rate=0.001),),
    )
    path = (
        random_market(seed, 150, instrument=instrument)
        if kind == "gaps"
        else market(np.random.default_rng(seed), instrument)
    )

    alone, _ = run(path, words, seed, wants_rows, SameLatency(entry_ns, response_ns))
    with patch.object(lane, "_FEW", 0):  # however little it can do, the kernel is asked each time
        found, engine = run(path, words, seed, wants_rows, ConstantLatency(entry_ns, response_ns))
        by_piece, _ = run(path, words, seed, wants_rows, ConstantLatency(entry_ns, response_ns), cuts)

    assert engine._lane is not None
    for name, expected in alone.items():
        assert found[name] == expected, name
        assert by_piece[name] == expected, name
