"""Lead times, and those of random alarms beside them."""

import math
from typing import Any

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import LeadTimes, Watched, score_lead_time, wilson_interval
from msray.evaluation.lead_time import LEAD_BINS

SECOND = 1_000_000_000
HOUR_S = 3600


def watched(onset_s: Any, alarm_s: Any, *periods_s: tuple[float, float]) -> Watched:
    def ns(times_s: Any) -> Any:
        return np.round(np.array(times_s, float) * SECOND).astype(np.int64)

    return Watched(onset_ns=ns(onset_s), alarm_ns=ns(alarm_s), periods=ns(periods_s or [(0, HOUR_S)]))


def score(*instruments: Watched, seed: int = 1, **words: Any) -> LeadTimes:
    words = {"horizon_ns": 60 * SECOND, "draws": 200} | words
    return score_lead_time(instruments, rng=np.random.default_rng(seed), **words)


def test_an_alarm_warns_of_what_comes_within_the_horizon() -> None:
    result = score(watched([100, 300, 500, 700], [40, 239.9, 500, 701]), minimum_lead_ns=0)

    assert result.lead_s[[0, 2]].tolist() == [60.0, 0.0]
    assert np.isnan(result.lead_s[[1, 3]]).all()
    assert (result.detection_rate, result.false_alarms) == (0.5, 2)
    assert (result.low, result.high) == wilson_interval(2, 4)


def test_an_alarm_that_leaves_too_little_time_does_not_warn() -> None:
    result = score(watched([100, 300], [95.5, 295]), minimum_lead_ns=5 * SECOND)

    assert math.isnan(result.lead_s[0])
    assert result.lead_s[1] == 5.0


def test_an_alarm_warns_once_and_an_event_is_warned_of_once() -> None:
    result = score(watched([100, 110, 120], [90, 95]))

    assert result.lead_s[:2].tolist() == [10.0, 15.0]
    assert result.false_alarms == 0
    assert score(watched([100], [50, 60, 70])).false_alarms == 2


def test_figures_are_over_the_found_and_over_all() -> None:
    result = score(watched([100, 200, 300, 400], [60, 180, 290]))

    assert (result.median_s, result.mean_s) == (20.0, 70 / 3)
    assert result.restricted_mean_s == 70 / 4
    assert (result.quantile_s(0.0), result.quantile_s(1.0)) == (10.0, 40.0)


def test_false_alarms_are_counted_by_the_hour_that_was_watched() -> None:
    result = score(watched([], [10, 20, 5000], (0, 900), (4500, 5400)))

    assert result.false_alarms_per_hour == 6.0


def test_an_alarm_warns_of_nothing_on_another_instrument() -> None:
    together = score(watched([100], []), watched([500, 200], [90, 150]))

    assert np.isnan(together.lead_s[:2]).all()
    assert together.lead_s[2] == 50.0


def test_random_alarms_find_one_event_as_often_as_theory_says() -> None:
    """A window of 60 s of an hour, ten alarms: 1 - (1 - 1/60) ** 10."""
    result = score(watched([600], np.arange(10) * 100 + 1000), draws=20_000)

    chance = 1 - (1 - 60 / HOUR_S) ** 10
    error = math.sqrt(chance * (1 - chance) / 20_000)
    assert result.random.detection_rate == pytest.approx(chance, abs=4 * error)


def test_random_alarms_come_in_the_periods_of_their_own_instrument() -> None:
    """One alarm each: it finds an event as often as the event's window fills the time its instrument was watched."""
    result = score(
        watched([100, 5000], [10], (0, 100.1), (4990, 5189.9)), watched([50], [500], (0, HOUR_S)), draws=20_000
    )

    expected = ((60 + 10) / 300 + 50 / HOUR_S) / 3
    assert result.random.detection_rate == pytest.approx(expected, abs=0.004)


def test_lead_of_random_alarms_is_that_of_a_uniform_time_before_the_event() -> None:
    """Of one alarm and one event: uniform over the window, of 20 to 60 s."""
    result = score(watched([600], [500]), draws=20_000, minimum_lead_ns=20 * SECOND)

    assert result.random.median_s == pytest.approx(40.0, abs=2.5)
    assert result.random.restricted_mean_s == pytest.approx(40.0 * 40 / HOUR_S, rel=0.15)


def test_leads_of_random_alarms_are_spread_over_the_horizon() -> None:
    """Of one alarm and one event: each of the parts of its window has the same share of the 120 s."""
    result = score(watched([100], [0], (0, 120)), draws=4000)

    share = 60 / 120 / LEAD_BINS
    assert result.random.lead_edges_s == pytest.approx(np.linspace(0, 60, LEAD_BINS + 1))
    assert result.random.lead_counts == pytest.approx(np.full(LEAD_BINS, share), abs=5 * math.sqrt(share / 4000))
    assert sum(result.random.lead_counts) == pytest.approx(result.random.detection_rate)


def test_random_alarms_are_not_better_than_random_ones() -> None:
    """The share of p-values below 0.1 is at most 0.1, up to chance."""
    p_values = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        result = score(watched(rng.uniform(0, HOUR_S, 20), rng.uniform(0, HOUR_S, 60)), seed=seed)
        p_values.append((result.random.p_detection_rate, result.random.p_median, result.random.p_restricted_mean))

    assert ((np.array(p_values) <= 0.1).mean(axis=0) <= 0.19).all()
    assert np.median(p_values, axis=0).min() > 0.35


def test_alarms_that_know_are_better_than_random_ones() -> None:
    onsets = np.random.default_rng(1).uniform(0, 24 * HOUR_S, 30)
    result = score(watched(onsets, onsets - 30, (0, 24 * HOUR_S)), seed=2)

    assert result.detection_rate == 1.0
    assert result.random.p_detection_rate == result.random.p_restricted_mean == 1 / 201
    assert result.random.p_median > 0.05


def test_a_long_lead_of_many_alarms_is_nothing() -> None:
    """An alarm every ten seconds warns of everything by almost the whole horizon, and so do random ones."""
    result = score(watched(np.arange(100, 3600, 200), np.arange(0, 3600, 10)))

    assert (result.detection_rate, result.median_s) == (1.0, 60.0)
    assert result.random.median_s > 45.0
    assert result.random.p_detection_rate > 0.9


def test_nothing_found_is_worse_than_anything() -> None:
    result = score(watched([600, 1200], []))

    assert result.detection_rate == result.restricted_mean_s == 0.0
    assert math.isnan(result.median_s)
    assert math.isnan(result.mean_s)
    assert math.isnan(result.quantile_s(0.5))
    assert math.isnan(result.random.median_s)
    assert result.random.p_detection_rate == result.random.p_median == result.random.p_restricted_mean == 1.0


def test_no_events_are_nothing_known() -> None:
    result = score(watched([], [600]))

    assert math.isnan(result.detection_rate)
    assert (result.low, result.high) == (0.0, 1.0)
    assert math.isnan(result.restricted_mean_s)
    assert math.isnan(result.random.detection_rate)
    assert math.isnan(result.random.p_detection_rate)
    assert result.false_alarms == 1


def test_the_same_seed_gives_the_same_figures() -> None:
    one = watched([600, 700], [500, 650])

    assert score(one, seed=3).random == score(one, seed=3).random != score(one, seed=4).random


def test_table_has_the_random_alarms_beside_the_others() -> None:
    table = score(watched([100, 500], [60])).to_pandas()

    assert table.index.tolist() == ["detection_rate", "median_s", "restricted_mean_s"]
    assert table["alarms"].tolist() == [0.5, 40.0, 20.0]
    assert list(table.columns) == ["alarms", "random", "p_value"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"horizon_ns": 0}, "horizon_ns must be 1 to 1000000000000000000, got 0"),
        ({"minimum_lead_ns": 61 * SECOND}, "minimum_lead_ns must be 0 to 60000000000, got 61000000000"),
        ({"minimum_lead_ns": -1}, "minimum_lead_ns must be 0 to 60000000000, got -1"),
        ({"draws": 0}, "draws must be 1 to 1000000, got 0"),
        ({"level": 1.5}, "level must be above 0 to below 1"),
    ],
)
def test_what_cannot_be_judged_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        score(watched([], []), **words)


def test_nobody_watched_and_impossible_shares_are_refused() -> None:
    with pytest.raises(UsageError, match="watched must hold at least one instrument"):
        score()
    with pytest.raises(UsageError, match="share must be 0 to 1, got 50"):
        score(watched([], [])).quantile_s(50)
