"""Page's CUSUM: its definition, the textbook, the run lengths it promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.detectors import CUSUM
from msray.detectors.arl import two_sided_arl
from msray.errors import UsageError
from tests.naive.detectors import page

# Montgomery, "Introduction to Statistical Quality Control": 20 values around 10, then 10 around 11.
MONTGOMERY = [
    *(9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34),
    *(9.03, 11.47, 10.51, 9.40, 10.08, 9.37, 10.62, 10.31, 8.52, 10.84),
    *(10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52),
]


def test_montgomery_s_example() -> None:
    detector = CUSUM(threshold=5.0)
    values = np.array(MONTGOMERY) - 10.0

    assert detector.update_many(values[:28]).tolist() == []
    assert detector.statistic == pytest.approx(4.47)
    detector.update(values[28])

    assert detector.drift_detected
    assert detector.statistic == pytest.approx(5.28)
    assert (detector.direction, detector.change_age) == (1, 7)  # the change lies between values 22 and 23
    assert detector.size == pytest.approx(0.5 + 5.28 / 7)  # new mean 11.25


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=60), st.sampled_from([0.125, 0.5, 1.0]))
def test_statistic_is_the_largest_sum_of_last_values(eighths: list[int], k: float) -> None:
    values = [e / 8 for e in eighths]
    detector = CUSUM(threshold=1e6, k=k)

    detector.update_many(values)

    assert detector.statistic == max(page(values, k))


def test_alarm_is_strictly_above_the_threshold() -> None:
    detector = CUSUM(threshold=2.0)

    detector.update(2.5)
    assert (detector.drift_detected, detector.score) == (False, 0.5)
    detector.update(0.75)

    assert detector.drift_detected


@pytest.mark.parametrize("h", [4.0, 5.0])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_simulated_run_length_is_the_computed_one(h: float, shift: float) -> None:
    """2 million values; the standard error is 1.6 % at the most."""
    values = np.random.default_rng(5).normal(size=2_000_000) + shift

    alarms = len(CUSUM(threshold=h).update_many(values))

    assert len(values) / alarms == pytest.approx(two_sided_arl(k=0.5, h=h, mean=shift), rel=0.05)


def test_head_start_finds_an_early_shift_sooner() -> None:
    values = [1.0] * 20

    plain, started = CUSUM(threshold=5.0), CUSUM(threshold=5.0, head_start=2.5)

    assert started.update_many(values)[0] < plain.update_many(values)[0]
    assert CUSUM(threshold=5.0, head_start=2.5).arl0 < CUSUM(threshold=5.0).arl0


def test_a_head_start_does_not_count_as_size() -> None:
    detector = CUSUM(threshold=5.0, head_start=2.5)

    detector.update_many([2.0, 2.0])

    assert detector.drift_detected
    assert detector.size == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"k": 0.0}, "k must lie between 0.1 and 5.0, got 0"),
        ({"k": 6.0}, "k must lie between"),
        ({"head_start": -1.0}, "head_start must be at least 0, got -1"),
        ({"head_start": float("nan")}, "head_start must be at least 0, got nan"),
        ({"head_start": 5.0}, "head_start must be below the threshold 5, got 5"),
    ],
)
def test_wrong_words_are_named(words: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CUSUM(threshold=5.0, **words)
