"""Formulas against the papers' numbers, and the simulated table of Avellaneda and Stoikov."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from msray.backtest.quoting import (
    DEPTHS_TICKS,
    Intensity,
    avellaneda_stoikov,
    fit_counts,
    fit_intensity,
    glft,
    glft_coefficients,
    optimal_spread,
    reservation_price,
)
from msray.errors import UsageError

PAPER = Intensity(arrivals_per_s=140.0, decay_per_tick=1.5)
VOLATILITY, DT_S, RUNS = 2.0, 0.005, 4000

# gamma: mean spread; profit, its deviation and the last position's deviation of the inventory and the symmetric maker
TABLE = {
    0.1: (1.492, (64.9, 6.5, 2.96), (68.2, 13.4, 8.3)),
    0.01: (1.349, (68.5, 9.0, None), (68.8, 13.7, None)),
}


def _simulate(gamma, is_symmetric, seed):
    """Profits and last positions of makers whose orders trade with probability A exp(-k depth) dt."""
    rng = np.random.default_rng(seed)
    mid, held, cash = np.full(RUNS, 100.0), np.zeros(RUNS), np.zeros(RUNS)
    lefts = 1.0 - DT_S * np.arange(round(1.0 / DT_S))
    spreads = [
        optimal_spread(gamma=gamma, volatility_ticks=VOLATILITY, decay_per_tick=PAPER.decay_per_tick, left_s=left)
        for left in lefts
    ]
    for left, spread in zip(lefts, spreads, strict=True):
        middle, half = reservation_price(mid, held, gamma=gamma, volatility_ticks=VOLATILITY, left_s=left), spread / 2
        if is_symmetric:
            middle, half = mid, float(np.mean(spreads)) / 2
        depths = np.stack([mid - (middle - half), middle + half - mid])
        trades = rng.random(depths.shape) < PAPER.arrivals_per_s * np.exp(-PAPER.decay_per_tick * depths) * DT_S
        held += trades[0] * 1.0 - trades[1]
        cash += trades[1] * (middle + half) - trades[0] * (middle - half)
        mid = mid + VOLATILITY * math.sqrt(DT_S) * rng.choice([-1.0, 1.0], RUNS)
    return cash + held * mid, held


@pytest.mark.parametrize("gamma", TABLE)
def test_simulated_makers_earn_what_the_table_of_avellaneda_and_stoikov_says(gamma):
    mean_spread, *rows = TABLE[gamma]
    spreads = [
        optimal_spread(gamma=gamma, volatility_ticks=VOLATILITY, decay_per_tick=1.5, left_s=left)
        for left in 1.0 - DT_S * np.arange(200)
    ]
    assert np.mean(spreads) == pytest.approx(mean_spread, abs=0.001)

    found = [_simulate(gamma, is_symmetric, seed=1) for is_symmetric in (False, True)]

    for (profit, held), (mean, deviation, held_deviation) in zip(found, rows, strict=True):
        assert profit.mean() == pytest.approx(mean, rel=0.05)
        assert profit.std() == pytest.approx(deviation, rel=0.1)
        if held_deviation is not None:
            assert held.std() == pytest.approx(held_deviation, rel=0.1)
    (inventory, inventory_held), (symmetric, symmetric_held) = found
    assert inventory.mean() < symmetric.mean()
    assert inventory.std() < 0.75 * symmetric.std()
    assert inventory_held.std() < 0.75 * symmetric_held.std()


def test_stationary_quotes_are_those_of_the_formulas():
    c1, c2 = glft_coefficients(PAPER, gamma=0.1)
    widths = glft(PAPER, gamma=0.1, volatility_ticks=VOLATILITY)

    assert (c1, c2) == (pytest.approx(0.645385, abs=5e-7), pytest.approx(0.0258586, abs=5e-8))
    assert widths.half_spread_ticks == pytest.approx(0.671244, abs=5e-7)
    assert widths.skew_ticks == pytest.approx(0.0517172, abs=5e-8)


def test_a_maker_without_fear_asks_for_one_mean_depth():
    """gamma to 0: half a spread of 1 / k, whatever the model, and no skew."""
    for widths in (
        glft(PAPER, gamma=1e-9, volatility_ticks=VOLATILITY),
        avellaneda_stoikov(gamma=1e-9, volatility_ticks=VOLATILITY, decay_per_tick=1.5, left_s=1.0),
    ):
        assert widths.half_spread_ticks == pytest.approx(1 / 1.5, abs=1e-5)
        assert widths.skew_ticks == pytest.approx(0.0, abs=1e-5)


def test_larger_orders_are_the_same_quotes_in_another_unit():
    """An order of 5 units each with gamma / 5: the same depths, and a fifth of the skew a unit."""
    unit = glft(PAPER, gamma=0.1, volatility_ticks=VOLATILITY)
    five = glft(PAPER, gamma=0.1 / 5, volatility_ticks=VOLATILITY, order_size=5.0)

    assert five.half_spread_ticks == pytest.approx(unit.half_spread_ticks)
    assert five.skew_ticks == pytest.approx(unit.skew_ticks / 5)


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-6, 10), st.floats(0, 500), st.floats(1e-3, 1e3), st.floats(1e-3, 10))
def test_quotes_are_finite_and_wider_the_more_the_market_moves(gamma, volatility, arrivals, decay):
    intensity = Intensity(arrivals_per_s=arrivals, decay_per_tick=decay)
    calm = glft(intensity, gamma=gamma, volatility_ticks=volatility)
    wild = glft(intensity, gamma=gamma, volatility_ticks=2 * volatility)

    assert 0 < calm.half_spread_ticks <= wild.half_spread_ticks < math.inf
    assert 2 * calm.skew_ticks == pytest.approx(wild.skew_ticks)


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1e4), st.floats(1e-3, 5))
@example(arrivals=0.25, decay=0.2421875)
def test_exact_exponential_arrivals_give_their_own_intensity(arrivals, decay):
    reached = 1000.0 * arrivals * np.exp(-decay * np.array(DEPTHS_TICKS))
    counts = reached - np.append(reached[1:], 0.0)

    fit = fit_counts(counts, watched_s=1000.0)

    assert fit.decay_per_tick == pytest.approx(decay, rel=1e-6)
    assert fit.arrivals_per_s == pytest.approx(arrivals, rel=1e-6)


def test_depths_are_in_ticks_so_that_half_ticks_are_another_decay():
    """What is counted in half ticks falls half as fast a unit; arrivals at the mid stay the same."""
    reach = np.random.default_rng(3).exponential(8.0, 50_000)

    ticks, half_ticks = fit_intensity(reach, watched_s=25_000.0), fit_intensity(2 * reach, watched_s=25_000.0)

    assert ticks.decay_per_tick == pytest.approx(1 / 8, rel=0.02)
    assert half_ticks.decay_per_tick == pytest.approx(1 / 16, rel=0.02)
    assert (ticks.arrivals_per_s, half_ticks.arrivals_per_s) == (pytest.approx(2.0, rel=0.02),) * 2


def test_an_arrival_exactly_at_a_depth_reached_it():
    fit = fit_intensity([0.5, 0.5, 1.0, 1.0], watched_s=1.0)

    assert fit.decay_per_tick == pytest.approx(math.log(2) / 0.5)
    assert fit.arrivals_per_s == pytest.approx(8.0)


@pytest.mark.parametrize("reach", [[], [0.1, 0.2], [3.0, 3.5], [math.nan, 1.0], [-1.0, 2.0]])
def test_arrivals_that_tell_nothing_are_refused(reach):
    with pytest.raises(UsageError, match="reach"):
        fit_intensity(reach, watched_s=10.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("gamma", 0.0), ("gamma", math.nan), ("volatility_ticks", -1.0), ("decay_per_tick", 0.0), ("left_s", -0.1)],
)
def test_a_parameter_out_of_range_is_refused_by_name(name, value):
    words = {"gamma": 0.1, "volatility_ticks": 2.0, "decay_per_tick": 1.5, "left_s": 1.0}

    with pytest.raises(UsageError, match=f"^{name} must"):
        avellaneda_stoikov(**words | {name: value})


def test_an_intensity_is_positive():
    with pytest.raises(UsageError, match="arrivals_per_s must be positive, got 0"):
        Intensity(arrivals_per_s=0.0, decay_per_tick=1.0)
    with pytest.raises(UsageError, match="watched_s must be positive, got 0"):
        fit_intensity([1.0, 2.0], watched_s=0.0)
    with pytest.raises(UsageError, match="xi must be positive, got -1"):
        glft_coefficients(PAPER, gamma=0.1, xi=-1.0)
