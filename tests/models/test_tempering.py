"""Tempering: chances that keep their word, decisions with the best F1, both from rows that choose."""

import numpy as np
import pytest

from msray.models.classes import NO_LABEL
from msray.models.tempering import temper, untempered


def drawn(rows: int, sureness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores and classes drawn from them; the scores are then told surer than they are."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(rows, 1, 3)) * [1.0, 1.0, 1.0]
    chances = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    classes = (rng.random((rows, 1, 1)) > chances.cumsum(axis=2)).sum(axis=2)
    return (scores * sureness).astype(np.float32), classes


@pytest.mark.parametrize("sureness", [0.25, 1.0, 3.0])
def test_the_temperature_undoes_what_made_scores_too_sure(sureness: float) -> None:
    scores, classes = drawn(20_000, sureness)

    found = temper(scores, classes, tunes_decisions=False)

    assert found.temperature[0] == pytest.approx(sureness, rel=0.05)
    assert found.bias == ((0.0, 0.0, 0.0),)


def test_a_rare_class_is_said_more_often() -> None:
    scores, classes = drawn(20_000, 1.0)
    scores[:, 0, 1] += 3.0  # the network hardly says anything but flat

    plain, tuned = (one.decide(one.chances(scores)) for one in (untempered(1), temper(scores, classes)))

    assert (plain == 1).mean() > 0.85
    assert (tuned == 1).mean() < 0.6
    assert (tuned == classes).mean() > (plain == classes).mean()


def test_rows_without_scores_have_neither_chances_nor_decisions() -> None:
    scores, classes = drawn(50, 1.0)
    scores[:10] = np.nan

    found = temper(scores, classes)

    assert np.isnan(found.chances(scores)[:10]).all()
    assert (found.decide(found.chances(scores))[:10] == NO_LABEL).all()
    np.testing.assert_allclose(found.chances(scores)[10:].sum(axis=2), 1.0)


def test_without_labels_nothing_is_changed() -> None:
    scores, classes = drawn(50, 1.0)

    assert temper(scores, np.full_like(classes, NO_LABEL)) == untempered(1)
