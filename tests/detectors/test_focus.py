"""FOCuS against brute force over every time of change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.detectors import FOCuS
from msray.detectors.kernels_members import MAX_CANDIDATES
from msray.errors import UsageError
from tests.naive.detectors import likelihood_ratio

NEVER = 1e9


@pytest.mark.parametrize("known_mean", [None, 0.0, 0.3])
def test_statistic_equals_brute_force_after_every_value(known_mean: float | None) -> None:
    values = np.random.default_rng(1).normal(size=300)
    values[200:] -= 0.8
    detector = FOCuS(threshold=NEVER, known_mean=known_mean)

    for n, x in enumerate(values, start=1):
        detector.update(x)
        best, at, direction = likelihood_ratio(values[:n].tolist(), known_mean)

        assert detector.statistic == pytest.approx(best, rel=1e-11, abs=1e-12)
        assert (n - detector.change_age, detector.direction) == (at, direction)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=50), st.sampled_from([None, 0.0, -2.0]))
def test_statistic_equals_brute_force_on_ties_and_runs(values: list[int], known_mean: float | None) -> None:
    detector = FOCuS(threshold=NEVER, known_mean=known_mean)

    detector.update_many(values)

    assert detector.statistic == pytest.approx(likelihood_ratio(values, known_mean)[0], rel=1e-11, abs=1e-12)


def test_size_is_the_difference_of_the_means() -> None:
    detector = FOCuS(threshold=NEVER)

    detector.update_many([1.0, 2.0, 1.0, 2.0, 5.0, 5.0, 6.0])

    assert detector.change_age == 3
    assert detector.size == pytest.approx(16 / 3 - 1.5)


def test_level_does_not_matter_where_the_mean_is_unknown() -> None:
    values = np.random.default_rng(4).integers(-3, 4, size=2_000).astype(float)

    near, far = FOCuS(threshold=NEVER), FOCuS(threshold=NEVER)
    near.update_many(values)
    far.update_many(values + 2.0**40)

    assert far.statistic == near.statistic


@pytest.mark.parametrize("known_mean", [None, -1.0])
def test_a_drift_without_a_break_meets_the_bound_and_is_found_all_the_same(known_mean: float | None) -> None:
    """Every point of a convex sum is a vertex. What is forgotten costs a little of the statistic, never more."""
    values = np.linspace(0.0, 1.0, 40 * MAX_CANDIDATES) ** 2
    detector = FOCuS(threshold=NEVER, known_mean=known_mean)

    detector.update_many(values)

    best, at, direction = likelihood_ratio(values.tolist(), known_mean)
    assert 0.99 * best < detector.statistic <= best * (1 + 1e-12)
    assert detector.direction == direction
    assert detector.change_age == pytest.approx(len(values) - at, rel=0.1)


def test_a_mean_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="known_mean must be finite, got nan"):
        FOCuS(arl0=100.0, known_mean=float("nan"))
