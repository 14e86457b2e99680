"""Volatility targets: against the definition, against a walk of known volatility, and against looking ahead."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.labels import Prices, volatility_target
from tests.labels.made import NAN, prices_of, some_rows
from tests.naive import labels as naive

SECOND = 1_000_000_000
TIMES = list(range(0, 150, 3))


def seconds(ns: int) -> float:
    return ns / 1e9


@settings(max_examples=60)
@given(rows=some_rows(), half_life_ns=st.integers(1, 40), horizon_ns=st.integers(1, 100), sample_ns=st.integers(1, 10))
def test_targets_are_those_of_the_definition(
    rows: list[naive.Row], half_life_ns: int, horizon_ns: int, sample_ns: int
) -> None:
    found = volatility_target(
        prices_of(rows, bars=False),
        TIMES,
        half_life_s=seconds(half_life_ns),
        horizon_s=seconds(horizon_ns),
        sample_s=seconds(sample_ns),
    )

    expected = [
        naive.volatility(rows, at, half_life_ns=half_life_ns, horizon_ns=horizon_ns, sample_ns=sample_ns)
        for at in TIMES
    ]
    assert found == pytest.approx(expected, rel=1e-9, abs=0.0, nan_ok=True)


def test_a_gap_at_the_sampling_time_leaves_no_target_for_the_price_behind_it() -> None:
    prices = Prices.of_quotes([5, 9], [NAN, 1000.0], [NAN, 1000.0])

    found = volatility_target(prices, [9], half_life_s=1e-9, horizon_s=1e-9, sample_s=2e-9)

    assert math.isnan(found[0])


@settings(max_examples=60)
@given(data=st.data(), cut_ns=st.integers(0, 100))
def test_what_comes_after_an_event_changes_nothing(data: st.DataObject, cut_ns: int) -> None:
    rows = data.draw(some_rows())
    times = [at for at in TIMES if at <= cut_ns]
    words = {"half_life_s": 5e-9, "horizon_s": 5e-8, "sample_s": 2e-9}

    whole = volatility_target(prices_of(rows, bars=False), times, **words)
    cut = volatility_target(prices_of([row for row in rows if row.at_ns <= cut_ns], bars=False), times, **words)

    assert np.array_equal(whole, cut, equal_nan=True)


def test_the_volatility_of_a_walk_is_found() -> None:
    rng = np.random.default_rng(1)
    at_ns = np.sort(rng.integers(0, 20_000 * SECOND, 200_000))
    steps = rng.normal(size=len(at_ns)) * 1e-4 * np.sqrt(np.diff(at_ns, prepend=0) / SECOND)
    mid = 100.0 * np.exp(steps.cumsum())

    found = volatility_target(Prices.of_quotes(at_ns, mid, mid), [20_000 * SECOND], half_life_s=5_000.0)

    assert found[0] == pytest.approx(1e-4 * math.sqrt(300.0), rel=0.03)


def test_nothing_is_known_in_the_first_half_life_of_the_data_or_after_a_gap() -> None:
    mid = np.array([100.0, 101.0, 100.0, 101.0, NAN, 100.0, 101.0, 100.0, 101.0])
    prices = Prices.of_quotes(np.arange(9) * SECOND, mid, mid)

    found = volatility_target(prices, np.arange(9) * SECOND, half_life_s=2.0, horizon_s=1.0)

    assert found == pytest.approx([NAN, NAN, *[math.log(1.01)] * 2, NAN, NAN, NAN, *[math.log(1.01)] * 2], nan_ok=True)


def test_a_gap_within_a_sampling_step_is_not_bridged() -> None:
    mid = np.array([100.0, 100.0, 100.0, NAN, 200.0, 200.0, 200.0])
    at_ns = np.array([0, 10, 20, 21, 22, 30, 40]) * SECOND

    found = volatility_target(Prices.of_quotes(at_ns, mid, mid), [40 * SECOND], half_life_s=10.0, sample_s=10.0)

    assert found.tolist() == [0.0]


def test_nothing_is_known_long_before_the_data() -> None:
    prices = Prices.of_quotes(np.arange(9) * 1_000 * SECOND + 10**18, np.arange(1, 10), np.arange(1, 10))

    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = volatility_target(prices, [0, 10**17, 10**18], half_life_s=1e-9, sample_s=1e-9)

    assert np.isnan(found).all()


def test_steps_far_shorter_than_the_half_life_are_weighed() -> None:
    mid = 100.0 * 1.01 ** (np.arange(2_001) % 2)

    found = volatility_target(
        Prices.of_quotes(np.arange(2_001), mid, mid), [2_000], half_life_s=1e-6, horizon_s=1e-9, sample_s=1e-9
    )

    assert found[0] == pytest.approx(math.log(1.01))


def test_no_price_gives_no_target() -> None:
    assert np.isnan(volatility_target(Prices.of_quotes([], [], []), [1, 2], half_life_s=1.0)).tolist() == [True, True]


@pytest.mark.parametrize("name", ["half_life_s", "horizon_s", "sample_s"])
def test_a_duration_that_cannot_be_is_refused(name: str) -> None:
    words = {"half_life_s": 1.0, "horizon_s": 1.0, "sample_s": 1.0} | {name: 0.0}

    with pytest.raises(UsageError, match=f"{name} must be 1e-09 to"):
        volatility_target(Prices.of_quotes([1], [1], [1]), [1], **words)
