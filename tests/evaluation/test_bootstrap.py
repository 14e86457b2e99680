"""Intervals hold what they say, and blocks are as long as theory asks."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.evaluation import automatic_mean_block, stationary_bootstrap_interval, stationary_rows

Floats = NDArray[np.float64]


def autoregressive(seed: int, n: int, phi: float, series: int = 1) -> Floats:
    """Independent series of mean 0, deviation of the innovations 1; shape (series, n)."""
    noise = np.random.default_rng(seed).normal(size=(series, n))
    noise[:, 0] /= math.sqrt(1.0 - phi * phi)
    for i in range(1, n):
        noise[:, i] += phi * noise[:, i - 1]
    return noise


def held(series: Floats, mean_block: float | None) -> float:
    """Share of the intervals of the mean that hold 0."""
    rng = np.random.default_rng(5)
    found = [stationary_bootstrap_interval(one, np.mean, rng=rng, draws=200, mean_block=mean_block) for one in series]
    return float(np.mean([one.low <= 0.0 <= one.high for one in found]))


def test_intervals_hold_the_mean_of_a_series_that_depends_on_its_past() -> None:
    """About 90 of 100 for so short a series (of 200 good to 2); independent draws give intervals far too narrow."""
    series = autoregressive(1, 400, 0.5, series=200)

    assert held(series, None) > 0.86
    assert held(series, 1.0) < 0.80


def test_interval_of_independent_values_is_that_of_the_normal_distribution() -> None:
    values = autoregressive(2, 2000, 0.0)[0]

    found = stationary_bootstrap_interval(values, np.mean, rng=np.random.default_rng(1), level=0.9)

    half = 1.6449 * values.std() / math.sqrt(2000)
    assert found.estimate == values.mean()
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    assert (found.level, found.draws, found.mean_block) == (0.9, 2000, automatic_mean_block(values))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = autoregressive(3, 100, 0.5)[0]

    one, other = (
        stationary_bootstrap_interval(values, np.median, rng=np.random.default_rng(4), draws=50) for _ in range(2)
    )

    assert one == other


def test_blocks_have_the_mean_length_asked_for_and_begin_anywhere() -> None:
    n, mean_block = 1000, 10.0
    rng = np.random.default_rng(1)

    rows = np.array([stationary_rows(n, mean_block, rng) for _ in range(200)])

    goes_on = (np.diff(rows, axis=1) % n == 1).mean()
    assert goes_on == pytest.approx(1.0 - 1.0 / mean_block + 1.0 / (mean_block * n), abs=0.002)
    assert np.bincount(rows.ravel(), minlength=n).std() < 2.0 * math.sqrt(200 * 2 * mean_block)


def test_blocks_go_around_the_end() -> None:
    rows = stationary_rows(50, 1e9, np.random.default_rng(1))

    assert sorted(rows.tolist()) == list(range(50))
    assert (np.diff(rows) % 50 == 1).all()


@pytest.mark.parametrize("phi", [0.3, 0.5, 0.9, -0.5])
def test_automatic_block_is_that_of_theory(phi: float) -> None:
    """Patton, Politis and White (2009) for an AR(1); estimates scatter, their median over 20 series does not."""
    n = 5000
    estimates = [automatic_mean_block(one) for one in autoregressive(7, n, phi, series=20)]

    theory = (2.0 * abs(phi) / (1.0 - phi * phi)) ** (2.0 / 3.0) * n ** (1.0 / 3.0)

    assert np.median(estimates) == pytest.approx(theory, rel=0.15)


def test_automatic_block_agrees_with_another_implementation() -> None:
    """``arch`` 8.0.0 gives 8.266 and 54.710; it counts the lag at which dependence ends one further."""
    rng = np.random.default_rng(0)
    rng.standard_normal(500)
    made = []
    for phi, n in ((0.5, 500), (0.9, 2000)):
        values = rng.standard_normal(n)
        for i in range(1, n):
            values[i] += phi * values[i - 1]
        made.append(values)

    assert [automatic_mean_block(values) for values in made] == pytest.approx([8.266, 54.710], rel=0.07)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_automatic_block_stays_within_its_bounds(values: list[float]) -> None:
    n = len(values)

    assert 1.0 <= automatic_mean_block(values) <= max(min(3.0 * math.sqrt(n), n / 3.0), 1.0)


def test_a_series_that_does_not_vary_needs_no_blocks() -> None:
    assert automatic_mean_block(np.full(100, 0.1)) == 1.0
    assert automatic_mean_block(np.zeros(2)) == 1.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"values": [1.0]}, "values must have at least 2 rows, got 1"),
        ({"values": [1.0, math.nan]}, r"values must be -1e\+100 to 1e\+100, got nan in row 1"),
        ({"level": 1.0}, "level must be above 0 to below 1, got 1.0"),
        ({"draws": 9}, "draws must be 10 to 10000000, got 9"),
        ({"mean_block": 0.5}, "mean_block must be 1 to 9, got 0.5"),
        ({"mean_block": 10.0}, "mean_block must be 1 to 9, got 10.0"),
        ({"rng": 1}, "rng must be a numpy Generator, got int"),
        ({"statistic": lambda values: math.nan}, "got nan for the series and no finite number for 10 of 10"),
        ({"statistic": lambda values: np.unique(values).size / (values[0] != 0.0)}, "statistic must be finite"),
    ],
)
def test_what_has_no_interval_is_refused(words: dict[str, Any], message: str) -> None:
    call = {"values": np.arange(9.0), "statistic": np.mean, "draws": 10, "rng": np.random.default_rng(1)} | words

    with np.errstate(divide="ignore"), pytest.raises(UsageError, match=message):
        stationary_bootstrap_interval(call.pop("values"), call.pop("statistic"), **call)
