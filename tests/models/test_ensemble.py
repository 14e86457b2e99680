"""Ensembles: weights from rows that choose, sets that keep their promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.models.conformal import fit_sets
from msray.models.ensemble import fit_ensemble

ROWS = 4_000


def made(rows: int = ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Chances that are true, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet([1.0, 1.0, 1.0], (rows, 2))
    classes = (rng.random((rows, 2, 1)) > chances.cumsum(axis=2)).sum(axis=2)
    return chances, np.minimum(classes, 2)


def surprise(chances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -np.log(np.take_along_axis(chances, labels[..., None], axis=2)[..., 0]).mean(axis=0)


def test_who_knows_gets_the_weight_and_who_guesses_none() -> None:
    chances, labels = made()
    nothing = np.full_like(chances, 1 / 3)

    found = fit_ensemble({"knows": chances, "guesses": nothing}, labels)

    assert all(knows > 0.93 and knows + guesses == pytest.approx(1.0) for knows, guesses in found.weights)


@given(seed=st.integers(0, 50))
def test_on_the_rows_that_choose_it_is_at_least_as_good_as_any_member(seed: int) -> None:
    chances, labels = made(300, seed)
    rng = np.random.default_rng(seed)
    members = {str(i): 0.6 * chances + 0.4 * rng.dirichlet([0.5] * 3, (300, 2)) for i in range(3)}

    found = fit_ensemble(members, labels).chances(members)

    best = np.min([surprise(one, labels) for one in members.values()], axis=0)
    assert (surprise(found, labels) <= best + 1e-6).all()
    np.testing.assert_allclose(found.sum(axis=2), 1.0)


def test_a_member_without_chances_is_spoken_for_by_the_others() -> None:
    chances, labels = made(200)
    other = np.full_like(chances, 1 / 3)
    ensemble = fit_ensemble({"a": chances, "b": other}, labels)
    missing = other.copy()
    missing[:5], chances[0] = np.nan, np.nan

    found = ensemble.chances({"a": chances, "b": missing})

    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1:5], chances[1:5])
    assert ensemble.votes({"a": chances, "b": missing})[:, 0].tolist() == [[NO_LABEL] * 2] * 2


def test_members_of_other_shapes_are_refused() -> None:
    chances, labels = made(10)

    with pytest.raises(UsageError, match="one shape"):
        fit_ensemble({"a": chances, "b": chances[:5]}, labels)
    with pytest.raises(UsageError, match="at least one member"):
        fit_ensemble({}, labels)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_each_true_class_as_often_as_promised(coverage: float) -> None:
    (chances, labels), (later, truth) = made(seed=1), made(seed=2)

    inside = fit_sets(chances, labels, coverage).sets(later)

    held = np.take_along_axis(inside, truth[..., None], axis=2)[..., 0]
    for label in range(3):
        assert held[truth == label].mean() == pytest.approx(coverage, abs=0.025)


def test_what_is_decided_is_right_more_often_than_what_is_likeliest() -> None:
    (chances, labels), (later, truth) = made(seed=1), made(seed=2)

    said = fit_sets(chances, labels).decisions(later)

    decided = said != NO_LABEL
    assert 0.05 < decided.mean() < 0.9
    assert (said == truth)[decided].mean() > (later.argmax(axis=2) == truth).mean() + 0.1


def test_nothing_is_decided_without_chances_and_nothing_promised_of_a_few_rows() -> None:
    chances, labels = made(200)
    sets = fit_sets(chances, labels)
    chances[0] = np.nan

    assert (sets.decisions(chances)[0] == NO_LABEL).all()
    with pytest.raises(UsageError, match=r"rows of class 0 must be 9 or more for a coverage of 0\.9, got"):
        fit_sets(chances[1:5], labels[1:5])
    with pytest.raises(UsageError, match="coverage must be"):
        fit_sets(chances, labels, 1.0)
