"""Seen rates and their intervals."""

import math

import pytest

from msray.detectors import seen_rate
from msray.errors import UsageError


def at_most(count: int, mean: float) -> float:
    return math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count + 1))


@pytest.mark.parametrize(
    ("alarms", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390), (100, 81.364, 121.627)]
)
def test_interval_is_garwood_s(alarms: int, low: float, high: float) -> None:
    rate, interval = seen_rate(alarms, 1, confidence=0.95)

    assert rate == alarms
    assert interval == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize("alarms", [1, 7, 300, 4_000])
def test_interval_ends_where_the_count_becomes_unlikely(alarms: int) -> None:
    _, (low, high) = seen_rate(alarms, 10, confidence=0.9)

    assert at_most(alarms, 10 * high) == pytest.approx(0.05, rel=1e-6)
    assert 1.0 - at_most(alarms - 1, 10 * low) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(
    ("alarms", "bars", "confidence", "message"),
    [
        (-1, 1, 0.9, "alarms must be at least 0, got -1"),
        (0, 0, 0.9, "bars must be at least 1, got 0"),
        (0, 1, 1.0, "confidence must lie between 0 and 1, got 1"),
    ],
)
def test_wrong_words_are_named(alarms: int, bars: int, confidence: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        seen_rate(alarms, bars, confidence=confidence)
