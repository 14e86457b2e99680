"""Trials of models outlive their search."""

from pathlib import Path

from msray.store.model_search_log import ModelSearchLog, recorded_of
from msray.store.trial_log import TrialLog
from msray.training.config import LabelConfig, ModelConfig, PartsConfig, TrainConfig
from msray.tuning import Axis, FoldScore, Trial
from msray.tuning.models import ModelTuneConfig
from tests.training.made import TRAINED, known_rows

SPACE = {"network.cells": Axis(choices=(4, 8, 16))}
TRAIN = TRAINED.model_copy(update={"models": (ModelConfig(name="gru"),)})


def a_log(path: Path, run_id: str = "a", train: TrainConfig = TRAIN, **chosen: object) -> ModelSearchLog:
    config = ModelTuneConfig.model_validate(chosen)
    log = TrialLog(path, recorded_of({"binance_usdm:BTCUSDT": known_rows()}))
    return ModelSearchLog(log, run_id=run_id, train=train, config=config, space=SPACE)


def test_a_search_goes_on_with_its_own_trials_and_counts_those_of_others(tmp_path: Path) -> None:
    first, other = a_log(tmp_path), a_log(tmp_path, "b", share=1.0)
    begun = Trial(parameters={"network.cells": 4}, folds=(FoldScore(score=-1.0),))
    ended = Trial(parameters={"network.cells": 4}, folds=(FoldScore(score=-1.0), FoldScore(score=-0.8)), state="pruned")
    for trial in (begun, ended, Trial(parameters={"network.cells": 8})):
        first.keep(trial)
    other.keep(Trial(parameters={"network.cells": 16}, state="failed", problem="no"))

    again = a_log(tmp_path, "c", trials=99)

    assert again.begun() == [ended, Trial(parameters={"network.cells": 8})]
    assert again.earlier == 3
    again.go_on(again.begun())
    assert again.earlier == 1
    again.keep(Trial(parameters={"network.cells": 16}))
    assert again.earlier == 1
    assert a_log(tmp_path, "d", share=1.0).earlier == 4


def test_what_was_tried_on_the_same_rows_counts_whatever_it_predicts(tmp_path: Path) -> None:
    a_log(tmp_path).keep(Trial(parameters={"network.cells": 4}, state="failed", problem="no"))

    longer = TRAIN.model_copy(update={"labels": LabelConfig(horizons=(7,))})
    parted = TRAIN.model_copy(update={"parts": PartsConfig(shares=(0.5, 0.3, 0.2))})
    for train in (longer, parted):
        other = a_log(tmp_path, "b", train)
        assert (other.begun(), other.earlier) == ([], 1)
