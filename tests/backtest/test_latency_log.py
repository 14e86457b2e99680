"""A log of latencies is checked, and is part of what a backtest's result comes from."""

import pickle

import numpy as np
import pytest

from msray.backtest.config import SECOND, BacktestConfig, LatencyConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.folds import cut_time, span_of
from msray.backtest.follower import SignalFollower
from msray.backtest.grid import make_cells, make_stage, run_serially
from msray.backtest.latency_log import MOST_DELAY_NS, LatencyLog
from msray.backtest.lookahead import check_lookahead
from msray.backtest.run import backtest
from msray.errors import UsageError
from tests.backtest.planted import INSTRUMENT, leaning

EXITS = {"profit_target_pct": 0.002, "stop_loss_pct": 0.0015, "max_holding_seconds": 15.0}


def made(seed=1, span=None):
    rng = np.random.default_rng(seed)
    sent_ns = np.sort(rng.integers(*(span or span_of([leaning()])), 200))
    return LatencyLog(sent_ns, rng.integers(0, SECOND, 200), rng.integers(0, SECOND, 200))


def config(log):
    return BacktestConfig(fee_rate=0.0002, latency=LatencyConfig(log=log), **EXITS)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([], [], []), "a log of latencies must have 1 to 1000000 orders, got 0"),
        (([1, 2], [1], [1, 1]), "entry_ns must have 2 rows as the others have, got 1"),
        (([2, 1], [1, 1], [1, 1]), "sent_ns must not go back in time, got 1 in row 1"),
        (([0, 1], [1, 1], [1, 1]), "sent_ns must be 1 to"),
        (([1, 2], [1, -3], [1, 1]), "entry_ns must be 0 to 60000000000, got -3 in row 1"),
        (([1, 2], [1, 3], [1, MOST_DELAY_NS + 1]), "response_ns must be 0 to 60000000000"),
        (([1, 2], [1.5, 3], [1, 1]), "entry_ns must be whole numbers"),
    ],
)
def test_a_log_that_makes_no_sense_is_refused(columns, message):
    with pytest.raises(UsageError, match=message):
        LatencyLog(*columns)


def test_its_content_says_what_it_is():
    log, again, other = made(1), made(1), made(2)

    assert (log, hash(log), log.name) == (again, hash(again), again.name)
    assert log != other
    assert pickle.loads(pickle.dumps(log)) == log
    assert config(log).model_dump_json() == config(again).model_dump_json() != config(other).model_dump_json()


def test_it_stays_what_it_is_in_a_configuration_that_is_written_down_and_read():
    said = config(made())

    assert type(said).model_validate(said.model_dump()) == said
    assert said.model_dump(mode="json")["latency"]["log"] == made().name


def test_later_orders_of_a_backtest_take_what_was_measured_then():
    begin, end = span_of([leaning()])
    slow_end = LatencyLog([begin, (begin + end) // 2, end], [0, 0, MOST_DELAY_NS], [0, 0, MOST_DELAY_NS])

    found = BacktestingEngine(config(slow_end), SignalFollower(config(slow_end))).run([leaning()])

    waits = [fill.local_ns - fill.exchange_ns for fill in found.fills]
    assert waits[0] == 0
    assert waits[-1] > SECOND


def test_a_cell_of_a_grid_has_a_key_of_its_own_and_gives_what_a_backtest_gives():
    cells = make_cells([config(made(1)), config(made(2))], [[INSTRUMENT.id]])
    results = []

    run_serially(make_stage([leaning()], cells), [cells], SignalFollower, results.extend)

    expected = [BacktestingEngine(cell.config, SignalFollower(cell.config)).run([leaning()]) for cell in cells]
    assert [one.final_equity for one in results] == [one.final_equity for one in expected]
    assert results[0].final_equity != results[1].final_equity


def test_a_log_of_another_time_is_refused_before_anything_is_run():
    begin, end = span_of([leaning()])
    late = config(made(span=(end + SECOND, end + 10 * SECOND)))

    with pytest.raises(UsageError, match="must be of the time that is played"):
        backtest([leaning()], late)
    with pytest.raises(UsageError, match="must be of the time that is played"):
        make_stage([leaning()], make_cells([late], [[INSTRUMENT.id]], cut_time(begin, end, 3)))


def test_the_same_market_at_another_date_has_the_same_latencies():
    report = check_lookahead(
        [leaning()], config(made()), read_until=lambda _: [leaning()], cuts_ns=[], strategy=SignalFollower
    )

    assert report.differences == ()
