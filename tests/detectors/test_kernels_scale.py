"""The long-run deviation that an uncalibrated watch learns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.detectors import kernels_scale as k
from tests.detectors.made import Floats, autoregressive, student
from tests.naive.detectors import long_run_deviation


def learned(values: Floats, at: int = 0) -> np.ndarray:
    arena = np.zeros(at + k.SCALE_WORDS + 1, np.int64)
    for count, x in enumerate(values):
        k.learn(arena, at, count, float(x))
    return arena


def long_run(values: Floats) -> float:
    return float(k.long_run_deviation(learned(values), 0, len(values)))


@pytest.mark.parametrize("n", [2, 3, 31, 60, 61, 479, 480, 1_000])
@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.9])
def test_it_equals_its_naive_twin(n: int, phi: float) -> None:
    values = 5.0 + autoregressive(np.random.default_rng(n), n, phi)

    arena = learned(values, at=3)

    assert k.deviation_of(arena, 3, n) == pytest.approx(values.std(ddof=1))
    assert k.long_run_deviation(arena, 3, n) == pytest.approx(long_run_deviation(values))
    assert not arena[:3].any()
    assert arena[-1] == 0


@pytest.mark.parametrize(
    ("phi", "draw", "ratio"), [(0.0, None, 1.0), (0.0, student, 1.0), (0.5, None, 3**0.5), (0.9, None, 19**0.5)]
)
def test_it_is_that_of_sums_of_many_values(phi: float, draw: object, ratio: float) -> None:
    """Over the deviation of one value; 60 stretches of 480 values, which alone are good to 5 to 25 %.

    The largest of several estimates is rather too large than too small.
    """
    stretches = [
        autoregressive(np.random.default_rng([1, seed]), 480, phi, student if draw is student else None)
        for seed in range(60)
    ]

    seen = [long_run(values) / values.std(ddof=1) for values in stretches]

    assert 0.95 * ratio < np.mean(seen) < 1.2 * ratio


def test_a_slow_component_under_noise_shows_at_the_coarse_levels() -> None:
    """Neighbours correlate by 0.2 only; taken for an autoregression of order 1, sums would stray by 1.2, not by 2.1."""
    seen = []
    for seed in range(30):
        rng = np.random.default_rng([2, seed])
        slow = autoregressive(rng, 960, 0.9)
        values = slow / slow.std() + 2.0 * rng.normal(size=960)
        seen.append(long_run(values) / values.std())

    assert np.mean(seen) == pytest.approx(((19 + 4) / 5) ** 0.5, rel=0.15)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=200))
def test_it_is_a_number_not_below_the_deviation_whatever_comes(values: list[int]) -> None:
    arena = learned(np.array(values, np.float64))

    deviation = k.deviation_of(arena, 0, len(values))

    assert np.isfinite(k.long_run_deviation(arena, 0, len(values)))
    assert k.long_run_deviation(arena, 0, len(values)) >= deviation * (1 - 1e-12)


def test_scale_and_sign_of_values_do_not_matter() -> None:
    values = autoregressive(np.random.default_rng(1), 300, 0.5)

    assert long_run(-1024.0 * values) == 1024.0 * long_run(values)
    assert long_run(1e99 * values) == pytest.approx(1e99 * long_run(values))
    assert long_run(np.full(300, 7.0)) == 0.0
