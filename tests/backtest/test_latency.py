import numpy as np
import pytest

from msray.backtest.config import LatencyConfig
from msray.backtest.latency import ConstantLatency, RecordedLatency, latency_of
from msray.errors import UsageError


def recorded(at, entry, response):
    return RecordedLatency(*(np.array(one, np.int64) for one in (at, entry, response)))


def test_a_configuration_without_jitter_is_constant():
    model = latency_of(LatencyConfig(entry_ms=1.5, response_ms=2), np.random.default_rng(0))

    assert [model.entry_ns(at) for at in (0, 10**18)] == [1_500_000] * 2
    assert model.response_ns(0) == 2_000_000


def test_jitter_is_added_and_has_the_mean_asked_for():
    model = latency_of(LatencyConfig(entry_ms=1, response_ms=1, jitter_ms=4), np.random.default_rng(0))

    drawn = [model.entry_ns(0) for _ in range(4000)]

    assert min(drawn) >= 1_000_000
    assert np.mean(drawn) == pytest.approx(5_000_000, rel=0.1)


def test_measured_delays_are_interpolated_and_stay_beyond_their_ends():
    first = 1_700_000_000_000_000_000
    model = recorded([first, first + 100], [10, 30], [5, 7])

    assert [model.entry_ns(first + at) for at in (-50, 0, 50, 100, 500)] == [10, 10, 20, 30, 30]
    assert model.response_ns(first + 50) == 6


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([], [], []), "one length above 0"),
        (([1, 2], [1], [1, 1]), "one length above 0, got 2, 1 and 2"),
        (([2, 2], [1, 1], [1, 1]), "must rise"),
        (([1, 2], [1, -3], [1, 1]), "must not be negative, got -3"),
    ],
)
def test_a_log_that_makes_no_sense_is_refused(columns, message):
    with pytest.raises(UsageError, match=message):
        recorded(*columns)


def test_nothing_arrives_before_it_was_sent():
    with pytest.raises(UsageError, match="entry_ns must not be negative, got -1"):
        ConstantLatency(-1, 0)


def test_no_answer_is_sooner_than_the_least_that_a_model_says():
    rng = np.random.default_rng(1)
    at, delays = np.cumsum(rng.integers(1, 10**9, 200)), rng.integers(0, 10**7, 200)
    models = [ConstantLatency(1, 5), recorded(at, delays, delays), recorded(at, delays, delays + 4_999_999)]
    models.append(latency_of(LatencyConfig(entry_ms=1, response_ms=2, jitter_ms=3), rng))

    for model in models:
        assert 0 <= model.least_response_ns <= min(model.response_ns(now) for now in range(0, int(at[-1]), 10**7))
