"""Training: it learns, from nothing it must not see, and goes on where it was."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from msray.errors import UsageError
from msray.models.catalog import entry, make_network
from msray.models.classes import NO_LABEL
from msray.models.config import NetworkConfig
from msray.models.network import Network
from msray.training.config import LossWeights, TrainingConfig
from msray.training.fit import Problem, fit
from msray.training.loop import Training
from msray.training.samples import Shown, material, samples
from tests.training.made import a_problem, some_rows

QUICK = TrainingConfig(epochs=4, chunk=64, warm_up=8, chunks=4, windows=64, device="cpu")


def a_config(name: str) -> NetworkConfig:
    small = {
        "gru": {"cells": 16},
        "bin_ctabl": {"window": 5, "steps": (4, 3), "hidden": (8, 8)},
        "lstm": {"window": 5, "cells": 8},
    }
    return entry(name).config.model_validate({"features": 4, "horizons": 2, **small.get(name, {})})


def a_training(problem: Problem, name: str = "gru", config: TrainingConfig = QUICK) -> Training:
    torch.manual_seed(0)
    parts = problem.parts
    return Training(
        make_network(name, a_config(name)),
        material(problem.rows, problem.labels, problem.found, parts.train),
        learned=problem.of(parts.train),
        chosen=problem.of(parts.valid),
        train=parts.train,
        valid=parts.valid,
        config=config,
    )


def weights(network: Network) -> list[np.ndarray]:
    return [parameter.detach().numpy().copy() for parameter in network.parameters()]


def decided(scores: np.ndarray) -> np.ndarray:
    """The likeliest class, where anything is said."""
    return np.where(np.isnan(scores).any(axis=2), NO_LABEL, np.nan_to_num(scores).argmax(axis=2))


@pytest.mark.parametrize("name", ["gru", "linear", "lstm"])
def test_it_finds_what_is_there(name: str) -> None:
    problem = a_problem()

    fitted = fit(
        problem, name, a_config(name), QUICK.model_copy(update={"epochs": 12, "learning_rate": 0.03, "average": 0.8})
    )

    test = problem.parts.test
    truth, said = problem.of(test)[slice(*test)], decided(fitted.scores(problem, test))
    known = (truth != NO_LABEL) & (said != NO_LABEL)
    assert (truth == said)[known].mean() > max(np.bincount(truth[known])) / known.sum() + 0.1


def test_shuffled_labels_teach_nothing() -> None:
    problem = a_problem()
    rng = np.random.default_rng(5)
    problem.labels[:] = rng.permutation(problem.labels, axis=0)

    fitted = fit(problem, "linear", a_config("linear"), QUICK)

    test = problem.parts.test
    truth, said = problem.of(test)[slice(*test)], decided(fitted.scores(problem, test))
    known = truth != NO_LABEL
    assert (truth == said)[known].mean() < 0.33 + 0.1


def test_what_judges_changes_nothing_that_is_learned() -> None:
    problem, other = a_problem(), a_problem()
    begin = problem.parts.test[0]
    other.rows.values[begin:] = 7.0
    other.rows.mid[begin:] = 1

    found, changed = (fit(one, "gru", a_config("gru"), QUICK) for one in (problem, a_problem(other.rows)))

    for mine, theirs in zip(weights(found.network), weights(changed.network), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["gru", "bin_ctabl"])
def test_one_that_goes_on_ends_where_one_that_never_stopped_does(name: str) -> None:
    whole, first, second = (a_training(a_problem(), name) for _ in range(3))
    whole.run()

    epochs = first.epochs()
    next(epochs)
    next(epochs)
    second.go_on(first.progress())
    second.run()

    assert second.history == whole.history
    for mine, theirs in zip(weights(second.network), weights(whole.network), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_best_epoch_is_kept_and_training_stops_when_nothing_more_comes() -> None:
    training = a_training(a_problem(), "linear", QUICK.model_copy(update={"epochs": 60, "patience": 2}))

    history = training.run()

    best = max(epoch.number for epoch in history if epoch.is_best)
    assert min(epoch.surprise for epoch in history) == history[best - 1].surprise
    assert len(history) in (best + 2, 60)


def test_samples_never_leave_their_stretch_or_part() -> None:
    problem = a_problem(some_rows(600, starts=(0, 100, 310)))
    where = np.arange(600, dtype=np.float32)
    problem.rows.values[:] = where[:, None]
    found = material(problem.rows, problem.labels, problem.found, problem.parts.train)
    shown = Shown(chunk=50, warm_up=8, chunks=4, windows=16)
    labels = torch.from_numpy(problem.of((0, 360)))

    for name in ("gru", "bin_ctabl"):
        network = make_network(name, a_config(name))
        seen = [rows[..., 0] for rows, _ in samples(network, found, labels, (0, 360), shown, np.random.default_rng(0))]
        ends = torch.cat([rows[:, -1] for rows in seen]).numpy()
        for rows in torch.cat([rows for rows in seen if len(rows)]):
            assert (torch.diff(rows) == 1).all()
            assert len({int(np.searchsorted([100, 310], row, side="right")) for row in rows.tolist()}) == 1
            assert rows.max() < 360
        assert len(ends)


def test_the_first_answers_of_a_chunk_do_not_count_but_where_a_stretch_begins() -> None:
    problem = a_problem(some_rows(400, starts=(0,)))
    found = material(problem.rows, problem.labels, problem.found, problem.parts.train)
    labels = torch.from_numpy(problem.of((0, 240)))
    shown = Shown(chunk=60, warm_up=20, chunks=1)
    network = make_network("gru", a_config("gru"))

    for rows, targets in samples(network, found, labels, (0, 240), shown, np.random.default_rng(0)):
        begins = int(torch.where((found.rows == rows[0, 0]).sum(1) + torch.isnan(rows[0, 0]).sum() == 4)[0][0])
        assert bool((targets.classes[0, :20] == NO_LABEL).all()) == (begins > 0)


def test_rows_that_are_too_few_are_refused() -> None:
    with pytest.raises(UsageError, match="whole chunk or window"):
        a_training(a_problem(some_rows(60, starts=(0,))))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="device must be cpu or auto"):
        a_training(a_problem(), config=QUICK.model_copy(update={"device": "cuda"}))


def test_words_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="at least one loss"):
        LossWeights(cross_entropy=0.0)
    with pytest.raises(ValidationError, match="warm_up must be below chunk"):
        TrainingConfig(chunk=50, warm_up=50)
