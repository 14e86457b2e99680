import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from msray.backtest.config import SECOND, LatencyConfig
from msray.backtest.latency import ConstantLatency, RecordedLatency, latency_of, measured_share
from msray.backtest.latency_log import LatencyLog
from msray.errors import UsageError

FIRST = 1_700_000_000_000_000_000


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
    model = RecordedLatency(LatencyLog([FIRST, FIRST + 100], [10, 30], [5, 7]))

    assert [model.entry_ns(FIRST + at) for at in (-50, 0, 50, 100, 500)] == [10, 10, 20, 30, 30]


def test_an_answer_is_as_late_as_those_of_orders_that_arrived_then():
    model = RecordedLatency(LatencyLog([FIRST, FIRST + 100], [10, 30], [5, 7]))

    assert [model.response_ns(FIRST + at) for at in (0, 10, 70, 130, 500)] == [5, 5, 6, 7, 7]


def test_orders_that_overtook_each_other_are_taken_as_they_arrived():
    model = RecordedLatency(LatencyLog([FIRST, FIRST + 10], [100, 10], [5, 7]))

    assert [model.response_ns(FIRST + at) for at in (20, 60, 100)] == [7, 6, 5]


@given(
    sent=st.lists(st.integers(0, 10**12), min_size=1, max_size=20),
    seed=st.integers(0, 2**32),
    at=st.integers(-(10**6), 10**12 + 10**6),
)
def test_a_delay_lies_between_those_of_the_orders_beside_it(sent, seed, at):
    rng = np.random.default_rng(seed)
    sent_ns = FIRST + np.sort(np.array(sent, np.int64))
    delays = rng.integers(0, 10**9, len(sent))

    found = RecordedLatency(LatencyLog(sent_ns, delays, delays)).entry_ns(FIRST + at)

    before, after = np.searchsorted(sent_ns, FIRST + at, "left") - 1, np.searchsorted(sent_ns, FIRST + at, "right")
    beside = delays[max(before, 0) : min(after, len(sent) - 1) + 1]
    assert beside.min() <= found <= beside.max()


def test_a_log_in_a_configuration_stands_for_all_that_is_assumed():
    log = LatencyLog([FIRST], [10], [5])

    model = latency_of(LatencyConfig(log=log, entry_ms=1.5), np.random.default_rng(0))

    assert (model.entry_ns(0), model.response_ns(0)) == (10, 5)


def test_a_log_that_nobody_has_read_is_refused():
    with pytest.raises(UsageError, match=r"latency.log must have been read, got the name a.csv"):
        latency_of(LatencyConfig(log="a.csv"), np.random.default_rng(0))


def test_jitter_beside_a_log_is_refused():
    with pytest.raises(ValidationError, match="jitter_ms must be 0 beside a log, which has its own, got 2"):
        LatencyConfig(log="a.csv", jitter_ms=2)


def test_how_much_was_measured_is_said_and_a_log_of_another_time_refused():
    config = LatencyConfig(log=LatencyLog([FIRST, FIRST + 60 * SECOND], [10, 30], [5, 7]))

    assert measured_share(LatencyConfig(), 0, 1) == 1
    assert measured_share(config, FIRST + 30 * SECOND, FIRST + 50 * SECOND) == 1
    assert measured_share(config, FIRST, FIRST + 120 * SECOND) == 0.5
    assert measured_share(config, FIRST, FIRST) == 1
    with pytest.raises(
        UsageError, match=r"must be of the time that is played, 2023-11-15 .*, got orders of 2023-11-14"
    ):
        measured_share(config, FIRST + 86_400 * SECOND, FIRST + 86_500 * SECOND)


def test_nothing_arrives_before_it_was_sent():
    with pytest.raises(UsageError, match="entry_ns must not be negative, got -1"):
        ConstantLatency(-1, 0)


def test_no_answer_is_sooner_than_the_least_that_a_model_says():
    rng = np.random.default_rng(1)
    at, delays = np.cumsum(rng.integers(1, 10**9, 200)), rng.integers(0, 10**7, 200)
    logs = LatencyLog(at, delays, delays), LatencyLog(at, delays, delays + 4_999_999)
    models = [ConstantLatency(1, 5), *map(RecordedLatency, logs)]
    models.append(latency_of(LatencyConfig(entry_ms=1, response_ms=2, jitter_ms=3), rng))

    for model in models:
        assert 0 <= model.least_response_ns <= min(model.response_ns(now) for now in range(0, int(at[-1]), 10**7))
