"""Rules without a network."""

import numpy as np

from msray.labels import next_mean_over_last_mean
from msray.training.floors import FLOORS
from msray.training.labels import LabelConfig, changes, classes
from tests.training.made import CONFIG, a_problem, some_rows


def said(name: str) -> np.ndarray:
    problem = a_problem()
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
