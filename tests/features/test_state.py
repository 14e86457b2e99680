import numpy as np
import pytest

from msray.errors import FeedError, UsageError
from msray.features import FeatureEngineering, grow, kernels_layout, new_state, regrid, reset
from msray.features import state as state_module
from msray.market import MAX_TICK, REGRID, Instrument, Records, concatenate
from tests.features.logs import RANDOM, Log, random_log

FINER = RANDOM.regridded(3, 10)
"""The random instrument on a grid five times finer: 0.01 instead of 0.05."""


def capacities(state: np.ndarray) -> tuple[int, ...]:
    words = (kernels_layout.TRADES_CAPACITY, kernels_layout.DEPTHS_CAPACITY, kernels_layout.MIDS_CAPACITY)
    return tuple(int(state[word]) for word in words)


@pytest.mark.parametrize("levels", [False, True])
def test_reset_equals_new_in_every_bit_and_keeps_its_room(levels: bool) -> None:
    features = FeatureEngineering(RANDOM, ["spread"] + ["ask_price_bps_l1"] * levels)
    features.state = new_state(RANDOM, levels=levels, capacities=(2, 2, 2))
    features.update(random_log(1, 1_500))
    room = capacities(features.state)

    reset(features.state)

    assert min(room) > 2
    assert np.array_equal(features.state, new_state(RANDOM, levels=levels, capacities=room))


def test_a_ring_that_is_full_doubles_and_the_others_do_not() -> None:
    state = new_state(RANDOM, capacities=(4, 8, 16))
    state[kernels_layout.TRADES_HEAD] = 4

    assert capacities(grow(state)) == (8, 8, 16)


def test_growing_what_is_not_full_changes_nothing() -> None:
    features = FeatureEngineering(RANDOM)
    records = random_log(2, 1_000, asked=0)
    features.update(records[:600])

    features.state = grow(features.state)
    rest = features.update(records[600:])

    expected = FeatureEngineering(RANDOM).transform(records).values[-len(rest) :]
    assert np.array_equal(rest.values.view(np.int64), expected.view(np.int64))


@pytest.mark.parametrize("first", [(2, 2, 2), (2, 1024, 1024), (1024, 2, 1024), (1024, 1024, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_rings_that_start_tiny_give_the_same_rows(first: tuple[int, int, int], seed: int) -> None:
    records = random_log(seed, 800, pause_ms=100)
    features = FeatureEngineering(RANDOM)
    features.state = new_state(RANDOM, capacities=first)

    rows = features.update(records).values

    assert np.array_equal(rows.view(np.int64), FeatureEngineering(RANDOM).transform(records).values.view(np.int64))


def test_a_clock_that_stands_still_is_an_error_and_not_the_end_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "_MOST_ENTRIES", 8)
    state = new_state(RANDOM, capacities=(4, 8, 4))
    state[kernels_layout.DEPTHS_HEAD] = 8

    with pytest.raises(FeedError, match="must hold at most 8 entries, got 9"):
        grow(state)


@pytest.mark.parametrize("notional", [0.0, -1.0, float("inf"), float("nan")])
def test_a_notional_that_is_no_amount_is_refused(notional: float) -> None:
    with pytest.raises(UsageError, match="vwap_notional must be positive"):
        new_state(RANDOM, vwap_notional=notional)


@pytest.mark.parametrize("wrong", [(0, 2, 2), (2, 3, 2), (2, 2, 1), (-2, 2, 2)])
def test_capacities_that_are_no_powers_of_two_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="capacities must be powers of 2"):
        new_state(RANDOM, capacities=wrong)


def on_a_finer_grid(records: Records, factor: int) -> Records:
    finer = records.copy()
    finer.levels["tick"] *= factor
    return finer


@pytest.mark.parametrize("at", [1, 40, 700, 1_999])
@pytest.mark.parametrize("asked", [0, 12])
def test_a_finer_grid_changes_no_value(at: int, asked: int) -> None:
    records = random_log(3, 2_000, asked=asked)
    message = Log()
    message.add(REGRID, ids=(3, 10, 5))
    log = concatenate([records[:at], message.records(), on_a_finer_grid(records, 5)[at:]])
    expected = FeatureEngineering(RANDOM).transform(records)

    found = FeatureEngineering(RANDOM).transform(log)

    np.testing.assert_allclose(found.values, expected.values, rtol=1e-12, atol=1e-9)


def test_values_keep_their_digits_on_a_much_finer_grid() -> None:
    instrument = Instrument(venue="test", symbol="X", price_decimals=0, size_decimals=3, tick=1, grid=1)
    finer = instrument.regridded(5, 1)
    records = random_log(4, 1_000, asked=0)
    features = FeatureEngineering(instrument)
    features.update(records[:600])
    before = features.state[kernels_layout.ROW : kernels_layout.ROW + 65].copy()

    regrid(features.state, finer, 10**5)

    assert np.array_equal(features.state[kernels_layout.ROW : kernels_layout.ROW + 65], before)
    assert features.state[kernels_layout.LAST_MID] > 2 * 10**8
    assert features.state[kernels_layout.TICKS_PER_STEP] == 10**5
    assert features.state[kernels_layout.LAST_MID] < MAX_TICK


def test_after_a_finer_grid_reset_equals_new_on_it() -> None:
    features = FeatureEngineering(RANDOM)
    features.update(random_log(5, 500))

    regrid(features.state, FINER, 5)
    reset(features.state)

    expected = new_state(FINER, capacities=capacities(features.state))
    words = np.delete(np.arange(len(expected)), kernels_layout.NOTIONAL)
    assert np.array_equal(features.state[words], expected[words])
    found, wanted = (s.view(np.float64)[kernels_layout.NOTIONAL] for s in (features.state, expected))
    assert found == pytest.approx(wanted, rel=1e-15)
