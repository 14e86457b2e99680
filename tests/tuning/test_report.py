"""The verdict of a search says what is true, also where the search was in vain."""

import json
import math

import numpy as np
import pytest

from msray.backtest.variants import BINS
from msray.cli.output import plain
from msray.tuning import FoldScore, Optimization, Trial, best_of, on_axis
from tests.tuning.made import WINDOWS, made, tried


@pytest.mark.parametrize(
    ("words", "begins", "is_better"),
    [
        ({}, "Better than what you had: +", True),
        ({"found": -1e-3}, "Not better than what you had: none of 8 trials did better", False),
        ({"after": -1e-4}, "Not better than what you had, as far as can be seen: -", False),
        ({"after": -3e-5}, "Better than what you had, but still no edge: -", True),
        ({"trades": 0}, "Better than what you had, but it does not trade: +0.000%", True),
    ],
)
def test_the_verdict_is_plain(words: dict, begins: str, is_better: bool) -> None:
    report = made(**words)

    assert report.verdict.startswith(begins)
    assert report.is_better is is_better
    assert ("DSR" in report.verdict) == (begins.endswith(": +"))


def test_many_trials_explain_a_small_gain() -> None:
    report = made(found=2e-6, after=2e-5, earlier=300)

    assert report.judgement.different > 300
    assert "trials explain it (DSR 0." in report.verdict


def test_what_is_unchanged_stays_where_nothing_does_better() -> None:
    report = made(found=-1e-3)

    assert report.best == report.base
    assert report.difference is None
    assert report.as_dict()["best_parameters"] == {}


def test_every_trial_counts_a_failed_one_without_a_fold_does_not() -> None:
    report = made()

    assert report.judgement.different == 6 + 1 + 1
    assert made(earlier=5).judgement.different == 13


def test_figures_are_plain() -> None:
    figures = json.loads(json.dumps(plain(made().as_dict()), allow_nan=False))

    assert (figures["trials"], figures["whole_trials"], figures["pruned_trials"], figures["failed_trials"]) == (
        8,
        6,
        1,
        1,
    )
    assert figures["best_score"] == pytest.approx(np.mean(figures["best_folds"]))
    assert figures["space"]["backtest.maker.model"] == {"choices": ["glft", "avellaneda_stoikov"]}


def test_a_trial_on_the_axis_is_nan_where_it_was_not_tried() -> None:
    trial = tried(1e-4, np.random.default_rng(1), folds=2)

    returns = on_axis(trial, WINDOWS)

    behind = WINDOWS.folds[1].bins[1]
    assert len(returns) == BINS
    assert np.isnan(returns[behind:]).all()
    assert returns[:behind].tolist() == [*trial.folds[0].returns, *trial.folds[1].returns]


def test_the_first_of_the_best_is_the_best_and_a_given_up_one_never() -> None:
    def of(score: float, state: str = "whole") -> Trial:
        return Trial(parameters={"x": score}, folds=(FoldScore(score=score),), state=state)

    trials = of(1.0), of(2.0), of(2.0), of(9.0, "pruned"), Trial(parameters={}, state="failed")

    assert Optimization(trials=trials).best is trials[1]
    assert Optimization(trials=trials[3:]).best is None
    assert best_of(Optimization(trials=trials), of(2.0)).parameters == {"x": 2.0}
    assert math.isnan(trials[4].score)


def test_trials_are_a_table() -> None:
    table = made().to_pandas()

    assert len(table) == 8
    assert list(table.columns[:4]) == ["state", "score", "folds", "backtest.profit_target_pct"]
