from dataclasses import replace

import numpy as np
import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.result import EquityPoint, binned_returns
from msray.backtest.strategy import Strategy
from msray.backtest.variants import BINS, judge_returns, judge_trials

NOTHING = BacktestingEngine(BacktestConfig(), Strategy()).finish()
END_NS = BINS * 10


def earning(per_bin):
    """A backtest whose equity changes by these fractions of the capital, one a bin."""
    equity = 10_000.0 * (1.0 + np.cumsum(per_bin))
    return replace(NOTHING, equity=tuple(EquityPoint(10 * (i + 1), one) for i, one in enumerate(equity.tolist())))


def test_a_bin_holds_what_was_earned_in_it():
    earned = np.random.default_rng(1).normal(0, 0.001, BINS)

    assert binned_returns(earning(earned), 0, END_NS, BINS) == pytest.approx(earned, abs=1e-12)


def test_trials_that_do_the_same_are_one_trial():
    one = earning(np.random.default_rng(1).normal(0.0003, 0.001, BINS))

    trials = judge_trials(one, [one] * 26, 0, END_NS)

    assert (trials.count, trials.different, trials.overfitting) == (27, 1, None)
    assert trials.deflated_sharpe > 0.99, "nobody chose it"


def test_the_luckiest_of_many_worthless_trials_is_deflated():
    rng = np.random.default_rng(3)
    results = sorted((earning(rng.normal(0, 0.001, BINS)) for _ in range(50)), key=lambda one: -one.final_equity)

    trials = judge_trials(results[0], results[1:], 0, END_NS)

    assert judge_trials(results[0], [], 0, END_NS).deflated_sharpe > 0.95
    assert trials.deflated_sharpe < 0.8
    assert 0.2 < trials.overfitting.pbo < 0.9


def test_what_never_traded_has_no_ratio():
    trials = judge_trials(NOTHING, [], 0, END_NS)

    assert np.isnan(trials.deflated_sharpe)
    assert trials.best_net_return == 0.0


def test_an_account_that_was_ruined_has_a_ratio_too():
    earned = np.random.default_rng(1).normal(0, 0.001, BINS)
    earned[7] = -1.2

    assert judge_trials(earning(earned), [], 0, END_NS).deflated_sharpe < 0.5


def test_what_was_tried_before_counts_too():
    rng = np.random.default_rng(3)
    one = earning(rng.normal(0.0002, 0.001, BINS))
    before = [rng.normal(0, 0.001, BINS) for _ in range(49)]

    alone, among = judge_trials(one, [], 0, END_NS), judge_trials(one, [], 0, END_NS, earlier=before)

    assert (among.count, among.earlier, among.different, len(among.net_returns)) == (50, 49, 50, 1)
    assert among.deflated_sharpe < alone.deflated_sharpe
    assert (alone.overfitting, len(among.overfitting.logit)) == (None, 70)


def test_one_that_did_the_same_before_is_no_further_try():
    earned = np.random.default_rng(3).normal(0.0002, 0.001, BINS)
    one = earning(earned)
    same = judge_trials(one, [], 0, END_NS, earlier=[binned_returns(one, 0, END_NS, BINS)])

    assert (same.count, same.different) == (2, 1)


def test_a_trial_that_was_given_up_counts_by_what_it_has_but_is_never_the_best_of_whole_records():
    rng = np.random.default_rng(3)
    whole = [rng.normal(0, 0.001, BINS) for _ in range(10)]
    given_up = rng.normal(0.01, 0.001, BINS)
    given_up[BINS // 5 :] = np.nan
    elsewhere = np.full(BINS, np.nan)

    without = judge_returns(np.column_stack(whole))
    found = judge_returns(np.column_stack([*whole, given_up, given_up, elsewhere]))

    assert (without.different, found.different) == (10, 11)
    assert found.overfitting.pbo == without.overfitting.pbo
    assert found.deflated_sharpe < without.deflated_sharpe


def test_what_is_judged_is_the_time_of_the_first():
    rng = np.random.default_rng(3)
    whole = rng.normal(0, 0.001, (BINS, 10))
    first = whole.copy()
    first[-32:, 0] = np.nan

    assert judge_returns(first).different == 10
    assert judge_returns(first).deflated_sharpe == judge_returns(whole[:-32]).deflated_sharpe
    assert judge_returns(first).overfitting.pbo == judge_returns(whole[:-32]).overfitting.pbo
