"""From jobs to a choice: what was trained, weighed and judged."""

import dataclasses
import json

import numpy as np
import pytest
from pydantic import ValidationError

from msray.errors import UsageError
from msray.models.catalog import make_network
from msray.training.config import ModelConfig, TrainConfig, TrainingConfig
from msray.training.jobs import Trained, make_jobs, run_job, run_serially
from msray.training.selection import ENSEMBLE, select
from tests.training.made import a_problem

QUICK = TrainingConfig(epochs=3, chunk=64, warm_up=8, chunks=4, average=0.8, learning_rate=0.03, device="cpu")
CONFIG = TrainConfig(
    models=(
        ModelConfig(name="gru", network={"cells": 8}, training=QUICK, seeds=2),
        ModelConfig(name="linear", training=QUICK),
    )
)


@pytest.fixture(scope="module")
def trained() -> list[Trained]:
    done: list[Trained] = []
    run_serially(a_problem(), make_jobs(CONFIG), done.append)
    return done


def test_each_seed_of_each_model_is_a_job(trained: list[Trained]) -> None:
    assert [one.key for one in trained] == ["gru-0", "gru-1", "linear-0"]
    assert not np.array_equal(trained[0].valid, trained[1].valid)


def test_a_job_gives_the_same_again(trained: list[Trained]) -> None:
    again = run_job(a_problem(), make_jobs(CONFIG)[1])

    np.testing.assert_array_equal(again.test, trained[1].test)
    assert again.history == trained[1].history


def test_weights_make_the_network_again(trained: list[Trained]) -> None:
    import torch

    network = make_network("gru", CONFIG.models[0].made(features=4, horizons=2))
    network.load_state_dict({name: torch.from_numpy(array) for name, array in trained[0].weights.items()})

    begin, end = a_problem().parts.valid
    rows = torch.from_numpy(a_problem().rows.values[500:end])
    with torch.no_grad():
        scores = network.eval()(rows[None])[0, begin - 500 :]
    np.testing.assert_allclose(scores.numpy(), trained[0].valid, atol=1e-5)


def test_models_and_their_ensemble_are_judged_beside_the_floors(trained: list[Trained]) -> None:
    found = select(a_problem(), trained)

    assert [(one.name, len(one.trained)) for one in found.blends] == [("gru", 2), ("linear", 1)]
    assert {name: one.members for name, one in found.mixtures.items()} == {
        "gru": ("gru",),
        "linear": ("linear",),
        ENSEMBLE: ("gru", "linear"),
    }
    assert {one.name for one in found.report.figures if not one.is_floor} == {"gru", "linear", ENSEMBLE}
    assert found.surprise[ENSEMBLE] <= min(found.surprise.values()) + 0.01
    assert found.best == min(found.surprise, key=found.surprise.__getitem__)
    assert all(one.low > 0 for one in found.report.beside(found.best, "majority"))


def test_the_order_in_which_they_end_changes_nothing(trained: list[Trained]) -> None:
    found, other = (select(a_problem(), some) for some in (trained, trained[1::-1] + trained[2:]))

    assert found.surprise == other.surprise
    assert json.dumps(found.report.as_dict()) == json.dumps(other.report.as_dict())


def test_what_judges_has_no_say_in_the_choice(trained: list[Trained]) -> None:
    found = select(a_problem(), trained)
    problem = a_problem()
    problem.labels[slice(*problem.parts.test)] = 1

    other = select(problem, trained)

    assert (other.best, other.surprise, other.mixtures) == (found.best, found.surprise, found.mixtures)


def test_models_are_weighed_on_rows_that_all_say_something_of(trained: list[Trained]) -> None:
    right = np.where(np.arange(3) == np.maximum(a_problem().of((720, 960))[720:960], 0)[..., None], 9.0, 0.0)
    early = np.arange(len(right))[:, None, None] < 100
    gru = trained[0]
    # What is easy for it, the other says nothing of.
    knows_early = dataclasses.replace(gru, valid=np.where(early, right, np.float32(0.0)).astype(np.float32))
    late = dataclasses.replace(trained[2], valid=np.where(early, np.float32(np.nan), trained[2].valid))

    found = select(a_problem(), [knows_early, late])

    assert found.best != "gru"
    assert found.surprise["gru"] > found.surprise["linear"]
    assert np.isfinite(list(found.surprise.values())).all()


def test_a_model_that_says_nothing_of_the_rows_that_choose_is_refused(trained: list[Trained]) -> None:
    silent = dataclasses.replace(trained[2], valid=np.full_like(trained[2].valid, np.nan))

    with pytest.raises(UsageError, match="such that linear can say something of horizon 2, got none") as told:
        select(a_problem(), [trained[0], silent])
    assert "shorter windows" in str(told.value.hint)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"models": [{"name": "gruu"}]}, "name must be one of linear, gru"),
        ({"models": [{"name": "gru", "network": {"cells": 0}}]}, "network.cells"),
        ({"models": [{"name": "gru", "network": {"features": 3}}]}, "follow from what is learned"),
        ({"models": [{"name": "gru"}, {"name": "gru"}]}, "differ in their names"),
        ({"features": ["spread_bps", "spread_bps"]}, "differ from each other"),
        ({"features": []}, "at least 1"),
    ],
)
def test_words_that_cannot_be_are_refused(words: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainConfig.model_validate(words)
