"""Rules without a network."""

import dataclasses

import numpy as np
import pytest

from msray.features import column
from msray.labels import next_mean_over_last_mean
from msray.models.classes import NO_LABEL
from msray.training import floors
from msray.training.config import LabelConfig
from msray.training.floors import FIVE, FLOORS
from msray.training.labels import changes, classes
from msray.training.rows import TrainingRows
from tests.training.made import CONFIG, a_problem, some_rows


def said(name: str, rows: TrainingRows | None = None) -> np.ndarray:
    problem = a_problem(rows)
    return FLOORS[name](problem.rows, problem.config, problem.thresholds, problem.of(problem.parts.train))


def test_each_says_a_class_of_each_row_and_horizon() -> None:
    for name in FLOORS:
        assert said(name).shape == (1200, 2)
        assert set(np.unique(said(name))) <= {0, 1, 2}


def test_majority_says_one_thing() -> None:
    assert all(len(set(column)) == 1 for column in said("majority").T)


def test_mean_reversion_says_the_opposite_of_persistence() -> None:
    np.testing.assert_array_equal(said("mean_reversion"), 2 - said("persistence"))


def test_imbalance_follows_its_sign() -> None:
    values = np.nan_to_num(a_problem().rows.values[:, 0])

    np.testing.assert_array_equal(said("imbalance")[:, 0], 1 + np.sign(values))


def test_persistence_is_the_part_of_a_label_that_is_known_before() -> None:
    """Where the mid stands still from now on, labels over a past mean are exactly what persistence says."""
    rows = some_rows(60, starts=(0,))
    rows.mid[30:] = rows.mid[30]
    config = LabelConfig(family="next_mean_over_last_mean", horizons=(5,), threshold_pct=1e-4)
    labels = classes(changes(rows, config), (1e-4,))

    found = FLOORS["persistence"](rows, config, (1e-4,), labels)

    assert len(next_mean_over_last_mean(rows.mid, 5, threshold_pct=1e-4)) > 0
    np.testing.assert_array_equal(found[30:50], labels[30:50])


def test_nothing_later_changes_what_is_said() -> None:
    rows = some_rows(100, starts=(0, 40))
    before = FLOORS["persistence"](rows, CONFIG, (1e-4, 1e-4), np.zeros((100, 2), np.int64))

    rows.mid[70:] += 50

    after = FLOORS["persistence"](rows, CONFIG, (1e-4, 1e-4), np.zeros((100, 2), np.int64))
    np.testing.assert_array_equal(after[:70], before[:70])


def test_logistic_is_better_than_the_commonest_class() -> None:
    problem = a_problem()
    test = slice(*problem.parts.test)
    known = problem.labels[test] != NO_LABEL

    found, least = ((said(name)[test] == problem.labels[test])[known].mean() for name in ("logistic", "majority"))

    assert found > least + 0.1


def test_logistic_learns_from_nothing_behind_the_training_rows() -> None:
    rows = some_rows()
    begin = a_problem().parts.valid[0]
    rows.values[begin:] *= -9.0
    rows.mid[begin:] = rows.mid[begin:][::-1]

    np.testing.assert_array_equal(said("logistic", rows)[:begin], said("logistic")[:begin])


def test_logistic_takes_what_is_unknown_for_usual() -> None:
    unknown, usual = some_rows(), some_rows()
    values = usual.values[: a_problem().parts.train[1] - max(CONFIG.horizons), 0]
    unknown.values[1000:, 0], usual.values[1000:, 0] = np.nan, np.nanmedian(values)

    np.testing.assert_array_equal(said("logistic", unknown), said("logistic", usual))


def test_logistic_looks_at_the_first_choice_of_each_feature_that_is_there() -> None:
    rows, rng = some_rows(), np.random.default_rng(3)
    names = ("bid_size_log_l1", "ask_size_log_l1", "imbalance_l10", "imbalance_l3")
    values = np.column_stack([np.zeros(len(rows)), -rows.values[:, 0], rows.values[:, 1], rng.normal(size=len(rows))])
    changed = dataclasses.replace(rows, names=names, values=values.astype(np.float32))
    before = said("logistic", changed)

    changed.values[:, 3] = 0

    np.testing.assert_array_equal(said("logistic", changed), before)
    changed.values[:, 2] = 0
    assert (said("logistic", changed) != before).any()


def test_all_that_logistic_may_look_at_is_a_feature() -> None:
    assert len(FIVE) == 5
    assert all(column(name) >= 0 for choices in FIVE.values() for some in choices for name in some)


@pytest.mark.parametrize("labels", [NO_LABEL, 2])
def test_where_fewer_than_two_classes_came_logistic_says_the_commonest(labels: int) -> None:
    rows, learned = some_rows(), np.full((1200, 2), labels)

    found = FLOORS["logistic"](rows, CONFIG, (0.0, 0.0), learned)

    np.testing.assert_array_equal(found, FLOORS["majority"](rows, CONFIG, (0.0, 0.0), learned))


def test_of_many_rows_logistic_learns_from_some_evenly_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, learned = a_problem(), a_problem().of(a_problem().parts.train)
    fewer = np.full_like(learned, NO_LABEL)
    for number, labels in enumerate(learned.T):
        some = np.flatnonzero(labels != NO_LABEL)[::4]
        fewer[some, number] = labels[some]
    monkeypatch.setattr(floors, "fit_scale", lambda values: (np.zeros(1, np.float32), np.ones(1, np.float32)))
    expected = FLOORS["logistic"](problem.rows, CONFIG, (0.0, 0.0), fewer)

    monkeypatch.setattr(floors, "MOST_ROWS", 180)

    np.testing.assert_array_equal(FLOORS["logistic"](problem.rows, CONFIG, (0.0, 0.0), learned), expected)
