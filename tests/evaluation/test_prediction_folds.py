import math

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import Predictions, PurgedKFold, evaluate_folds
from msray.evaluation.weighed import Confused


def table(seed: int = 1, rows: int = 300, length: int = 7) -> Predictions:
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    truth = (rng.random(rows) < score).astype(int)
    begin = np.arange(rows) * 2
    return Predictions.of_labels(truth, score, spans=np.column_stack([begin, begin + length]))


def test_folds_are_those_of_the_purged_splitter() -> None:
    found = evaluate_folds(table(), 5, purge_ns=3, embargo_ns=11)

    spans = table().spans
    assert spans is not None
    splitter = PurgedKFold(spans, 5, purge_ns=3, embargo_ns=11)
    for number, fold in enumerate(found.folds):
        one = splitter.describe(number)
        assert (fold.test_rows, fold.train_rows, fold.purged_rows, fold.embargoed_rows) == (
            one.test_rows,
            one.train_rows,
            one.purged_rows,
            one.embargoed_rows,
        )
    assert sum(fold.test_rows for fold in found.folds) == 300


def test_the_threshold_is_the_best_one_of_the_training_labels_alone() -> None:
    rows = table()
    assert rows.spans is not None

    found = evaluate_folds(rows, 3, purge_ns=0, embargo_ns=0)

    for fold, (train, test) in zip(
        found.folds, PurgedKFold(rows.spans, 3, purge_ns=0, embargo_ns=0).split(), strict=True
    ):

        def mcc(of: np.ndarray, threshold: float) -> float:
            return Confused(rows.truth[of], (rows.score[of] >= threshold).astype(np.int64)).mcc(np.ones(len(of)))

        best = max(mcc(train, threshold) for threshold in rows.score[train])
        assert mcc(train, fold.threshold) == pytest.approx(best)
        assert fold.figures["mcc"] == pytest.approx(mcc(test, fold.threshold))


def test_what_comes_in_a_fold_does_not_choose_its_threshold() -> None:
    rows = table()
    assert rows.spans is not None
    _, test = next(iter(PurgedKFold(rows.spans, 4).split()))
    other = rows.truth.copy()
    other[test] = 1 - other[test]

    before = evaluate_folds(rows, 4).folds[0]
    after = evaluate_folds(Predictions.of_labels(other, rows.score, spans=rows.spans), 4).folds[0]

    assert before.threshold == after.threshold
    assert before.figures["mcc"] == pytest.approx(-after.figures["mcc"])


def test_spread_is_over_the_folds_that_have_a_figure() -> None:
    truth, score = np.array([1, 1, 0, 1, 0, 1]), np.arange(6) / 6
    spans = np.column_stack([np.arange(6), np.arange(6)])

    found = evaluate_folds(Predictions.of_labels(truth, score, spans=spans), 3, ks=(1,), purge_ns=0, embargo_ns=0)

    areas = [fold.figures["roc_auc"] for fold in found.folds]
    assert math.isnan(areas[0])
    assert found.spread["roc_auc"] == {"mean": 1.0, "sd": 0.0, "least": 1.0, "most": 1.0}
    assert found.spread["base_rate"]["mean"] == pytest.approx(4 / 6)
    assert found.to_pandas().columns.tolist()[-3:] == ["roc_auc", "average_precision", "mcc"]


def test_named_directions_have_no_threshold() -> None:
    rng = np.random.default_rng(1)
    spans = np.column_stack([np.arange(60), np.arange(60)])
    rows = Predictions.of_directions(rng.integers(-1, 2, 60), rng.integers(-1, 2, 60), rng.random(60), spans=spans)

    found = evaluate_folds(rows, 3, purge_ns=0, embargo_ns=0)

    assert all(math.isnan(fold.threshold) for fold in found.folds)
    assert "direction_moved" in found.spread


def test_folds_need_to_know_when_labels_end() -> None:
    with pytest.raises(UsageError, match="spans must be known for folds"):
        evaluate_folds(Predictions.of_labels([1, 0], [0.1, 0.2]), 2)
