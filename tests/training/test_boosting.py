"""Growing boosted trees: they are scikit-learn's, as many as the rows that choose find good."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from msray.errors import UsageError
from msray.models.catalog import entry
from msray.models.classes import NO_LABEL
from msray.models.config import NetworkConfig
from msray.models.onnx import to_onnx
from msray.models.trees import BoostedTrees
from msray.training.config import ModelConfig, TrainingConfig
from msray.training.fit import Fitted, Problem, fit
from msray.training.jobs import Job, network_of, run_job
from msray.training.loop import Progress
from tests.training.made import a_problem, some_rows

QUICK = TrainingConfig(epochs=10, patience=2, seed=4)
WORDS = {"trees": 40, "leaves": 6, "least_rows": 20, "learning_rate": 0.2, "share_of_features": 0.5}


def a_config(**words: Any) -> NetworkConfig:
    return entry("boosted").config.model_validate({"features": 4, "horizons": 2, **WORDS, **words})


def grown(problem: Problem, config: NetworkConfig | None = None, training: TrainingConfig = QUICK) -> Fitted:
    return fit(problem, "boosted", config or a_config(), training)


def forest(fitted: Fitted) -> BoostedTrees:
    assert isinstance(fitted.network, BoostedTrees)
    return fitted.network


def of_scikit_learn(problem: Problem, network: BoostedTrees, horizon: int) -> tuple[Any, int]:
    """The same fit, and how many rounds of it are the best."""
    parts = []
    for part in (problem.parts.train, problem.parts.valid):
        labels = problem.of(part)[:, horizon]
        known = labels != NO_LABEL
        parts += [network.scaled(torch.from_numpy(problem.rows.values[known])).numpy(), labels[known]]
    found = HistGradientBoostingClassifier(
        learning_rate=0.2,
        max_iter=40,
        max_leaf_nodes=6,
        min_samples_leaf=20,
        l2_regularization=10.0,
        max_features=0.5,
        random_state=4,
        early_stopping=True,
        n_iter_no_change=8,
        tol=0.0,
    ).fit(parts[0], parts[1], X_val=parts[2], y_val=parts[3])
    chances = [chance[np.arange(len(parts[3])), parts[3]] for chance in found.staged_predict_proba(parts[2])]
    return found, int(np.argmin([-np.log(one).mean() for one in chances])) + 1


def staged(found: Any, rows: np.ndarray, rounds: int) -> np.ndarray:
    return next(one for number, one in enumerate(found.staged_decision_function(rows), 1) if number == rounds)


@pytest.mark.parametrize("horizon", [0, 1])
def test_scores_are_those_of_scikit_learn_up_to_its_best_round(horizon: int) -> None:
    """It would fail if a new scikit-learn kept its trees in another way."""
    problem = a_problem()
    network = forest(grown(problem))
    found, best = of_scikit_learn(problem, network, horizon)
    rows = torch.from_numpy(problem.rows.values)

    expected = staged(found, network.scaled(rows).numpy(), best)

    session = onnxruntime.InferenceSession(to_onnx(network), providers=["CPUExecutionProvider"])
    stepped = torch.stack([network.step(row[None])[0][0] for row in rows[:50]])
    assert 1 < best < 40
    np.testing.assert_allclose(network(rows[None])[0, :, horizon].numpy(), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(stepped[:, horizon].numpy(), expected[:50], rtol=0, atol=1e-5)
    np.testing.assert_allclose(session.run(None, {"row": rows.numpy()})[0][:, horizon], expected, rtol=0, atol=1e-5)


def test_it_finds_what_is_there() -> None:
    problem = a_problem()
    test = problem.parts.test
    truth = problem.of(test)[slice(*test)]
    known = truth != NO_LABEL

    said = grown(problem).scores(problem, test).argmax(axis=2)

    assert (truth == said)[known].mean() > np.bincount(truth[known]).max() / known.sum() + 0.1


def test_what_judges_changes_nothing_that_is_learned() -> None:
    problem, other = a_problem(), a_problem()
    begin = problem.parts.test[0]
    other.rows.values[begin:] = 7.0
    other.rows.mid[begin:] = 1

    mine, theirs = (forest(grown(one)).state_dict() for one in (problem, a_problem(other.rows)))

    assert all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())


def test_another_seed_grows_other_trees() -> None:
    first, second = (forest(grown(a_problem(), training=QUICK.model_copy(update={"seed": n}))) for n in (0, 1))

    assert not torch.equal(first.value, second.value)


def test_its_epochs_are_what_so_many_rounds_come_to() -> None:
    problem = a_problem()

    fitted = grown(problem, training=QUICK.model_copy(update={"epochs": 40, "patience": 40}))

    chosen = problem.of(problem.parts.valid)
    curves = []
    for horizon in (0, 1):
        found, _ = of_scikit_learn(problem, forest(fitted), horizon)
        labels = chosen[:, horizon]
        rows = forest(fitted).scaled(torch.from_numpy(problem.rows.values[labels != NO_LABEL])).numpy()
        true = labels[labels != NO_LABEL]
        curves.append([-np.log(one[np.arange(len(true)), true]) for one in found.staged_predict_proba(rows)])
    assert [epoch.number for epoch in fitted.history] == list(range(1, 41))
    for epoch, first, second in zip(fitted.history, *curves, strict=False):
        assert epoch.surprise == pytest.approx(np.concatenate([first, second]).mean())
    assert np.diff([epoch.loss for epoch in fitted.history]).max() < 0
    best = max(epoch.number for epoch in fitted.history if epoch.is_best)
    assert fitted.history[best - 1].surprise == min(epoch.surprise for epoch in fitted.history)


def test_it_stops_when_nothing_more_comes() -> None:
    patient, hasty = (
        grown(a_problem(), training=QUICK.model_copy(update={"patience": patience})) for patience in (10, 1)
    )

    assert len(hasty.history) < len(patient.history) == 10


def test_one_that_was_broken_off_begins_anew_and_tells_of_each_epoch() -> None:
    told: list[Progress] = []

    fitted = fit(a_problem(), "boosted", a_config(), QUICK, begun=Progress(history=[], tensors={}), keep=told.append)

    assert [one.history[-1] for one in told] == list(fitted.history)
    assert fitted.history == grown(a_problem()).history


def test_what_was_trained_comes_out_of_its_weights_again() -> None:
    problem = a_problem()
    model = ModelConfig(name="boosted", network=WORDS, training=QUICK)

    trained = run_job(problem, Job(model=model, seed=4))

    network = network_of(trained, model.made(features=4, horizons=2))
    begin, end = problem.parts.test
    rows = torch.from_numpy(problem.rows.values[None, begin:end])
    np.testing.assert_array_equal(network(rows)[0].numpy(), trained.test)
    assert trained.parameters == network.size > 0


@pytest.mark.parametrize("missing", [(1,), (0, 2), (2,), (0, 1)])
def test_a_class_that_never_came_is_never_said(missing: tuple[int, ...]) -> None:
    problem = a_problem()
    begin, end = problem.parts.train
    problem.labels[begin:end][np.isin(problem.labels[begin:end], missing)] = NO_LABEL

    scores = grown(problem).scores(problem, problem.parts.test)

    assert np.isfinite(scores).all()
    assert not np.isin(scores.argmax(axis=2), missing).any()


@pytest.mark.parametrize(("part", "does"), [("train", "learn from"), ("valid", "choose on")])
def test_rows_without_labels_are_refused(part: str, does: str) -> None:
    problem = a_problem(some_rows(600))
    problem.labels[slice(*getattr(problem.parts, part)), 1] = NO_LABEL

    with pytest.raises(UsageError, match=f"rows to {does} must hold labels that can be learned"):
        grown(problem)
