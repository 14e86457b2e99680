"""Reliability diagrams against scikit-learn's and hand counts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from msray.errors import UsageError
from msray.evaluation import reliability_diagram


def test_bins_of_equal_width_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    p = np.concatenate((rng.random(500), np.arange(16) / 15))
    hit = rng.random(len(p)) < p**2

    diagram = reliability_diagram(p, hit)
    frequency, stated = calibration_curve(hit, p, n_bins=15)

    assert diagram.frequency == pytest.approx(frequency)
    assert diagram.probability == pytest.approx(stated)


def test_bins_of_equal_mass_have_as_many_rows_each() -> None:
    p = np.random.default_rng(2).random(150) ** 3

    diagram = reliability_diagram(p, p > 0.5, equal="mass")

    assert diagram.share == pytest.approx(np.full(15, 1 / 15))
    assert diagram.probability == pytest.approx(np.sort(p).reshape(15, 10).mean(axis=1))


@given(
    p=st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=30),
    bins=st.integers(1, 8),
    equal=st.sampled_from(["width", "mass"]),
    seed=st.integers(0, 9),
)
def test_rows_of_equal_probability_stay_together_whatever_their_order(
    p: list[float], bins: int, equal: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    hit, order = rng.integers(0, 2, len(p)), rng.permutation(len(p))

    one = reliability_diagram(p, hit, bins=bins, equal=equal)
    other = reliability_diagram(np.array(p)[order], hit[order], bins=bins, equal=equal)

    assert one.ece == pytest.approx(other.ece)
    assert len(one.share) <= min(bins, len(set(p)))
    assert one.share.sum() == pytest.approx(1.0)


def test_error_is_the_mean_distance_by_share() -> None:
    diagram = reliability_diagram([0.2, 0.2, 0.2, 0.8], [1, 0, 0, 1], bins=5, weight=[1, 1, 1, 3])

    assert diagram.share.tolist() == [0.5, 0.5]
    assert diagram.ece == pytest.approx(0.5 * (1 / 3 - 0.2) + 0.5 * 0.2)
    assert diagram.to_pandas()["frequency"].tolist() == pytest.approx([1 / 3, 1.0])


def test_calibrated_probabilities_have_a_small_error_and_others_theirs() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(100_000)
    hit = rng.random(len(p)) < p

    assert reliability_diagram(p, hit).ece < 0.01
    assert reliability_diagram(p, hit, equal="mass").ece < 0.01
    assert reliability_diagram(0.5 + p / 2, hit).ece == pytest.approx(0.25, abs=0.005)  # off by 0.5 - p / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probability": [0.5, 1.2]}, "probability must be 0 to 1, got 1.2 in row 1"),
        ({"probability": []}, "is_hit must have 0 rows"),
        ({"probability": [], "is_hit": []}, "at least one row must count, got 0 rows"),
        ({"is_hit": [0, 2]}, "is_hit must be 0 or 1, got 2 in row 1"),
        ({"bins": 1001}, "bins must be 1 to 1000, got 1001"),
        ({"equal": "size"}, "equal must be 'width' or 'mass', got 'size'"),
    ],
)
def test_what_has_no_diagram_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        reliability_diagram(**({"probability": [0.1, 0.2], "is_hit": [0, 1]} | arguments))
