import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import SECOND
from msray.backtest.quoting import DEPTHS_TICKS, fit_counts
from msray.backtest.recent import RecentMarket
from msray.errors import UsageError

LOOKS = st.lists(
    st.tuples(st.floats(0.01, 30), st.integers(-40, 40), st.lists(st.floats(-5, 100), max_size=2)),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(LOOKS, st.floats(0.05, 60))
def test_every_observation_counts_by_its_age_alone(looks, half_life_s):
    recent = RecentMarket(half_life_s)

    for look in looks:
        recent.observe(round(look[0] * SECOND), *look[1:])

    ages = [sum(seconds for seconds, _, _ in looks[number + 1 :]) for number in range(len(looks))]
    weights = [0.5 ** (age / half_life_s) for age in ages]
    squares = sum(w * change**2 for w, (_, change, _) in zip(weights, looks, strict=True))
    seconds = sum(w * seconds for w, (seconds, _, _) in zip(weights, looks, strict=True))
    assert recent.volatility_ticks == pytest.approx(math.sqrt(squares / seconds), rel=1e-6)
    assert recent.watched_ns == sum(round(seconds * SECOND) for seconds, _, _ in looks)


def test_intensity_is_that_of_the_arrivals_on_both_sides_weighted_by_age():
    recent = RecentMarket(half_life_s=10.0)
    for reaches in ((3.0, 0.5), (1.0,), (-2.0, 6.0)):
        recent.observe(SECOND, 0.0, reaches)

    ages = {3.0: 2, 0.5: 2, 1.0: 1, 6.0: 0}
    counts = np.array([0.5 ** (ages[depth] / 10) if depth in ages else 0.0 for depth in DEPTHS_TICKS])
    expected = fit_counts(counts, watched_s=2 * sum(0.5 ** (age / 10) for age in range(3)))
    assert recent.intensity is not None
    assert recent.intensity.decay_per_tick == pytest.approx(expected.decay_per_tick)
    assert recent.intensity.arrivals_per_s == pytest.approx(expected.arrivals_per_s)


def test_without_trades_at_two_depths_no_intensity_is_known():
    recent = RecentMarket(half_life_s=10.0)
    for _ in range(30):
        recent.observe(SECOND, 0.0, (0.6, 0.7, 0.1))

    assert recent.intensity is None


def test_while_trades_reach_one_depth_only_the_last_intensity_stays():
    recent = RecentMarket(half_life_s=1.0)
    for _ in range(10):
        recent.observe(SECOND, 0.0, (1.0, 8.0))
    for _ in range(10):
        recent.observe(SECOND, 0.0, (2.0,))
    last = recent.intensity

    for _ in range(200):
        recent.observe(SECOND, 0.0, (2.0,))

    assert last is not None
    assert recent.intensity == last


def test_a_long_silence_is_no_overflow():
    recent = RecentMarket(half_life_s=1.0)
    for _ in range(5):
        recent.observe(10_000_000 * SECOND, 3.0, (1.0, 2.0))

    assert recent.volatility_ticks == pytest.approx(3.0 / math.sqrt(1e7))


def test_a_half_life_is_positive():
    with pytest.raises(UsageError, match="half_life_s must be positive, got 0"):
        RecentMarket(0.0)
