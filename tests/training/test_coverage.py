"""Sets on rows that judge: as they were fitted, and as they follow what comes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from msray.models.classes import NO_LABEL
from msray.models.conformal import ConformalSets, FollowingSets, fit_sets
from msray.models.mixture import Mixture
from msray.models.tempering import untempered
from msray.training.coverage import covered
from msray.training.judging import Said

K = (2, 7)


def mixture(sets: ConformalSets | None) -> Mixture:
    ones = (1.0,) * len(K)
    return Mixture(
        members=("a",), temperatures=(ones,), weights=((1.0,),) * len(K), tempering=untempered(len(K)), sets=sets
    )


def market(rows: int, sharpness: float, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores of a member, and classes that come as often as it says if ``sharpness`` is 1."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(rows, len(K), 3))
    chances = np.exp(sharpness * scores)
    chances /= chances.sum(axis=2, keepdims=True)
    truth = (rng.random((rows, len(K), 1)) > chances.cumsum(axis=2)).sum(axis=2)
    return scores.astype(np.float32), truth


def test_sets_that_follow_know_what_had_come_in_their_stretch_and_nothing_else() -> None:
    scores, truth = market(300, 1.0, 1)
    truth[200] = NO_LABEL
    scores[50:60] = np.nan
    sets = ConformalSets(coverage=0.8, least_chance=((0.2,) * 3, (0.1,) * 3))
    one, starts = mixture(sets), [0, 120]
    said, expected = Said.by(one, {"a": scores}), np.ones((300, 2, 3), bool)
    for row in range(300):
        here = FollowingSets(sets)
        for past in range(max(start for start in starts if start <= row), row):
            for column, k in enumerate(K):
                if past + k <= row and truth[past, column] >= 0 and np.isfinite(said.chances[past, column]).all():
                    here.came(column, said.chances[past, column], int(truth[past, column]))
        expected[row] = here.sets(said.chances[row])

    found = covered(one, {"a": scores}, truth, {"a": said}, K, np.array(starts))

    for column, cover in enumerate(found):
        known = (truth[:, column] >= 0) & np.isfinite(scores[:, column]).all(axis=1)
        held = expected[known, column]
        assert cover.rows == known.sum()
        assert cover.followed == held[np.arange(len(held)), truth[known, column]].mean()
        assert cover.followed_classes == held.sum(axis=1).mean()
    assert found[0].followed != found[0].came


@pytest.mark.parametrize("sharpness", [0.6, 1.5])
def test_they_hold_what_was_promised_where_the_market_has_changed(sharpness: float) -> None:
    before, labels = market(20_000, 1.0, 1)
    one = mixture(None)
    one = mixture(fit_sets(one.say({"a": before}).chances, labels))
    scores, truth = market(60_000, sharpness, 2)

    found = covered(one, {"a": scores}, truth, {"a": Said.by(one, {"a": scores})}, K, np.array([0]))

    for cover in found:
        assert abs(cover.came - 0.9) > 0.03
        assert abs(cover.followed - 0.9) < 0.015


def test_without_sets_all_classes_are_possible() -> None:
    scores, truth = market(50, 1.0, 1)

    found = covered(mixture(None), {"a": scores}, truth, {"a": Said.by(mixture(None), {"a": scores})}, K, np.array([0]))

    assert [(one.promised, one.came, one.followed, one.followed_classes) for one in found] == [(None, 1, 1, 3)] * 2
