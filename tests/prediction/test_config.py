"""The user's words: bounds, the rate said in one of two ways, and a digest that changes with the meaning only."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from msray.detectors.bootstrap import LEAST_BARS
from msray.features import FEATURES, NAMES, NETWORK_COLUMNS
from msray.prediction.config import CalibrationConfig, DetectionConfig, WatchConfig


def test_defaults_are_24_false_alarms_a_day_shared_by_the_watches() -> None:
    words = DetectionConfig()

    assert (words.bar_ms, words.false_alarms_per_day, words.arl0) == (1000, 24, None)
    assert words.arl0_bars == 86_400 / 24
    assert words.arl0_per_watch == words.arl0_bars * len(words.watches)
    assert [watch.name for watch in words.watches] == [
        "imbalance",
        "volatility",
        "intensity",
        "liquidity_bid",
        "liquidity_ask",
    ]


@pytest.mark.parametrize(("bar_ms", "bars"), [(100, 36_000), (1000, 3600), (60_000, 60)])
def test_a_rate_a_day_means_more_bars_where_bars_are_shorter(bar_ms: int, bars: float) -> None:
    assert DetectionConfig(bar_ms=bar_ms).arl0_bars == bars


def test_arl0_alone_replaces_the_default_rate() -> None:
    words = DetectionConfig(arl0=500)

    assert (words.arl0_bars, words.false_alarms_per_day) == (500, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"arl0": 500, "false_alarms_per_day": 24}, "exactly one of false_alarms_per_day and arl0"),
        ({"arl0": None, "false_alarms_per_day": None}, "exactly one of false_alarms_per_day and arl0"),
        ({"arl0": 19}, "greater than or equal to 20"),
        ({"arl0": 2e9}, "less than or equal to 1000000000"),
        ({"false_alarms_per_day": 0}, "greater than 0"),
        (
            {"false_alarms_per_day": 4321},
            "false_alarms_per_day must be 8.64e-05 to 4320 with bars of 1000 ms, got 4321",
        ),
        ({"false_alarms_per_day": float("nan")}, "finite"),
        ({"bar_ms": 9}, "greater than or equal to 10"),
        ({"bar_ms": 1.5}, "valid integer"),
        ({"watches": ()}, "watches must have 1 to 64 entries"),
        ({"watches": [{"name": "a", "feature": "mid_price"}] * 2}, "different names, got a twice"),
        ({"watches": [{"name": "A b", "feature": "mid_price"}]}, "pattern"),
        ({"watches": [{"name": "a", "feature": "mid_prise"}]}, "unknown feature 'mid_prise'"),
        ({"watches": [{"name": "a", "feature": "feed_latency_ms"}]}, "reads local time"),
        ({"watches": [{"name": "a", "feature": "mid_price", "detector": "adwin"}]}, "'focus'"),
        ({"calibration": {"bars": 59}}, "greater than or equal to 60"),
        ({"bars": 1}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_range(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DetectionConfig.model_validate(words)


@pytest.mark.parametrize("feature", [feature.name for feature in FEATURES if feature.clock == "exchange"])
def test_every_feature_of_exchange_time_can_be_watched(feature: str) -> None:
    assert WatchConfig(name="x", feature=feature).feature == feature


@pytest.mark.parametrize("feature", NETWORK_COLUMNS)
def test_what_only_networks_read_cannot_be_watched(feature: str) -> None:
    if feature in NAMES:
        assert WatchConfig(name="x", feature=feature).feature == feature
    else:
        with pytest.raises(ValidationError, match=f"{feature} is of the levels family"):
            WatchConfig(name="x", feature=feature)


def test_the_same_words_have_the_same_digest_however_they_are_said() -> None:
    said = DetectionConfig.model_validate(
        {"false_alarms_per_day": "24", "bar_ms": 1000.0, "watches": DetectionConfig().model_dump()["watches"]}
    )

    assert said.words_digest() == DetectionConfig().words_digest()
    assert len(said.words_digest()) == 64


def test_where_thresholds_come_from_is_not_among_the_words() -> None:
    other = DetectionConfig(calibration=CalibrationConfig(bars=601, delay_bars=61))
    with_file = DetectionConfig(calibration=CalibrationConfig(file=Path("a.json")))

    assert other.words_digest() == with_file.words_digest() == DetectionConfig().words_digest()
    assert other.whole_digest() != DetectionConfig().whole_digest() == with_file.whole_digest()


@pytest.mark.parametrize(
    "words",
    [
        {"bar_ms": 500},
        {"false_alarms_per_day": 23},
        {"arl0": 3600},
        {"watches": [WatchConfig(name="imbalance", feature="imbalance_l5")]},
        {"watches": [WatchConfig(name="imbalance", feature="imbalance_l5", at="close")]},
        {"watches": [WatchConfig(name="imbalance", feature="imbalance_l5", detector="cusum")]},
    ],
)
def test_other_words_have_another_digest(words: dict[str, Any]) -> None:
    assert DetectionConfig(**words).words_digest() != DetectionConfig().words_digest()


def test_the_digest_is_that_of_yesterday() -> None:
    """Ids of stored signals depend on it; a change here is a new version of them all."""
    words = DetectionConfig(arl0=500, watches=(WatchConfig(name="imbalance", feature="imbalance_l5"),))

    assert words.words_digest() == "b435571e95313525fd59595f54d847e3295e4f1caa4282ee2a5ea38f624eb3d1"


def test_the_fewest_bars_that_may_be_asked_for_are_enough_to_learn_from() -> None:
    """With fewer a watch is silent for ever, and nobody would know why."""
    CalibrationConfig(bars=LEAST_BARS)
    with pytest.raises(ValidationError, match=f"greater than or equal to {LEAST_BARS}"):
        CalibrationConfig(bars=LEAST_BARS - 1)
