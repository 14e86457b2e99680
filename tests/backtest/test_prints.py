import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.prints import PrintQueue
from tests.backtest.made import INSTRUMENT, bought, depth, records, snapshot, sold


def queue(*logs):
    made = PrintQueue(INSTRUMENT)
    for log in logs:
        made.feed(INSTRUMENT, log, log.messages["event_ns"].copy())
    return made


def seen(prints):
    return list(zip(prints.ticks.tolist(), prints.sizes.tolist(), prints.is_sell.tolist(), strict=True))


def test_only_trades_are_handed_out_with_their_side_and_only_once():
    made = queue(records(snapshot(0, {99: 1}, {101: 1}), sold(10, 99, 2), depth(11, (0, 99, 3)), bought(12, 101, 4)))

    assert seen(made.take(9)) == []
    assert seen(made.take(11)) == [(99, 2, True)]
    assert seen(made.take(12)) == [(101, 4, False)]
    assert len(made.take(100)) == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(90, 110)), max_size=20), st.lists(st.integers(0, 60)))
def test_whatever_the_pieces_and_whenever_asked_each_trade_comes_when_it_is_known(steps, asked):
    times = np.cumsum([step for step, _ in steps]).tolist()
    trades = [bought(at_ns, tick, 1) for at_ns, (_, tick) in zip(times, steps, strict=True)]
    made = queue(*(records(trade) for trade in trades[:10]), records(*trades[10:]))

    before = -1
    for now_ns in sorted(asked):
        found = [tick for tick, _, _ in seen(made.take(now_ns))]
        assert found == [tick for at_ns, (_, tick) in zip(times, steps, strict=True) if before < at_ns <= now_ns]
        before = now_ns


def test_trades_on_two_grids_are_handed_out_on_the_finer_one():
    made = queue(records(bought(10, 101, 1)))
    finer = INSTRUMENT.regridded(2, 1)
    made.feed(finer, records(bought(20, 1015, 1)), np.array([20]))

    prints = made.take(30)

    assert (prints.instrument, prints.ticks.tolist()) == (finer, [1010, 1015])
