"""The three forms of directional accuracy."""

import math

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import directional_accuracy, wilson_interval

TRUTH = [1, 1, 1, 1, -1, -1, 0, 0, 0, 0]
PREDICTED = [1, 1, 0, -1, -1, 0, 0, 0, 1, -1]


def test_moved_counts_rows_that_moved_and_flat_as_wrong() -> None:
    score = directional_accuracy(TRUTH, PREDICTED).moved

    assert (score.rows, score.coverage) == (6, 0.6)
    assert score.accuracy == 3 / 6
    assert (score.low, score.high) == wilson_interval(3, 6)
    assert score.base_rate == 4 / 6


def test_committed_counts_rows_that_moved_and_were_said_to() -> None:
    score = directional_accuracy(TRUTH, PREDICTED).committed

    assert (score.rows, score.coverage) == (4, 0.4)
    assert score.accuracy == 3 / 4
    assert score.base_rate == 3 / 4


def test_all_counts_every_row_beside_the_majority() -> None:
    score = directional_accuracy(TRUTH, PREDICTED, level=0.8).all

    assert (score.rows, score.coverage) == (10, 1.0)
    assert score.accuracy == 5 / 10
    assert (score.low, score.high) == wilson_interval(5, 10, level=0.8)
    assert score.base_rate == 4 / 10


def test_base_rate_is_what_always_saying_the_commonest_reaches() -> None:
    truth = np.random.default_rng(1).choice([-1, 0, 1], size=500, p=[0.2, 0.5, 0.3])

    always_up = directional_accuracy(truth, np.ones(500, int))
    always_flat = directional_accuracy(truth, np.zeros(500))

    assert always_up.moved == always_up.committed
    assert always_up.moved.accuracy == always_up.moved.base_rate
    assert always_flat.all.accuracy == always_flat.all.base_rate
    assert always_flat.moved.accuracy == 0.0


def test_nothing_that_counts_is_nothing_known() -> None:
    flat, empty = directional_accuracy([0, 0], [0, 1]), directional_accuracy([], [])

    assert (flat.moved.rows, flat.moved.coverage) == (0, 0.0)
    assert math.isnan(flat.moved.accuracy)
    assert (flat.moved.low, flat.moved.high) == (0.0, 1.0)
    assert math.isnan(empty.all.coverage)


def test_table_has_a_row_a_form() -> None:
    table = directional_accuracy(TRUTH, PREDICTED).to_pandas()

    assert table.index.tolist() == ["moved", "committed", "all"]
    assert table["coverage"].tolist() == [0.6, 0.4, 1.0]


def test_other_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="predicted must be -1 or 0 or 1, got 2 in row 0"):
        directional_accuracy([1], [2])
    with pytest.raises(UsageError, match="predicted must have 1 rows"):
        directional_accuracy([1], [1, 1])
