from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.backtest import kernels, kernels_quotes
from msray.backtest.config import BacktestConfig
from msray.backtest.folds import cut_time, span_of
from msray.backtest.follower import SignalFollower
from msray.backtest.grid import CellResult, grid_digest, make_cells, make_groups, make_stage, run_cell, run_serially
from msray.backtest.run import run_one
from msray.errors import UsageError
from msray.market import Records
from tests.backtest.planted import INSTRUMENT, leaning_market

X = INSTRUMENT.id
CONFIGS = [
    BacktestConfig(profit_target_pct=profit, stop_loss_pct=0.0015, max_holding_seconds=15.0)
    for profit in (0.001, 0.002, 0.003)
]


@pytest.fixture(scope="module")
def tape():
    return leaning_market(7, follows=True)


@pytest.fixture(scope="module")
def cells(tape):
    return make_cells(CONFIGS, [[X]], cut_time(*span_of([tape]), 6))


def collected(stage, parts):
    found = []
    run_serially(stage, parts, SignalFollower, found.extend)
    return {result.key: result for result in found}


def test_a_cell_of_everything_is_the_backtest_itself(tape):
    (cell,) = make_cells(CONFIGS[:1], [[X]], bins=8)
    expected = run_one([tape], CONFIGS[0], SignalFollower)

    found = run_cell(make_stage([tape], [cell]), cell, SignalFollower)

    assert found == CellResult(
        key=cell.key,
        net_return=expected.net_return,
        final_equity=expected.final_equity,
        fees=expected.fees,
        orders=expected.orders,
        fills=len(expected.fills),
        trades=len(expected.trades),
        held_s=pytest.approx(sum(trade.exit_ns - trade.entry_ns for trade in expected.trades) / 1e9),
        returns=found.returns,
        messages=len(tape.records),
    )
    assert len(found.returns) == 8
    assert sum(found.returns) == pytest.approx(found.net_return)
    assert found.trades > 10


def test_neither_order_nor_grouping_changes_a_result(tape, cells):
    stage = make_stage([tape], cells)
    shuffled = [cells[at] for at in np.random.default_rng(1).permutation(len(cells))]

    at_once = collected(stage, [cells])
    one_by_one = collected(make_stage([tape], shuffled), [[cell] for cell in shuffled])

    assert at_once == one_by_one
    assert sum(result.trades for result in at_once.values()) > 30


class Failing(SignalFollower):
    """Cannot do with the middle of the configurations."""

    def on_signal(self, signal, desk):
        if self._config == CONFIGS[1]:
            raise ZeroDivisionError("no size")
        super().on_signal(signal, desk)


def test_a_cell_that_raises_says_why_and_stops_no_other(tape, cells):
    stage = make_stage([tape], cells)

    failing = [run_cell(stage, cell, Failing) for cell in cells]
    working = [run_cell(stage, cell, SignalFollower) for cell in cells]

    for cell, failed, expected in zip(cells, failing, working, strict=True):
        if cell.config == CONFIGS[1] and expected.orders:
            assert failed.key == cell.key
            assert failed.problem.startswith("ZeroDivisionError: no size (on_signal, line ")
        else:
            assert failed == expected
    assert sum(bool(result.problem) for result in failing) >= 3


def test_keys_tell_cells_apart_and_nothing_else():
    folds = [None, (0, 10), (10, 20)]
    cells = make_cells(CONFIGS, [["a:X"], ["a:X", "a:Y"]], folds)

    again = make_cells(CONFIGS, [["a:X"], ["a:Y", "a:X"]], folds)

    assert len({cell.key for cell in cells}) == len(cells) == 18
    assert [cell.key for cell in again] == [cell.key for cell in cells]
    assert {cell.key for cell in make_cells(CONFIGS, [["a:X"]], folds, bins=3)}.isdisjoint(cell.key for cell in cells)


def test_cells_of_one_place_stand_together():
    cells = make_cells(CONFIGS, [["a:X"], ["a:Y"]], [(0, 10), (10, 20)])

    assert [cell.place for cell in cells[::3]] == [cell.place for cell in cells[1::3]]
    assert [cell.config for cell in cells[:3]] == CONFIGS


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"configs": [CONFIGS[0], CONFIGS[0]]}, "cells must be different, got 1 of 2"),
        ({"folds": [None, None]}, "cells must be different, got 3 of 6"),
        ({"bins": 0}, "bins must be 1 or more, got 0"),
    ],
)
def test_a_grid_that_says_a_thing_twice_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        make_cells(**{"configs": CONFIGS, "instruments": [["a:X"]], **words})


@given(st.integers(0, 300), st.floats(1e-5, 3.0), st.floats(0.2, 2.0))
def test_groups_hold_every_cell_once_and_enough_of_them(count, each_s, least_s):
    found = make_groups(range(count), each_s, least_s)

    assert [cell for group in found for cell in group] == list(range(count))
    if len(found) > 1:
        assert min(map(len, found)) * each_s >= least_s * (1 - 1e-9)
        assert max(map(len, found)) <= 2 * min(map(len, found))


def test_groups_that_are_not_worth_handing_over_are_refused():
    with pytest.raises(UsageError, match=r"least_s must be 0\.2 or more, got 0\.1"):
        make_groups([], 1.0, 0.1)


def test_kernels_see_one_type_whoever_owns_the_memory(tape, cells):
    """Memory of a cluster cannot be written: without care every kernel would be compiled a second time for it."""
    run_cell(make_stage([tape], cells), cells[0], SignalFollower)
    before = [list(kernel.signatures) for kernel in (kernels.advance, kernels_quotes.first_touch)]
    arrays = [tape.records.messages.copy(), tape.records.levels.copy(), tape.bests.copy()]
    for array in arrays:
        array.flags.writeable = False
    frozen = replace(tape, records=Records(*arrays[:2]), bests=arrays[2])

    run_cell(make_stage([frozen], cells), cells[0], SignalFollower)

    assert [list(kernel.signatures) for kernel in (kernels.advance, kernels_quotes.first_touch)] == before


def test_the_digest_is_that_of_tapes_cells_and_strategy(tape, cells):
    stage = make_stage([tape], cells)
    bests = tape.bests.copy()
    bests[5, 1] += 1
    other = make_stage([replace(tape, bests=bests)], cells)

    digests = [
        grid_digest(stage, cells, SignalFollower),
        grid_digest(stage, cells[:-1], SignalFollower),
        grid_digest(stage, cells, Failing),
        grid_digest(stage, cells, partial(SignalFollower, least_score=0.5)),
        grid_digest(stage, cells, partial(SignalFollower, least_score=0.6)),
        grid_digest(other, cells, SignalFollower),
    ]

    assert len(set(digests)) == 6
    assert grid_digest(make_stage([tape], cells), cells, SignalFollower) == digests[0]
