"""Signals traded at known prices: against the definition, the labels, the engine, and against looking ahead."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import SECOND, BacktestConfig, LatencyConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.follower import SignalFollower
from msray.backtest.ticks import TickBacktest, backtest_ticks
from msray.errors import UsageError
from msray.labels import Barriers, Prices, triple_barrier
from tests.backtest.made import INSTRUMENT, depth, records, signal, snapshot, tape
from tests.labels.made import GAP, prices_of, some_rows
from tests.naive import ticks as naive
from tests.naive.labels import Row

WIDTHS = st.sampled_from([0.001, 0.002, 0.0035, 0.005, 0.01])
SIDES = st.sampled_from([1, -1])
FINE = replace(INSTRUMENT, size_decimals=9)
FREE = BacktestConfig(fee_rate=0.0, slippage_bps=0.0)


def within(ns: int, profit: float = 0.005, stop: float = 0.003, **others: float) -> BacktestConfig:
    exits = {"profit_target_pct": profit, "stop_loss_pct": stop, "max_holding_seconds": ns / 1e9}
    return BacktestConfig.model_validate({**FREE.model_dump(), **exits, **others})


def some_signals(data: st.DataObject, rows: list[Row], *, bars: bool = False) -> list[tuple[int, int]]:
    times = [row.at_ns for row in rows] if bars else list(range(160))
    return sorted(data.draw(st.lists(st.tuples(st.sampled_from(times or [0]), SIDES), max_size=40)), key=lambda s: s[0])


def run(rows: list[Row], signals: list[tuple[int, int]], config: BacktestConfig, *, bars: bool = False) -> TickBacktest:
    return backtest_ticks(prices_of(rows, bars=bars), [at for at, _ in signals], [side for _, side in signals], config)


def story(found: TickBacktest) -> list[tuple[float, ...]]:
    columns = (found.signal, found.side, found.barrier, found.entry_ns, found.exit_ns, found.entry_price, found.net)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("bars", [False, True])
@given(data=st.data(), profit=WIDTHS, stop=WIDTHS, holding_ns=st.integers(1, 60))
def test_trades_are_those_of_the_definition(
    bars: bool, data: st.DataObject, profit: float, stop: float, holding_ns: int
) -> None:
    rows = data.draw(some_rows(bars=bars))
    signals = some_signals(data, rows, bars=bars) if rows or not bars else []
    config = within(holding_ns, profit, stop, fee_rate=0.001, slippage_bps=7.0, position_size_pct=0.5)

    found = run(rows, signals, config, bars=bars)

    expected, *rest = naive.trades(rows, signals, profit, stop, holding_ns)
    booked = naive.booked(expected, 10_000.0, 0.5, 0.001, 7.0)
    assert [found.held, found.unquoted, found.open_signal] == rest
    assert found.signal.tolist() == [one.signal for one in expected]
    assert found.entry_ns.tolist() == [signals[one.signal][0] for one in expected]
    assert [(one.side, one.barrier, one.exit_ns) for one in expected] == list(
        zip(found.side.tolist(), found.barrier.tolist(), found.exit_ns.tolist(), strict=True)
    )
    for name in ("size", "net", "equity"):
        assert getattr(found, name).tolist() == pytest.approx([getattr(one, name) for one in booked], rel=1e-9)


@pytest.mark.parametrize("bars", [False, True])
@given(data=st.data(), profit=WIDTHS, stop=WIDTHS, holding_ns=st.integers(1, 60))
def test_without_gaps_a_trade_is_its_signals_label(
    bars: bool, data: st.DataObject, profit: float, stop: float, holding_ns: int
) -> None:
    rows = data.draw(some_rows(bars=bars, gaps=False))
    signals = some_signals(data, rows, bars=bars) if rows or not bars else []

    found = run(rows, signals, within(holding_ns, profit, stop), bars=bars)

    barriers = Barriers(profit_target_pct=profit, stop_loss_pct=stop, max_holding_s=holding_ns / 1e9)
    labels = triple_barrier(
        prices_of(rows, bars=bars), [at for at, _ in signals], [side for _, side in signals], barriers=barriers
    )
    of_signal = {event: j for j, event in enumerate(labels.event.tolist())}
    gross = found.side * (found.exit_price - found.entry_price) / found.entry_price
    for i, one in enumerate(found.signal.tolist()):
        if one in of_signal:  # a label needs the whole horizon
            j = of_signal[one]
            assert (found.barrier[i], found.exit_ns[i]) == (labels.barrier[j], labels.spans[j, 1])
            assert gross[i] == pytest.approx(labels.gross_return[j], abs=1e-15)


@given(data=st.data(), profit=WIDTHS, stop=WIDTHS, holding_ns=st.integers(1, 60), until_ns=st.integers(0, 160))
def test_what_comes_later_changes_nothing_before_it(
    data: st.DataObject, profit: float, stop: float, holding_ns: int, until_ns: int
) -> None:
    """The truncation test: the trades of a market that ends earlier are those that had ended by then."""
    rows = data.draw(some_rows())
    signals = some_signals(data, rows)
    config = within(holding_ns, profit, stop)
    known = [row for row in rows if row.at_ns <= until_ns]

    whole, cut = run(rows, signals, config), run(known, signals, config)

    last_ns = known[-1].at_ns if known else -1
    assert story(cut) == [trade for trade in story(whole) if trade[4] <= last_ns]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([1, 31, 32, 33, 2000]),
    width=st.sampled_from([0.002, 0.02, 0.2]),
    every=st.sampled_from([1, 7, 300]),
)
def test_long_walks_are_those_of_the_definition(seed: int, count: int, width: float, every: int) -> None:
    rng = np.random.default_rng(seed)
    close = 1000.0 + np.round(rng.normal(size=count).cumsum())
    at_ns = rng.integers(0, 3, count).cumsum()
    holding_ns = int(rng.integers(1, 2 * count))
    rows = [Row(at, (p,) * 3, (p + 1,) * 3) for at, p in zip(at_ns.tolist(), close.tolist(), strict=True)]
    rows = [Row(row.at_ns, GAP, GAP) if rng.random() < 0.002 else row for row in rows]
    signals = [(at, int(side)) for at, side in zip(at_ns[::every].tolist(), rng.choice([1, -1], count), strict=False)]

    found = run(rows, signals, within(holding_ns, width, width))

    expected, *rest = naive.trades(rows, signals[:200], width, width, holding_ns)
    most = len(expected)
    assert found.signal[:most].tolist() == [one.signal for one in expected]
    assert found.exit_ns[:most].tolist() == [one.exit_ns for one in expected]
    if len(signals) <= 200:
        assert [found.held, found.unquoted, found.open_signal] == rest


def walk(seed: int, steps: int = 4000, every: int = 37):
    """A deep book around a walk, a signal now and then; as a tape, and as prices with signals."""
    rng = np.random.default_rng(seed)
    mids = 20_000 + np.cumsum(rng.integers(-9, 10, steps))
    at_ns = np.cumsum(rng.integers(1, 10**8, steps))
    deep = 10**17
    messages, shown = [snapshot(0, {int(mids[0]) - 1: deep}, {int(mids[0]) + 1: deep})], int(mids[0])
    raised = []
    for step, (mid, when) in enumerate(zip(mids.tolist(), at_ns.tolist(), strict=True)):
        moved = [] if mid == shown else [(0, shown - 1, 0), (1, shown + 1, 0), (0, mid - 1, deep), (1, mid + 1, deep)]
        messages.append(depth(when, *(moved or [(0, mid - 1, deep + step)])))
        shown = mid
        if step % every == 0:
            raised.append((step + 1, signal(when, int(rng.choice([1, -1])), instrument=FINE.id)))
    prices = Prices.of_quotes(at_ns, FINE.price(mids - 1), FINE.price(mids + 1))
    return tape(records(*messages), raised, FINE), prices, [one for _, one in raised]


@pytest.mark.parametrize(
    ("seed", "holding_s", "profit", "stop"),
    [(1, 20, 0.00517, 0.00313), (2, 3, 0.0021, 0.0021), (3, 60, 0.0071, 0.0043)],
)
def test_the_engine_makes_the_same_trades_without_latency_on_a_deep_book(
    seed: int, holding_s: float, profit: float, stop: float
) -> None:
    market, prices, signals = walk(seed)
    config = BacktestConfig(
        profit_target_pct=profit,
        stop_loss_pct=stop,
        max_holding_seconds=holding_s,
        slippage_bps=0.0,
        fee_rate=0.0004,
        compute_ms=0.0,
        latency=LatencyConfig(entry_ms=0.0, response_ms=0.0),
        risk=RiskConfig(max_daily_loss_pct=1.0, max_drawdown_pct=1.0),
    )

    expected = BacktestingEngine(config, SignalFollower(config)).run([market])
    found = backtest_ticks(prices, [one.event_ns for one in signals], [one.direction for one in signals], config)

    trades = found.to_pandas()
    assert len(found) == len(expected.trades) > 5
    assert trades["reason"].tolist() == [trade.reason for trade in expected.trades]
    for mine, name in ((found.entry_ns, "entry_ns"), (found.exit_ns, "exit_ns"), (found.side, "side")):
        assert mine.tolist() == [getattr(trade, name) for trade in expected.trades]
    assert found.net.tolist() == pytest.approx([trade.net for trade in expected.trades], rel=1e-6)


def test_costs_change_what_trades_bring_and_not_which_there_are() -> None:
    _, prices, signals = walk(5)
    at_ns, side = [one.event_ns for one in signals], [one.direction for one in signals]
    costs = ({}, {"fee_rate": 0.001}, {"slippage_bps": 3.0}, {"fee_rate": 0.001, "slippage_bps": 3.0})

    free, fee, slipped, both = (backtest_ticks(prices, at_ns, side, FREE.model_copy(update=one)) for one in costs)

    assert all(one.exit_ns.tolist() == free.exit_ns.tolist() for one in (fee, slipped, both))
    assert (fee.net < free.net).all()
    assert both.final_equity < slipped.final_equity < free.final_equity


def test_slippage_is_paid_on_both_ends_and_fees_on_what_is_paid() -> None:
    prices = Prices.of_quotes([0, SECOND], [100.0, 101.0], [100.0, 101.0])

    found = backtest_ticks(prices, [0], 1, FREE.model_copy(update={"fee_rate": 0.01, "slippage_bps": 100.0}))

    assert (found.entry_price.tolist(), found.exit_price.tolist()) == ([101.0], pytest.approx([99.99]))
    assert found.net[0] == pytest.approx(10.0 * (99.99 - 101.0) - 0.01 * 10.0 * (99.99 + 101.0))
    assert found.final_equity == pytest.approx(10_000.0 + found.net[0])


def test_a_signal_at_the_time_of_an_exit_is_taken_and_one_before_it_is_not() -> None:
    prices = Prices.of_quotes([0, 10, 20, 30], [100, 101, 101, 102.1], [100, 101, 101, 102.1])

    found = backtest_ticks(prices, [0, 9, 10, 10], [1, 1, 1, -1], FREE)

    assert (found.signal.tolist(), found.exit_ns.tolist(), found.held) == ([0, 2], [10, 30], 2)


def test_through_a_gap_a_position_is_held_and_left_at_the_first_price_behind_it() -> None:
    rows = [Row(0, (100,) * 3, (100,) * 3), Row(10, GAP, GAP), Row(90, (99,) * 3, (99,) * 3)]

    found = run(rows, [(0, 1)], within(50))
    open_one = run(rows[:2], [(0, 1), (20, 1)], within(50))

    assert (found.barrier.tolist(), found.exit_ns.tolist(), found.exit_price.tolist()) == ([0], [90], [99.0])
    assert (len(open_one), open_one.open_signal) == (0, 0)


def test_when_nothing_is_left_there_are_no_more_trades() -> None:
    prices = Prices.of_quotes([0, 10, 20, 30], [100.0, 900.0, 900.0, 1.0], [100.0, 900.0, 900.0, 1.0])

    found = backtest_ticks(prices, [0, 20, 30], [-1, -1, 1], FREE.model_copy(update={"position_size_pct": 1.0}))

    assert (len(found), found.open_signal) == (1, -1)
    assert found.final_equity == pytest.approx(-70_000.0)


def test_prices_that_may_not_be_written_to_are_as_good_as_any() -> None:
    bid, ask = np.array([100.0, 101.0]), np.array([100.0, 101.0])
    bid.flags.writeable = False

    assert len(backtest_ticks(Prices.of_quotes([0, 10], bid, ask), [0], 1, FREE)) == 1


@pytest.mark.parametrize(
    ("at_ns", "side", "message"),
    [
        ([2, 1], 1, "at_ns must not go back in time, signal 1 does"),
        ([1.5], 1, "at_ns must be one row of whole numbers, got float64"),
        ([-1], 1, "at_ns must be 0 to below"),
        ([1], 0, "side must be 1 or -1, for all signals or for each of 1, got 0"),
        ([1], [1, -1], "side must be 1 or -1, for all signals or for each of 1"),
        ([1], ["buy"], "side must be 1 or -1"),
    ],
)
def test_wrong_signals_are_refused(at_ns: object, side: object, message: str) -> None:
    prices = Prices.of_quotes([0, 10], [1.0, 1.0], [1.0, 1.0])

    with pytest.raises(UsageError, match=message):
        backtest_ticks(prices, at_ns, side, FREE)


def test_a_signal_inside_a_bar_is_refused() -> None:
    bars = Prices.of_bars([10, 20], [[1.0, 1.0]] * 3, [[1.0, 1.0]] * 3)

    with pytest.raises(UsageError, match="signal 1 at 15 is inside one"):
        backtest_ticks(bars, [10, 15], 1, FREE)


def test_no_signals_or_no_prices_are_no_trades() -> None:
    prices = Prices.of_quotes([0, 10], [1.0, 1.0], [1.0, 1.0])
    none = backtest_ticks(prices, [], 1, FREE)

    assert (len(none), none.final_equity, none.net_return) == (0, 10_000.0, 0.0)
    for nothing in (Prices.of_quotes([], [], []), Prices.of_bars([], [[]] * 3, [[]] * 3)):
        unquoted = backtest_ticks(nothing, [1, 2], 1, FREE)
        assert (len(unquoted), unquoted.unquoted) == (0, 2)
    assert none.to_pandas().empty
