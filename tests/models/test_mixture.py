"""What a model says of the scores of its networks."""

import numpy as np
import pytest

from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.models.conformal import ConformalSets
from msray.models.mixture import Mixture, fit_mixture
from msray.models.tempering import Tempering

HOT = Mixture(
    members=("a", "b"),
    temperatures=((1.0, 2.0), (0.5, 1.0)),
    weights=((0.25, 0.75), (1.0, 0.0)),
    tempering=Tempering(temperature=(2.0, 1.0), bias=((0.0, 0.0, 0.0), (5.0, 0.0, 0.0))),
)


def scores(seed: int, rows: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 2, 3)).astype(np.float32)


def softmax(some: np.ndarray) -> np.ndarray:
    powers = np.exp(some.astype(np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_chances_are_the_formula() -> None:
    given = {"a": scores(0), "b": scores(1)}

    found = HOT.say(given).chances

    first = 0.25 * softmax(given["a"][:, 0] / 1.0) + 0.75 * softmax(given["b"][:, 0] / 0.5)
    np.testing.assert_allclose(found[:, 0], softmax(np.log(first) / 2.0), atol=1e-9)
    np.testing.assert_allclose(found[:, 1], softmax(given["a"][:, 1] / 2.0), atol=1e-9)


def test_biases_move_decisions_and_no_chances() -> None:
    given = {"a": scores(0), "b": scores(1)}

    assert (HOT.say(given).classes[:, 1] == 0).all()
    np.testing.assert_array_equal(HOT.say(given).classes[:, 0], HOT.say(given).chances[:, 0].argmax(axis=1))


def test_a_member_that_says_nothing_leaves_the_others_to_speak() -> None:
    given = {"a": scores(0), "b": scores(1)}
    given["b"][:5] = np.nan
    given["a"][0] = np.nan
    alone = Mixture(members=("a",), temperatures=((1.0, 2.0),), weights=((1.0,), (1.0,)), tempering=HOT.tempering)

    found = HOT.say(given).chances

    assert np.isnan(found[0]).all()
    assert HOT.say(given).classes[0].tolist() == [NO_LABEL, NO_LABEL]
    np.testing.assert_allclose(found[1:5], alone.say(given).chances[1:5])
    assert HOT.say(given).votes[:, 1].tolist() == [given["a"][1].argmax(axis=1).tolist(), [NO_LABEL] * 2]


def test_without_sets_nothing_is_excluded() -> None:
    given = {"a": scores(0), "b": scores(1)}
    sets = ConformalSets(coverage=0.9, least_chance=((0.3, 0.3, 0.3),) * 2)
    fitted = Mixture(
        members=HOT.members,
        temperatures=HOT.temperatures,
        weights=HOT.weights,
        tempering=HOT.tempering,
        sets=sets,
    )

    assert HOT.say(given).possible.all()
    np.testing.assert_array_equal(fitted.say(given).possible, fitted.say(given).chances >= 0.3)


def test_fitting_finds_what_made_one_too_sure_and_who_guesses() -> None:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([1.0, 1.0, 1.0], (8_000, 1))
    labels = np.minimum((rng.random((8_000, 1, 1)) > chances.cumsum(axis=2)).sum(axis=2), 2)
    sure = 3.0 * np.log(chances)

    alone, both = (
        fit_mixture({"sure": sure}, labels),
        fit_mixture({"sure": sure, "guess": scores(0, 8_000)[:, :1]}, labels),
    )

    assert alone.temperatures[0][0] == pytest.approx(3.0, rel=0.05)
    assert (alone.weights, alone.tempering.temperature[0]) == (((1.0,),), pytest.approx(1.0, abs=1e-3))
    assert both.weights[0][0] > 0.9
    np.testing.assert_allclose(alone.say({"sure": sure}).chances.mean(), 1 / 3)


def test_a_member_without_scores_is_named() -> None:
    with pytest.raises(UsageError, match="scores must be given of each member, got none of b"):
        HOT.say({"a": scores(0)})
