"""Backtest overfitting against its definition, and on strategies of which the truth is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import probability_of_backtest_overfitting
from tests.naive.overfitting import Floats, naive_overfitting


def noise(seed: int, rows: int = 640, columns: int = 50) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, columns))


@given(
    st.integers(0, 1000),
    st.sampled_from([2, 4, 6]),
    st.integers(12, 40),
    st.integers(2, 6),
    st.sampled_from([0.0, 9.0]),
)
def test_overfitting_is_that_of_the_definition(seed: int, blocks: int, rows: int, columns: int, level: float) -> None:
    returns = noise(seed, rows, columns) + level

    found = probability_of_backtest_overfitting(returns, blocks)

    winner, inside, outside, logit = zip(*naive_overfitting(returns, blocks), strict=True)
    assert found.winner.tolist() == list(winner)
    assert found.in_sample == pytest.approx(np.array(inside))
    assert found.out_of_sample == pytest.approx(np.array(outside))
    assert found.logit == pytest.approx(np.array(logit))


def test_of_noise_the_winner_is_below_the_median_half_of_the_time() -> None:
    """Single runs deviate by 0.16, so the mean of 20 is good to 0.04."""
    shares = [probability_of_backtest_overfitting(noise(seed), 8).pbo for seed in range(20)]

    assert np.mean(shares) == pytest.approx(0.48, abs=0.12)


def test_what_won_early_lost_late_where_all_end_equal() -> None:
    equal = noise(1) - noise(1).mean(axis=0)

    found = probability_of_backtest_overfitting(equal, 8)

    assert found.pbo == 1.0
    assert found.degradation < 0.0
    assert found.probability_of_loss == 1.0


def test_a_true_edge_is_not_overfitting() -> None:
    shares = []
    for seed in range(20):
        returns = noise(seed)
        returns[:, 7] += 0.3
        shares.append(probability_of_backtest_overfitting(returns, 8).pbo)

    assert np.mean(shares) < 0.01


def test_splits_are_as_many_as_published() -> None:
    assert len(probability_of_backtest_overfitting(noise(1, 64, 3), 8).logit) == 70
    assert len(probability_of_backtest_overfitting(noise(1, 64, 3)).logit) == 12_870


def test_equal_strategies_share_their_rank() -> None:
    returns = np.repeat(noise(1, 60, 1), 9, axis=1)

    found = probability_of_backtest_overfitting(returns, 4)

    assert found.logit.tolist() == [0.0] * 6
    assert found.winner.tolist() == [0] * 6


def test_a_strategy_that_does_not_trade_has_the_ratio_0() -> None:
    returns = noise(1, 64, 2) - 1.0
    returns[:, 1] = 0.0

    found = probability_of_backtest_overfitting(returns, 4)

    assert set(found.winner) == {1}
    assert not found.in_sample.any() and not found.out_of_sample.any()
    assert math.isnan(found.degradation)


def test_many_strategies_are_judged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = probability_of_backtest_overfitting(noise(1), 8)

    monkeypatch.setattr("msray.evaluation.overfitting._CELLS_AT_ONCE", 500)

    assert probability_of_backtest_overfitting(noise(1), 8).logit.tolist() == whole.logit.tolist()


def test_splits_are_a_table() -> None:
    found = probability_of_backtest_overfitting(noise(1, 64, 3), 4)

    table = found.to_pandas()

    assert list(table) == ["winner", "in_sample", "out_of_sample", "logit"]
    assert len(table) == 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probability_of_backtest_overfitting(noise(1), 7), "n_blocks must be even, got 7"),
        (lambda: probability_of_backtest_overfitting(noise(1), 22), "n_blocks must be 2 to 20, got 22"),
        (lambda: probability_of_backtest_overfitting(noise(1, 31)), r"at least 32 rows and .* got the shape \(31, "),
        (lambda: probability_of_backtest_overfitting(noise(1, 64, 1)), r"and 2 columns, .* got the shape \(64, 1\)"),
        (lambda: probability_of_backtest_overfitting(np.zeros(64)), "returns must be numbers in 2 dimensions, got"),
        (lambda: probability_of_backtest_overfitting([[1.0, math.inf]] * 64), "got inf in row 0, column 1"),
    ],
)
def test_what_cannot_be_judged_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
