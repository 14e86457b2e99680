"""What is found about a model's words, on rows whose answer is known."""

import dataclasses

import numpy as np
import pytest

from msray.training.config import LabelConfig
from msray.training.findings import look_into
from msray.training.fit import make_problem, pose
from msray.training.floors import persistence
from msray.training.judging import Said
from msray.training.parts import by_share
from tests.training.made import TRAINED, a_report, known_rows


def one_who_knows(sureness: float) -> tuple:
    """What one says who knows all labels, and how sure he is."""
    problem = pose(TRAINED, [known_rows()])
    part = problem.parts.test
    truth = problem.of(part)[slice(*part)]
    chances = np.full((*truth.shape, 3), (1 - sureness) / 2)
    np.put_along_axis(chances, np.maximum(truth, 0)[..., None], sureness, axis=2)
    return problem, part, truth, Said(classes=chances.argmax(axis=2), chances=chances)


def test_who_knows_is_never_wrong_and_has_the_whole_move() -> None:
    problem, part, truth, said = one_who_knows(0.8)

    for column, found in enumerate(look_into(problem, part, said)):
        known = truth[:, column] >= 0
        change = np.abs(problem.found.change[slice(*part), column][known & (truth[:, column] != 1)])
        assert (found.wrong == 0).all()
        assert found.covered[-1] == 1.0
        assert found.confusion.sum() == np.trace(found.confusion) == known.sum()
        assert found.reliability.ece == pytest.approx(0.2)
        assert found.edge.bps[-1] > 0
        assert np.nanmean(found.edge.right) == 1.0
        moved = found.confusion[0, 0] + found.confusion[2, 2]
        assert found.edge.bps.mean() * known.sum() / moved == pytest.approx(change.mean() * 1e4, rel=0.05)
        assert (found.edge.half_spread_bps == 2.5).all()


@pytest.mark.parametrize("family", ["next_mean_over_last_mean", "later_mean_over_last_mean"])
def test_who_repeats_what_is_past_has_no_edge_on_a_random_walk(family: str) -> None:
    rows = known_rows(20_000)
    walk = 2_000_000 + np.cumsum(np.random.default_rng(0).integers(-3, 4, len(rows)))
    labels = LabelConfig(family=family, horizons=(5,), smoothing=5)
    problem = make_problem(dataclasses.replace(rows, mid=walk), labels, by_share(len(rows)))
    part = problem.parts.test
    past = persistence(problem.rows, labels, problem.thresholds, problem.labels)[slice(*part)]
    said = Said(classes=past, chances=0.1 + 0.7 * np.eye(3)[past])

    [found] = look_into(problem, part, said)

    assert np.nanmean(found.edge.right) > 0.6  # much of the label is past
    assert np.abs(found.edge.bps).mean() < 0.005
    assert np.nanmean(np.abs(problem.found.change)) * 1e4 > 0.01


def test_who_says_the_opposite_loses_as_much() -> None:
    problem, part, _, said = one_who_knows(0.8)
    assert said.chances is not None
    turned = Said(classes=2 - said.classes, chances=said.chances[..., ::-1])

    found, other = look_into(problem, part, said)[0], look_into(problem, part, turned)[0]

    np.testing.assert_allclose(other.edge.bps, -found.edge.bps)
    assert np.nanmax(other.edge.right) == 0.0


def test_the_verdict_names_the_best_and_says_what_its_edge_is_worth() -> None:
    report = a_report()

    best = report.selection.best
    assert report.verdict.startswith(f"{best} is the best of 3 models: macro F1 0.")
    # What is planted is linear: the rule logistic is as good.
    assert "not shown to be better than the best rule without a network at 2 and 5" in report.verdict
    edges = ", ".join(f"{one.edge.bps[-1]:+.2f}" for one in report.findings[best])
    assert f"the mid went {edges} bps its way, beside a spread of 5.00: more than it at " in report.verdict
    assert report.verdict.endswith(", fees not counted.")
    told = report.as_dict()
    assert {one["name"] for one in told["figures"]} > {"majority", "persistence", "gru", "lstm", "ensemble"}
    assert told["rows"] == {"train": 720, "valid": 240, "test": 240}
    assert [one["key"] for one in told["trainings"]] == ["gru-0", "gru-1", "lstm-0"]
