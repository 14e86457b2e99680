"""Inference on Sharpe ratios against the examples of the papers."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)

SHARPE, SKEWNESS, KURTOSIS = 0.458, -2.448, 10.164
"""Two years of months in Bailey and Lopez de Prado (2012)."""
DAILY = 2.5 / math.sqrt(250)
"""The annual ratio of the example in Bailey and Lopez de Prado (2014), a day."""


def test_probabilistic_ratio_is_that_of_the_paper() -> None:
    skewed = probabilistic_sharpe_ratio(SHARPE, 24, skewness=SKEWNESS, kurtosis=KURTOSIS)

    assert skewed == pytest.approx(0.9134, abs=5e-5)
    assert probabilistic_sharpe_ratio(SHARPE, 24) == pytest.approx(0.9817, abs=5e-5)


def test_track_record_length_is_that_of_the_paper() -> None:
    skewed = minimum_track_record_length(SHARPE, skewness=SKEWNESS, kurtosis=KURTOSIS)

    assert skewed == pytest.approx(34.6, abs=0.05)
    assert minimum_track_record_length(SHARPE) == pytest.approx(15.3, abs=0.05)


@given(st.floats(0.01, 2.0), st.floats(-3.0, 3.0), st.floats(0.0, 9.0), st.floats(0.55, 0.999))
def test_after_the_track_record_length_the_probability_is_the_confidence(
    ahead: float, skewness: float, above: float, confidence: float
) -> None:
    shape = {"skewness": skewness, "kurtosis": 1.1 + skewness**2 + above}
    length = minimum_track_record_length(0.2 + ahead, benchmark=0.2, confidence=confidence, **shape)

    after = [
        probabilistic_sharpe_ratio(0.2 + ahead, rows, benchmark=0.2, **shape)
        for rows in (max(math.floor(length), 2), math.ceil(length) + 1)
    ]
    assert after[0] <= confidence + 1e-9 or length < 2.0
    assert after[1] >= confidence - 1e-9


def test_no_record_is_long_enough_for_what_is_not_better() -> None:
    assert minimum_track_record_length(0.1, benchmark=0.1) == math.inf


def test_expected_maximum_is_that_of_the_table_and_near_the_true_one() -> None:
    """The table's simulation: 1.542, 2.507, 3.244."""
    for trials, table, simulated in ((10, 1.575, 1.542), (100, 2.531, 2.507), (1000, 3.255, 3.244)):
        assert expected_maximum_sharpe(trials, 1.0) == pytest.approx(table, abs=5e-4)
        assert expected_maximum_sharpe(trials, 1.0) == pytest.approx(simulated, rel=0.025)


def test_one_trial_has_nothing_to_be_picked_from() -> None:
    assert expected_maximum_sharpe(1, 1.0) == expected_maximum_sharpe(1.05, 1.0) == 0.0
    assert deflated_sharpe_ratio(0.1, 250, trials=1, variance=1.0) == probabilistic_sharpe_ratio(0.1, 250)


def test_deflated_ratio_is_that_of_the_paper() -> None:
    shape = {"variance": 0.5 / 250, "skewness": -3.0, "kurtosis": 10.0}

    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 1250, trials=100, **shape) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 1250, trials=46, **shape) == pytest.approx(0.9505, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 1250, trials=88, variance=0.5 / 250) == pytest.approx(0.9505, abs=5e-5)


def test_a_ratio_without_error_is_certain() -> None:
    """Two values only, and the ratio at which the variance of its estimate is 0."""
    shape = {"skewness": 1.0, "kurtosis": 2.0}

    assert probabilistic_sharpe_ratio(2.0, 10, **shape) == 1.0
    assert probabilistic_sharpe_ratio(2.0, 10, benchmark=2.0, **shape) == 0.5
    assert probabilistic_sharpe_ratio(2.0, 10, benchmark=3.0, **shape) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probabilistic_sharpe_ratio(1.0, 1), "observations must be 2 to"),
        (lambda: probabilistic_sharpe_ratio(math.nan, 9), "sharpe must be -1000000 to 1000000, got nan"),
        (lambda: probabilistic_sharpe_ratio(1.0, 9, skewness=2.0), r"kurtosis must be at least 1 \+ skewness\*\*2 = 5"),
        (lambda: probabilistic_sharpe_ratio(1e7, 9), "sharpe must be -1000000 to 1000000, got 10000000.0"),
        (lambda: probabilistic_sharpe_ratio(1.0, 9, kurtosis=0.0), "kurtosis must be 1 to 10000000000000, got 0.0"),
        (lambda: minimum_track_record_length(1.0, confidence=0.5), "confidence must be above 0.5 to below 1, got 0.5"),
        (lambda: expected_maximum_sharpe(0.5, 1.0), "trials must be 1 to"),
        (lambda: expected_maximum_sharpe(10, -1.0), "variance must be 0 to"),
    ],
)
def test_what_cannot_be_judged_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
