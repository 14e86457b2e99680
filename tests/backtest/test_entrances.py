import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import BacktestConfig
from msray.backtest.entrances import grids_of, make_entrances
from msray.backtest.exchange import SimulatedVenue
from msray.backtest.tape import TwoClocks
from msray.book import kernels as k
from tests.backtest.test_stage import market


def grid_at(tape, message):
    return [instrument for at, instrument in grids_of(tape) if at <= message][-1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_behind_an_entrance_the_book_is_what_it_is_after_all_that_came_before(seed):
    rng = np.random.default_rng(seed)
    tape = market(rng)
    rows = np.unique(rng.integers(0, len(tape.row_message), 5))
    entrances = make_entrances(tape, rows)

    for row, message in zip(rows, entrances.messages.tolist(), strict=True):
        whole, entered = SimulatedVenue(tape.instrument), SimulatedVenue(grid_at(tape, message))
        whole.feed(tape.records[:message], np.arange(message))
        whole.advance(message)
        before = entrances.before(message, grid_at(tape, message))
        entered.feed(before.records, np.arange(2))
        entered.advance(2)

        assert message == tape.row_message[row] + 1
        assert (entered.is_synced, entered.instrument) == (whole.is_synced, whole.instrument)
        assert (entered.book.levels() == whole.book.levels()).all()
        for edge in (k.BID_EDGE, k.ASK_EDGE, k.BEST_BID, k.BEST_ASK):
            assert entered.book.arena[edge] == whole.book.arena[edge]
        assert (before.bests[0] == tape.bests[row]).all()
        assert (before.values[0] == tape.values[row]).all()


@pytest.mark.parametrize(
    "words", [{}, {"clock_correction_ms": 5000.0}, {"compute_ms": 70.0}, {"max_feed_delay_s": 0.001}]
)
@pytest.mark.parametrize("is_timed", [True, False])
def test_behind_an_entrance_the_clocks_are_what_they_are_after_all_that_came_before(words, is_timed):
    tape = market(np.random.default_rng(4), is_timed=is_timed)
    rows = np.array([3, 20, 50])
    entrances = make_entrances(tape, rows)

    for message in entrances.messages.tolist():
        whole, entered = TwoClocks(BacktestConfig(**words)), TwoClocks(BacktestConfig(**words))
        _, known_ns = whole.read(tape.records[:message])
        _, told_ns = entered.read(entrances.before(message, tape.instrument).records)

        assert told_ns[-1] == known_ns[-1]
        for name in ("exchange_ns", "local_ns", "received_ns"):
            assert getattr(entered, name) == getattr(whole, name)
