"""Labels and probabilities against scikit-learn, hand counts and those who know nothing."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from msray.errors import UsageError
from msray.evaluation import ClassificationReport, classification_report

CONFUSION = [[30, 10, 0], [5, 40, 5], [10, 0, 20]]


def rows(confusion: list[list[int]], known: tuple[int, ...] = (-1, 0, 1)) -> tuple[list[int], list[int]]:
    """True and predicted labels that have this confusion."""
    pairs = [
        (true, said) for i, true in enumerate(known) for j, said in enumerate(known) for _ in range(confusion[i][j])
    ]
    return [true for true, _ in pairs], [said for _, said in pairs]


def random_rows(seed: int, classes: int, n: int = 300) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    known = np.array([-1, 0, 1])[3 - classes :]
    chances = rng.dirichlet(np.ones(classes), n)
    truth = np.array([rng.choice(known, p=row) for row in chances])
    return truth, known[chances.argmax(axis=1)], chances, rng.random(n)


def figures(report: ClassificationReport) -> dict[str, Any]:
    assert report.probability is not None
    return asdict(report.probability)


def test_figures_are_those_of_the_confusion_by_hand() -> None:
    report = classification_report(*rows(CONFUSION))

    assert report.confusion.tolist() == CONFUSION
    assert report.accuracy == 90 / 120
    down, flat, up = report.classes
    assert (down.rows, flat.rows, up.rows) == (40, 50, 30)
    assert (down.base_rate, down.precision, down.recall) == pytest.approx((40 / 120, 30 / 45, 30 / 40))
    assert (flat.precision, flat.recall) == pytest.approx((40 / 50, 40 / 50))
    assert (up.precision, up.recall, up.f1) == pytest.approx((20 / 25, 20 / 30, 40 / 55))
    assert report.macro_f1 == pytest.approx((60 / 85 + 0.8 + 40 / 55) / 3)
    assert report.weighted_f1 == pytest.approx((40 * 60 / 85 + 50 * 0.8 + 30 * 40 / 55) / 120)
    # Gorodkin (2004): covariance of the labels over the root of their variances.
    total = 120 * 90 - (40 * 45 + 50 * 50 + 30 * 25)
    spread = (120**2 - 45**2 - 50**2 - 25**2) * (120**2 - 40**2 - 50**2 - 30**2)
    assert report.mcc == pytest.approx(total / math.sqrt(spread))


def test_floors_are_those_of_always_predicting_the_commonest_label() -> None:
    truth, predicted = rows(CONFUSION)

    report = classification_report(truth, predicted)
    floor = classification_report(truth, [0] * len(truth))

    assert (report.majority_accuracy, report.majority_macro_f1) == (floor.accuracy, pytest.approx(floor.macro_f1))
    assert floor.mcc == 0.0
    assert math.isnan(floor.classes[0].precision)
    assert floor.classes[0].recall == floor.classes[0].f1 == 0.0


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_figures_are_those_of_scikit_learn(classes: int, is_weighted: bool) -> None:
    truth, predicted, chances, weight = random_rows(1, classes)
    w = weight if is_weighted else None

    report = classification_report(truth, predicted, chances, weight=w)

    assert report.accuracy == pytest.approx(metrics.accuracy_score(truth, predicted, sample_weight=w))
    assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="macro", sample_weight=w))
    assert report.weighted_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="weighted", sample_weight=w))
    assert report.mcc == pytest.approx(metrics.matthews_corrcoef(truth, predicted, sample_weight=w))
    assert report.confusion == pytest.approx(metrics.confusion_matrix(truth, predicted, sample_weight=w))
    assert report.probability is not None
    stated = chances[:, 1] if classes == 2 else chances
    assert report.probability.brier == pytest.approx(metrics.brier_score_loss(truth, stated, sample_weight=w))
    assert report.probability.log_loss == pytest.approx(metrics.log_loss(truth, stated, sample_weight=w))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_weight_counts_as_so_many_rows(classes: int) -> None:
    truth, predicted, chances, _ = random_rows(2, classes)
    weight = np.random.default_rng(3).integers(0, 4, len(truth))

    weighted = classification_report(truth, predicted, chances, weight=weight)
    repeated = classification_report(*(np.repeat(column, weight, axis=0) for column in (truth, predicted, chances)))

    assert figures(weighted) == pytest.approx(figures(repeated))
    for name in ("accuracy", "majority_accuracy", "macro_f1", "majority_macro_f1", "weighted_f1", "mcc"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name


@pytest.mark.parametrize("classes", [2, 3])
def test_floors_of_probabilities_are_those_of_the_base_rates(classes: int) -> None:
    truth, predicted, chances, _ = random_rows(4, classes)
    base = [one.base_rate for one in classification_report(truth, predicted).classes]

    score = classification_report(truth, predicted, chances).probability
    floor = classification_report(truth, predicted, np.tile(base, (len(truth), 1))).probability

    assert score is not None
    assert floor is not None
    assert (score.brier_floor, score.log_loss_floor) == pytest.approx((floor.brier, floor.log_loss))
    assert score.brier < score.brier_floor
    assert score.log_loss < score.log_loss_floor
    if classes == 2:
        assert floor.ece_width == floor.ece_mass == pytest.approx(0.0)


def test_one_column_is_the_probability_of_label_1() -> None:
    truth, p = [1, 0, 1, 0], np.array([0.9, 0.2, 0.6, 0.4], np.float32)

    one = figures(classification_report(truth, [1, 0, 1, 0], p))
    two = figures(classification_report(truth, [1, 0, 1, 0], np.column_stack((1 - p, p))))

    assert one == pytest.approx(two, rel=1e-6)
    assert one["brier"] == pytest.approx((0.01 + 0.04 + 0.16 + 0.16) / 4)
    assert one["ece_width"] == pytest.approx((0.1 + 0.2 + 0.4 + 0.4) / 4)


def test_calibration_of_three_labels_is_that_of_the_likeliest() -> None:
    chances = [[0.6, 0.3, 0.1]] * 10

    score = classification_report([-1] * 6 + [1] * 4, [0] * 10, chances).probability

    assert score is not None
    assert score.ece_width == score.ece_mass == pytest.approx(0.0)
    assert score.bins == 15


def test_truth_of_one_label_has_no_correlation() -> None:
    report = classification_report([0, 0, 0], [0, 1, 0], weight=[0.1, 0.2, 0.3])

    assert math.isnan(report.mcc)
    assert report.majority_accuracy == report.majority_macro_f1 == pytest.approx(1.0)
    assert math.isnan(report.classes[1].recall)
    assert report.classes[1].f1 == 0.0


def test_a_label_that_neither_came_nor_was_predicted_counts_for_nothing() -> None:
    truth, predicted = [-1, 1, 1, -1], [-1, 1, -1, -1]

    report = classification_report(truth, predicted)

    assert [one.label for one in report.classes] == [-1, 0, 1]
    assert math.isnan(report.classes[1].f1)
    assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))


def test_table_has_a_row_a_label_with_its_row_of_the_confusion() -> None:
    table = classification_report(*rows(CONFUSION)).to_pandas()

    assert table["label"].tolist() == [-1, 0, 1]
    assert table[["predicted_as_-1", "predicted_as_0", "predicted_as_1"]].to_numpy().tolist() == CONFUSION


def test_shuffled_labels_are_worth_nothing() -> None:
    truth, predicted, chances, _ = random_rows(5, 3, n=3_000)

    def report(order: Any) -> ClassificationReport:
        return classification_report(truth, predicted[order], chances[order])

    honest = report(np.arange(3_000))
    shuffled = [report(np.random.default_rng(seed).permutation(3_000)) for seed in range(20)]
    assert honest.mcc > 0.3
    assert np.mean([one.mcc for one in shuffled]) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"truth": [], "predicted": []}, "at least one row must count, got 0 rows"),
        ({"weight": [0, 0]}, "at least one row must count, got 2 rows of weight 0"),
        ({"truth": [0, 2]}, "truth must be -1 or 0 or 1, got 2 in row 1"),
        ({"truth": [0.0, math.nan]}, "truth must be -1 or 0 or 1, got nan in row 1"),
        ({"predicted": [0, 1, 1]}, "predicted must have 2 rows as the others have, got 3"),
        ({"probability": [0.5]}, "probability must have 2 rows"),
        ({"probability": [0.5, 1.5]}, "probability must be 0 to 1, got 1.5 in row 1"),
        ({"probability": [0.5, math.nan]}, "probability must be 0 to 1, got nan in row 1"),
        ({"probability": [[0.5, 0.4], [0.5, 0.5]]}, "probability must sum to 1 in each row, got 0.9"),
        ({"probability": [[1.0], [1.0]]}, "probability must have 2 or 3 columns, got 1"),
        ({"probability": [[[1.0]]]}, "probability must be numbers in 1 or 2 dimensions"),
        ({"truth": [-1, 1], "probability": [0.5, 0.5]}, "probability must have a column for each of the labels -1"),
        ({"probability": [0.5, 0.5], "bins": 0}, "bins must be 1 to 1000, got 0"),
    ],
)
def test_what_cannot_be_judged_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        classification_report(**({"truth": [0, 1], "predicted": [1, 1]} | arguments))
