"""Measures of weighed rows, against scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from msray.evaluation import Predictions, classification_report, reliability_diagram
from msray.evaluation.weighed import BINS, Confused, Measures, Ranked, Stated

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, rows=st.integers(2, 60), values=st.integers(1, 12))
def test_areas_are_scikit_learns_with_ties_and_weights(seed: int, rows: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    score, hit = rng.integers(0, values, rows) / values, rng.random(rows) < 0.4
    weight = rng.integers(0, 4, rows).astype(float)

    area, precision = Ranked(score, hit).areas(weight)

    counted = hit[weight > 0]
    if len(set(counted.tolist())) < 2:
        assert math.isnan(area)
        assert math.isnan(precision)
    else:
        assert area == pytest.approx(metrics.roc_auc_score(hit, score, sample_weight=weight), abs=1e-12)
        assert precision == pytest.approx(metrics.average_precision_score(hit, score, sample_weight=weight), abs=1e-12)


@given(seed=SEEDS, rows=st.integers(2, 60), labels=st.sampled_from([(0, 1), (-1, 0, 1)]))
def test_correlation_is_scikit_learns(seed: int, rows: int, labels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    truth, said = rng.choice(labels, rows), rng.choice(labels, rows)
    weight = rng.integers(0, 4, rows).astype(float)

    found = Confused(truth, said).mcc(weight)

    if len(set(truth[weight > 0].tolist())) < 2:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(metrics.matthews_corrcoef(truth, said, sample_weight=weight), abs=1e-12)


@given(seed=SEEDS, rows=st.integers(2, 60), labels=st.sampled_from([2, 3]))
def test_brier_score_and_calibration_error_are_those_of_the_report(seed: int, rows: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(labels), rows)
    known = np.array([0, 1] if labels == 2 else [-1, 0, 1])
    truth, weight = rng.choice(known, rows), rng.integers(1, 4, rows).astype(float)

    stated = Stated(chances, truth[:, None] == known, BINS)

    report = classification_report(truth, truth, chances, weight=weight, bins=BINS).probability
    assert report is not None
    assert stated.brier(weight) == pytest.approx(report.brier, abs=1e-12)
    assert stated.ece(weight) == pytest.approx(report.ece_width, abs=1e-12)


def test_calibrated_probabilities_have_some_calibration_error_and_less_in_more_rows() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(10_000)

    few, many = (
        Stated(np.column_stack([1 - p, p])[:rows], np.zeros((rows, 2), bool), BINS).calibrated_ece(50, rng)
        for rows in (100, 10_000)
    )

    assert 0.05 < few < 0.2
    assert many < few / 5
    drawn = reliability_diagram(p, rng.random(len(p)) < p, bins=BINS).ece
    assert drawn == pytest.approx(many, rel=0.5)


def test_a_table_has_the_measures_that_it_can_have() -> None:
    ranked = Predictions.of_signals([1, -1], [0, 0], [0.5, 0.6], [1, 0], spans=[[0, 1], [1, 2]])
    stated = Predictions.of_labels([0, 1], [0.2, 0.9], is_probability=True)

    assert list(Measures(ranked, 0.5).of(np.ones(2))) == ["roc_auc", "average_precision"]
    assert Measures(stated, 0.5).of(np.ones(2)) == {
        "roc_auc": 1.0,
        "average_precision": 1.0,
        "mcc": 1.0,
        "brier": pytest.approx(0.025),
        "calibration_error": pytest.approx(0.15),
    }
