from datetime import date

import numpy as np
import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.follower import SignalFollower
from msray.backtest.queue import check_queue, check_tapes
from msray.backtest.stage import Stage
from msray.errors import UsageError
from msray.market import ORDER
from msray.venues import LobsterDecoder, lobster_instrument
from tests.backtest.made import INSTRUMENT, random_messages, records, tape
from tests.venues.made_orders import made_orders

FIFO = BacktestConfig(queue={"model": "fifo"})
X = lobster_instrument("X")
SAYS = "^queue.model must be risk_averse, power or logarithm for test:X, got fifo: recordings of this venue tell sizes"


@pytest.fixture(scope="module")
def levels():
    return tape(records(*random_messages(np.random.default_rng(1), 40)))


@pytest.fixture(scope="module")
def log():
    return LobsterDecoder(5, date(2012, 6, 21)).decode(*made_orders(1, 60, 5).tables())[0]


@pytest.fixture(scope="module")
def orders(log):
    return tape(log, instrument=X)


def test_an_exact_queue_is_refused_before_anything_runs_where_orders_are_not_told(levels, orders):
    engine = BacktestingEngine(FIFO, SignalFollower(FIFO))

    with pytest.raises(UsageError, match=SAYS) as refused:
        engine.run([orders, levels])

    assert "LOBSTER" in refused.value.hint
    assert engine.desk.markets == {}


def test_what_trades_as_it_comes_in_is_refused_too():
    with pytest.raises(UsageError, match=SAYS):
        BacktestingEngine(FIFO, SignalFollower(FIFO)).trade([INSTRUMENT])


def test_a_grid_is_refused_before_its_first_cell(levels):
    with pytest.raises(UsageError, match=SAYS):
        Stage([levels], [((INSTRUMENT.id,), None)], [BacktestConfig(), FIFO])


def test_a_recording_that_lost_its_order_ids_is_refused(log):
    changed = log.levels.copy()
    changed["flags"] &= ~ORDER
    bare = tape(type(log)(log.messages, changed), instrument=X)

    with pytest.raises(UsageError, match="lobster:X, got fifo: its recording has no order ids"):
        check_tapes(FIFO, [bare])


def test_other_models_and_recordings_of_orders_are_taken(levels, orders):
    check_tapes(FIFO, [orders])
    check_tapes(BacktestConfig(), [levels, orders])
    check_queue(BacktestConfig(queue={"model": "power"}), [INSTRUMENT])
    BacktestingEngine(FIFO, SignalFollower(FIFO)).run([orders])
