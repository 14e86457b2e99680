"""Figures of equity curves against those counted by hand."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import PerformanceReport, compound_returns, measure_performance, measure_trades

DAY_NS = 86_400 * 1_000_000_000
CURVE = [100.0, 110.0, 99.0, 104.5, 88.0, 110.0, 121.0]
"""Down 20 % from the second point to the fifth, made good at the sixth."""


def test_returns_and_their_ratios_are_those_of_the_definitions() -> None:
    returns = np.array([0.02, -0.01, 0.03, -0.02, 0.01])

    report = measure_performance(compound_returns(returns), per_year=252)

    mean, deviation = 0.006, math.sqrt((0.014**2 + 0.016**2 + 0.024**2 + 0.026**2 + 0.004**2) / 4)
    assert report.observations == 5
    assert report.total_return == pytest.approx(1.02 * 0.99 * 1.03 * 0.98 * 1.01 - 1.0)
    assert report.volatility == pytest.approx(deviation)
    assert report.sharpe == pytest.approx(mean / deviation)
    assert report.sortino == pytest.approx(mean / math.sqrt((0.01**2 + 0.02**2) / 5))


def test_annual_figures_state_their_factor() -> None:
    report = measure_performance([100.0, 101.0, 100.0, 102.0], per_year=6.0)

    assert report.per_year == 6.0
    assert report.annual_return == pytest.approx(1.02**2 - 1.0)
    assert report.annual_sharpe == pytest.approx(report.sharpe * math.sqrt(6.0))
    assert report.annual_sortino == pytest.approx(report.sortino * math.sqrt(6.0))
    assert report.annual_volatility == pytest.approx(report.volatility * math.sqrt(6.0))
    assert report.calmar == pytest.approx(report.annual_return / report.drawdown.depth)


def test_observations_a_year_are_counted_from_the_times() -> None:
    times_ns = np.arange(5) * DAY_NS

    assert measure_performance([1.0, 2.0, 3.0, 2.0, 4.0], times_ns=times_ns).per_year == 365.0
    assert measure_performance([1.0, 2.0, 3.0, 2.0, 4.0], times_ns=times_ns, per_year=9.0).per_year == 9.0


def test_without_times_nothing_is_annual() -> None:
    report = measure_performance(CURVE)

    annual = (report.per_year, report.annual_return, report.annual_sharpe, report.calmar, report.drawdown.seconds)
    assert all(map(math.isnan, annual))


def test_moments_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    returns = np.random.default_rng(1).standard_t(5, 500) * 0.01

    report = measure_performance(compound_returns(returns))

    assert report.skewness == pytest.approx(stats.skew(returns))
    assert report.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False))


def test_drawdown_runs_from_its_peak_to_where_it_is_made_good() -> None:
    drawdown = measure_performance(CURVE, times_ns=np.arange(7) * 1_000_000_000).drawdown

    assert (drawdown.depth, drawdown.peak, drawdown.bottom, drawdown.end) == (0.2, 1, 4, 5)
    assert drawdown.seconds == 4.0


def test_drawdown_that_is_never_made_good_runs_to_the_end() -> None:
    drawdown = measure_performance([*CURVE, 60.0, 70.0]).drawdown

    assert (drawdown.peak, drawdown.bottom, drawdown.end) == (6, 7, 8)


def test_drawdown_begins_when_the_peak_is_left_for_the_last_time() -> None:
    assert measure_performance([1.0, 2.0, 1.9, 2.0, 1.0, 3.0]).drawdown.peak == 3


def test_equity_that_never_falls_has_no_drawdown() -> None:
    report = measure_performance([1.0, 1.0, 2.0], times_ns=[0, DAY_NS, 2 * DAY_NS])

    assert (report.drawdown.depth, report.drawdown.end, report.drawdown.seconds) == (0.0, 0, 0.0)
    assert math.isnan(report.calmar) and math.isnan(report.sortino)


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=30))
def test_drawdown_is_the_largest_over_all_pairs(returns: list[float]) -> None:
    curve = compound_returns(returns)

    drawdown = measure_performance(curve).drawdown

    pairs = [(curve[i] - curve[j]) / curve[i] for i in range(len(curve)) for j in range(i, len(curve))]
    assert drawdown.depth == pytest.approx(max(pairs))


def test_trades_are_judged_by_hand() -> None:
    """Won 30 in two of five, lost 10 in two, one even."""
    report = measure_trades([20.0, -4.0, 0.0, 10.0, -6.0])

    assert (report.count, report.hit_rate, report.profit_factor, report.expectancy) == (5, 0.4, 3.0, 4.0)
    assert report.expectancy_ratio == pytest.approx((1.0 + 15.0 / 5.0) * 0.4 - 1.0)
    assert report.sqn == pytest.approx(math.sqrt(5) * 4.0 / math.sqrt((16**2 + 8**2 + 4**2 + 6**2 + 10**2) / 4))


def test_without_trades_each_return_is_one() -> None:
    assert measure_performance(CURVE).trades == measure_trades(np.diff(CURVE) / CURVE[:-1])
    assert measure_performance(CURVE, trades=[1.0, -2.0]).trades == measure_trades([1.0, -2.0])


def test_what_trades_do_not_define_is_nan() -> None:
    none, won, lost = measure_trades([]), measure_trades([1.0, 1.0]), measure_trades([-1.0])

    assert none.count == 0
    assert all(map(math.isnan, [none.hit_rate, none.profit_factor, none.expectancy, none.expectancy_ratio, none.sqn]))
    assert math.isnan(won.profit_factor) and math.isnan(won.expectancy_ratio) and math.isnan(won.sqn)
    assert (lost.hit_rate, lost.profit_factor, lost.expectancy_ratio) == (0.0, 0.0, -1.0)
    assert math.isnan(lost.sqn)


@pytest.mark.parametrize("growth", [1.0, 1.0001, 0.97])
def test_returns_that_do_not_vary_have_no_sharpe_ratio(growth: float) -> None:
    report = measure_performance(growth ** np.arange(50), per_year=365)

    assert report.volatility == 0.0
    assert math.isnan(report.sharpe) and math.isnan(report.kurtosis)


def test_one_return_has_no_deviation() -> None:
    report = measure_performance([1.0, 0.5])

    assert math.isnan(report.volatility) and math.isnan(report.sharpe)
    assert report.sortino == -1.0


def test_a_ruined_account_is_judged_as_far_as_it_can_be() -> None:
    """It fell below 0, and went on."""
    report = measure_performance([100.0, 50.0, -20.0, 10.0], per_year=365)

    assert report.total_return == pytest.approx(-0.9)
    assert report.drawdown.depth == 1.2
    assert report.trades.count == 0
    undefined = {field.name for field in fields(PerformanceReport) if is_nan(getattr(report, field.name))}
    assert undefined == {"volatility", "sharpe", "sortino", "skewness", "kurtosis"}


def test_an_account_that_ends_at_nothing_lost_all() -> None:
    report = measure_performance([100.0, 50.0, 0.0], per_year=365)

    assert report.total_return == report.annual_return == -1.0
    assert report.volatility == pytest.approx(0.5 / math.sqrt(2.0))
    assert math.isnan(measure_performance([100.0, -1.0], per_year=365).annual_return)


def test_a_rise_within_seconds_may_be_beyond_any_year() -> None:
    assert measure_performance([1.0, 2.0], times_ns=[0, 1_000_000_000]).annual_return == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure_performance([1.0]), r"equity must have at least 2 points and begin above 0, got \[1.0\]"),
        (lambda: measure_performance([0.0, 1.0]), r"and begin above 0, got \[0.0, 1.0\]"),
        (lambda: measure_performance([1.0, math.nan]), r"equity must be -1e\+100 to 1e\+100, got nan in row 1"),
        (lambda: measure_performance(np.ones((2, 2))), "equity must be numbers in 1 dimension, got float64"),
        (lambda: measure_performance([1.0, 2.0], per_year=0.0), "per_year must be above 0 to"),
        (lambda: measure_performance([1.0, 2.0], times_ns=[0]), "times_ns must have 2 rows as the others have, got 1"),
        (lambda: measure_performance([1.0, 2.0], times_ns=[0.0, 1.0]), "times_ns must be whole numbers"),
        (lambda: measure_performance([1.0, 2.0], times_ns=[0, 1 << 62]), "times_ns must be .* to 4611686018427387903"),
        (lambda: measure_performance([1.0, 2.0, 3.0], times_ns=[0, 2, 1]), "times_ns must not go back .* row 2"),
        (lambda: measure_performance([1.0, 2.0], times_ns=[5, 5]), "times_ns must rise .*, got 5 throughout"),
        (lambda: measure_performance([1.0, 2.0], trades=[math.inf]), "trades must be .*, got inf in row 0"),
        (lambda: compound_returns([0.1, -1.1]), r"returns must be -1 to 1e\+100, got -1.1 in row 1"),
        (lambda: compound_returns([]), "returns must have at least 1 row, got none"),
        (lambda: compound_returns([0.1], start=0.0), "start must be above 0 to"),
    ],
)
def test_what_cannot_be_judged_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
