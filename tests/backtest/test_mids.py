import numpy as np
import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.mids import Mids, mids_of
from msray.errors import UsageError
from tests.backtest.made import INSTRUMENT, depth, pieces, records, regrid, snapshot, tape

ASK = 1


def test_mids_are_those_of_rows_with_both_sides_in_exchange_time():
    log = records(
        snapshot(0, {99: 1}, {101: 1}),
        depth(10, (0, 100, 1)),
        depth(20, (0, 100, 0), (0, 99, 0)),
        depth(30, (0, 98, 1)),
    )
    log.messages["local_ns"] += 7

    made = mids_of([tape(log)], BacktestConfig())

    assert made.at_ns.tolist() == [10, 30]
    assert made.prices(np.array([0, 1])).tolist() == [10.05, 9.95]
    assert made.exact_prices(np.array([1])) == [995 * 10**16]


def test_tapes_that_follow_each_other_and_change_their_grid_are_one_path():
    log = records(snapshot(0, {99: 1}, {101: 1}), depth(10, (0, 98, 1)), regrid(20, 10, 2), depth(30, (0, 995, 1)))
    whole = tape(log)

    at_once = mids_of([whole], BacktestConfig())
    by_piece = mids_of(pieces(whole, [2]), BacktestConfig())

    assert at_once.instrument == INSTRUMENT.regridded(2, 1)
    assert at_once.half_ticks.tolist() == by_piece.half_ticks.tolist() == [2000, 2005]
    assert by_piece.at_ns.tolist() == [10, 30]


def test_before_an_instant_is_without_it_and_until_is_with_it():
    made = Mids(INSTRUMENT, np.array([10, 20, 20, 30]), np.array([200, 201, 202, 203]))

    assert made.before([10, 11, 20, 21, 99]).tolist() == [-1, 0, 0, 2, 3]
    assert made.until([9, 10, 20, 29, 30]).tolist() == [-1, 0, 2, 2, 3]


def test_what_is_no_path_is_refused():
    with pytest.raises(UsageError, match="at_ns of mids must never go back"):
        Mids(INSTRUMENT, np.array([2, 1]), np.array([2, 2]))
    with pytest.raises(UsageError, match="at_ns and half_ticks must have one length above 0, got 0 and 0"):
        Mids(INSTRUMENT, np.zeros(0, np.int64), np.zeros(0, np.int64))
    with pytest.raises(UsageError, match="tapes must have a row with both sides of the book"):
        mids_of([tape(records(snapshot(0, {99: 1}, {101: 1})))], BacktestConfig())
