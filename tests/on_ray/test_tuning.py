"""A search on a cluster: what was planted is found, poor trials are given up, nothing that was tried is lost."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from msray import HyperparameterOptimizer
from msray.backtest import STRATEGIES, BacktestConfig, SignalFollower, Tape
from msray.errors import UnavailableError, UsageError
from msray.on_ray.tuned_backtests import BacktestFolds, search_backtests
from msray.store.search_log import SearchLog
from msray.store.trial_log import Recorded, TrialLog
from msray.tuning import Assumed, Axis, FoldScore, Plan, Trial, TuneConfig, Windows, detect, with_signals
from tests.backtest.planted import WORDS, leaning_market
from tests.end_to_end.running import environment
from tests.on_ray.tried import Failing, hill
from tests.waiting import eventually

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]

LINE = {"x": Axis(low=0.0, high=10.0), "kind": Axis(choices=("a", "b"))}
BASE = Assumed(
    backtest=BacktestConfig(profit_target_pct=0.1, stop_loss_pct=0.1, max_holding_seconds=1.0, fee_rate=0.0002),
    detection=WORDS,
)


def leaning() -> Tape:
    """300 s that are quiet, then 800 s in which the price follows what the book leans to for 15 s."""
    return leaning_market(7, follows=True, episodes=16)


def test_without_a_cluster_nothing_is_searched() -> None:
    with pytest.raises(UnavailableError, match="none has been joined"):
        HyperparameterOptimizer(LINE).run(hill)


@pytest.fixture(scope="module")
def searched(joined: None) -> tuple:
    told: list[Trial] = []
    return HyperparameterOptimizer(LINE, trials=16, seed=1).run(hill, keep=told.append), told


def test_what_was_planted_is_found_better_than_by_chance(searched: tuple) -> None:
    best = searched[0].best

    assert best.parameters["kind"] == "b"
    assert abs(best.parameters["x"] - 3.0) < 0.5, "8 of that kind by chance: the best is 0.8 off in the median"


def test_poor_trials_are_given_up_and_the_others_have_every_fold(searched: tuple) -> None:
    states = {trial.state for trial in searched[0].trials}
    lengths = {
        trial.state: {len(one.folds) for one in searched[0].trials if one.state == trial.state}
        for trial in searched[0].trials
    }

    assert states == {"whole", "pruned"}
    assert lengths["whole"] == {5}
    assert lengths["pruned"] <= {1, 3}


def test_every_trial_is_told_of_fold_by_fold_and_at_its_end(searched: tuple) -> None:
    found, told = searched

    assert len(found.trials) == 16
    assert [trial for trial in told if trial.state != "running"] == list(found.trials)
    assert sum(trial.state == "running" for trial in told) == sum(len(trial.folds) for trial in found.trials)
    assert list(found.to_pandas().columns) == ["state", "score", "folds", "x", "kind"]


def test_what_an_objective_raises_makes_one_failed_trial_and_so_does_a_score_that_is_no_number(joined: None) -> None:
    def steep(parameters):
        yield FoldScore(score=1.0)
        if parameters["x"] == 9.0:
            raise ValueError("too high\nby far")
        yield FoldScore(score=float("nan") if parameters["x"] == 1.0 else 2.0)

    axes = {"x": Axis(choices=(1.0, 5.0, 9.0))}
    first = [Trial(parameters={"x": x}) for x in (1.0, 5.0, 9.0)]
    found = HyperparameterOptimizer(axes, folds=2, trials=3, prunes=False).run(steep, known=first)

    by_x = {trial.parameters["x"]: (trial.state, trial.problem, len(trial.folds)) for trial in found.trials}
    assert by_x[1.0] == ("failed", "UsageError: score of a fold must be finite, got nan", 1)
    assert by_x[5.0] == ("whole", "", 2)
    assert by_x[9.0] == ("failed", "ValueError: too high", 1)


def test_what_cannot_be_kept_ends_the_search_in_its_own_words(joined: None) -> None:
    def full(trial: Trial) -> None:
        raise UnavailableError("no room")

    with pytest.raises(UnavailableError, match="no room"):
        HyperparameterOptimizer(LINE, trials=1).run(hill, keep=full)


def test_what_had_ended_is_not_tried_again_and_what_was_running_is_tried_first(joined: None) -> None:
    ended = Trial(parameters={"x": 3.5, "kind": "b"}, folds=tuple(hill({"x": 3.5, "kind": "b"})), state="whole")
    running = Trial(parameters={"x": 2.25, "kind": "a"})

    found = HyperparameterOptimizer(LINE, trials=3, at_once=1).run(hill, known=[ended, running])

    assert found.trials[0] is ended
    assert found.trials[1].parameters == running.parameters
    assert len(found.trials) == 3


def plan(trials: int, *names: str, folds: int = 3) -> Plan:
    spaces = {
        "backtest.max_holding_seconds": Axis(low=1.0, high=20.0, log=True),
        "backtest.profit_target_pct": Axis(low=0.0005, high=0.1, log=True),
        "detection.arl0": Axis(low=100.0, high=2000.0, log=True),
    }
    config = TuneConfig(trials=trials, folds=folds, space={name: spaces[name] for name in names})
    return Plan.of("follower", STRATEGIES["follower"], config, BASE, is_calibrated=False)


def log_in(folder: Path, about: Plan, windows: Windows, run_id: str = "20240808-235416-3fa2c1") -> SearchLog:
    return SearchLog(
        TrialLog(folder, Recorded.of([leaning()])),
        run_id=run_id,
        study="one",
        strategy="follower",
        space=about.space,
        windows=windows,
        identify=lambda parameters: repr(sorted(parameters.items())),
    )


def test_a_planted_edge_is_found_and_holds_where_no_trial_has_looked(joined: None, tmp_path: Path) -> None:
    about = plan(8, "backtest.max_holding_seconds")
    windows = about.windows([leaning()])
    log = log_in(tmp_path, about, windows)

    report = search_backtests([leaning()], about, windows, log, keep=lambda _: None)

    assert report.chosen.parameters["backtest.max_holding_seconds"] > 5.0, "it pays to hold on for long"
    assert report.is_better, report.verdict
    assert report.verdict.startswith("Better than what you had: ")
    assert report.looks == 0
    again = log_in(tmp_path, about, windows, "20240808-235417-3fa2c1")
    assert len(again.begun()) == 8
    assert again.looks == 1


def test_the_detectors_signals_are_found_anew_with_other_words(joined: None) -> None:
    about = plan(1, "detection.arl0")
    windows = about.windows([leaning()])
    other = BASE.having({"detection.arl0": 150.0})
    told = Plan.of("follower", SignalFollower, about.config, other, is_calibrated=False)
    found = list(BacktestFolds([leaning()], windows, about.backtests, list(about.space))({"detection.arl0": 150.0}))

    as_read = with_signals(leaning(), *detect(leaning(), other.detection))
    assert found == list(BacktestFolds([as_read], windows, told.backtests, [])({}))
    assert found != list(BacktestFolds([leaning()], windows, about.backtests, [])({}))


def test_a_strategy_that_fails_as_it_is_configured_is_told_of(joined: None, tmp_path: Path) -> None:
    about = plan(2, "backtest.max_holding_seconds")
    failing = Plan.of("own.py:Failing", Failing, about.config, BASE, is_calibrated=False)
    windows = failing.windows([leaning()])

    with pytest.raises(UsageError, match="strategy must run as it is configured, and raised KeyError"):
        search_backtests([leaning()], failing, windows, log_in(tmp_path, failing, windows), keep=lambda _: None)


def test_what_a_given_up_trial_had_started_is_cancelled(joined: None) -> None:
    about = plan(1, "backtest.max_holding_seconds")
    folds = BacktestFolds([leaning()], about.windows([leaning()]), about.backtests, [])

    scores = folds({})
    next(scores)
    scores.close()

    eventually(lambda: ray.available_resources().get("CPU") == 2.0)


PROGRAM = """
import os, sys
from pathlib import Path
from msray.on_ray import session
from tests.on_ray.test_tuning import leaning, log_in, plan, search_backtests
session.join(sys.argv[1])
about = plan(6, "backtest.max_holding_seconds")
windows = about.windows([leaning()])
log = log_in(Path(sys.argv[2]), about, windows)
search_backtests([leaning()], about, windows, log, known=log.begun(), keep=lambda _: None)
"""


def ends(folder: Path) -> int:
    """Trials in a log that have ended, what was assumed before among them."""
    text = b"".join(path.read_bytes() for path in folder.rglob("*.jsonl"))
    return text.count(b'"state":"whole"') + text.count(b'"state":"pruned"')


def test_a_search_that_was_killed_goes_on_where_it_was(joined: None, tmp_path: Path) -> None:
    address, about = ray.get_runtime_context().gcs_address, plan(6, "backtest.max_holding_seconds")
    windows = about.windows([leaning()])
    driver = subprocess.Popen([sys.executable, "-c", PROGRAM, address, str(tmp_path)], env=environment())
    eventually(lambda: ends(tmp_path) > 2, 100)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    log = log_in(tmp_path, about, windows, "20240808-235417-3fa2c1")
    kept = [trial for trial in log.begun() if trial.state != "running"]
    more = plan(len(kept) + 1, "backtest.max_holding_seconds")

    report = search_backtests([leaning()], more, windows, log, known=log.begun(), keep=lambda _: None)

    assert 1 < len(kept) < 6
    assert list(report.search.trials[: len(kept)]) == kept
    assert len(report.search.trials) == len(kept) + 1
