"""Every figure beside its rival, with an interval that holds the truth as often as it says."""

import math

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import (
    JudgedFigure,
    PredictionReport,
    Predictions,
    classification_report,
    directional_accuracy,
    evaluate_predictions,
    ranking_report,
)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def figures(report: PredictionReport) -> dict[str, JudgedFigure]:
    return {one.name: one for one in report.figures}


def some_probabilities(seed: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    chance = rng(seed).beta(2, 4, rows)
    return (rng(seed + 1).random(rows) < chance).astype(int), chance


def test_figures_of_probabilities_are_those_of_the_reports() -> None:
    truth, chance = some_probabilities(3)

    found = figures(
        evaluate_predictions(Predictions.of_labels(truth, chance, is_probability=True), rng=rng(), draws=50)
    )

    ranking = ranking_report(chance, truth)
    report = classification_report(truth, (chance >= 0.5).astype(int), chance)
    assert report.probability is not None
    assert found["roc_auc"].value == pytest.approx(ranking.roc_auc)
    assert found["average_precision"].value == pytest.approx(ranking.average_precision)
    assert found["mcc"].value == pytest.approx(report.mcc)
    assert (found["brier"].value, found["brier"].rival) == (
        pytest.approx(report.probability.brier),
        pytest.approx(report.probability.brier_floor),
    )
    assert found["calibration_error"].value == pytest.approx(report.probability.ece_width)
    for one in ranking.top:
        mine = found[f"precision@{one.k}"]
        assert (mine.value, mine.low, mine.high, mine.rival) == (one.precision, one.low, one.high, one.base_rate)


def test_directions_are_judged_in_three_forms_and_by_three_labels() -> None:
    truth, said = rng(1).integers(-1, 2, 200), rng(2).integers(-1, 2, 200)

    found = figures(
        evaluate_predictions(Predictions.of_directions(truth, said, rng(3).random(200)), rng=rng(), draws=20)
    )

    expected = directional_accuracy(truth, said)
    for name in ("moved", "committed", "all"):
        one, mine = getattr(expected, name), found[f"direction_{name}"]
        assert (mine.value, mine.low, mine.high, mine.rival, mine.rows) == (
            one.accuracy,
            one.low,
            one.high,
            one.base_rate,
            one.rows,
        )
    assert found["mcc"].value == pytest.approx(classification_report(truth, said).mcc)


def test_no_figure_is_without_its_rival_and_its_interval() -> None:
    truth, chance = some_probabilities(5)

    for one in evaluate_predictions(
        Predictions.of_labels(truth, chance, is_probability=True), rng=rng(), draws=200
    ).figures:
        assert one.low <= one.value <= one.high or one.name == "calibration_error"
        assert one.name == "base_rate" or not math.isnan(one.rival)
        assert one.name == "base_rate" or one.rival_is


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 100 tables of worthless scores, 0.5 is in some 95 intervals of the area."""
    held = 0
    for seed in range(100):
        truth = (rng(seed).random(150) < 0.4).astype(int)
        report = evaluate_predictions(Predictions.of_labels(truth, rng(seed + 1000).random(150)), rng=rng(), draws=200)
        area = figures(report)["roc_auc"]
        held += area.low <= 0.5 <= area.high

    assert 88 <= held <= 100


def test_labels_that_overlap_make_wider_intervals() -> None:
    """Each outcome is there ten times, as labels of the same ten seconds are."""
    truth, chance = some_probabilities(7, 100)
    begin = np.arange(1000)

    widths = []
    for length in (0, 9):
        spans = np.column_stack([begin, begin + length])
        table = Predictions.of_labels(np.repeat(truth, 10), np.repeat(chance, 10), spans=spans)
        report = evaluate_predictions(table, rng=rng(), draws=300)
        area = figures(report)["roc_auc"]
        widths.append(area.high - area.low)
        assert report.mean_block >= length

    alone = figures(evaluate_predictions(Predictions.of_labels(truth, chance), rng=rng(), draws=300))["roc_auc"]
    assert widths[1] == pytest.approx(alone.high - alone.low, rel=0.3)


def test_labels_of_one_kind_leave_areas_undefined_and_raise_nothing() -> None:
    found = figures(evaluate_predictions(Predictions.of_labels([1, 1, 1], [0.1, 0.2, 0.3]), rng=rng(), draws=20))

    assert math.isnan(found["roc_auc"].value)
    assert math.isnan(found["mcc"].low)
    assert found["precision@1"].value == 1.0


def test_a_single_row_is_judged() -> None:
    found = figures(evaluate_predictions(Predictions.of_labels([1], [0.1]), rng=rng(), draws=20))

    assert (found["base_rate"].value, found["precision@20"].rows) == (1.0, 1)


def test_the_same_generator_gives_the_same_report() -> None:
    truth, chance = some_probabilities(9)
    table = Predictions.of_labels(truth, chance, is_probability=True)

    one, other = (evaluate_predictions(table, rng=rng(4), draws=30).as_dict() for _ in range(2))

    assert one == other


def test_wrong_parameters_are_refused() -> None:
    table = Predictions.of_labels([1, 0], [0.1, 0.2])
    nothing = Predictions.of_labels(np.zeros(0, int), np.zeros(0))

    for call, message in (
        (lambda: evaluate_predictions(nothing, rng=rng()), "at least one row, got none"),
        (lambda: evaluate_predictions(table, rng=rng(), draws=1), "draws must be 10 to"),
        (lambda: evaluate_predictions(table, rng=rng(), level=1.0), "level must be above 0"),
        (lambda: evaluate_predictions(table, rng=rng(), ks=(0,)), "ks must be 1 to"),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_a_report_is_a_table() -> None:
    table = evaluate_predictions(Predictions.of_labels([1, 0], [0.1, 0.2]), rng=rng(), draws=10).to_pandas()

    assert table.columns.tolist() == ["name", "value", "low", "high", "rival", "rival_is", "rows"]
