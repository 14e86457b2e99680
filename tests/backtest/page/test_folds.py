"""The rows of folds have the roles that a splitter gives."""

import numpy as np
import pytest

from msray.backtest.page.folds import COLUMNS, KINDS, MOST_FOLDS, fold_rows
from msray.evaluation import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role

SECOND = 1_000_000_000


def spans(count, lasts_s=30, every_s=10):
    begin = np.arange(count) * every_s * SECOND
    return np.column_stack([begin, begin + lasts_s * SECOND])


@pytest.mark.parametrize("splitter", [PurgedKFold, PurgedWalkForward, CombinatorialPurgedCV])
def test_every_label_has_the_kind_of_its_role(splitter):
    labels = spans(60)
    made = splitter(labels)

    for split, (_, row) in enumerate(fold_rows(labels, made)):
        kinds = [next(one.kind for one in row if one.begin_ns <= begin < one.end_ns) for begin in labels[:, 0].tolist()]
        assert kinds == [KINDS[Role(role)] for role in made.roles(split).tolist()]


def test_a_span_begins_where_its_first_label_does_and_rows_cover_the_whole_time():
    labels = spans(50)

    rows = fold_rows(labels, PurgedKFold(labels, 5, purge_ns=0, embargo_ns=20 * SECOND))

    tests = [one.begin_ns for _, row in rows for one in row if one.kind == "test"]
    assert tests == [at * SECOND for at in (0, 100, 200, 300, 400)]
    for _, row in rows:
        assert [one.end_ns for one in row[:-1]] == [one.begin_ns for one in row[1:]]
        assert (row[0].begin_ns, row[-1].end_ns) == (0, int(labels[-1, 1]))


def test_the_order_of_labels_does_not_matter():
    labels = spans(40)
    shuffled = labels[np.random.default_rng(1).permutation(40)]

    assert fold_rows(labels, PurgedKFold(labels)) == fold_rows(shuffled, PurgedKFold(shuffled))


def test_many_labels_and_folds_make_rows_of_bounded_size():
    labels = spans(20_000, lasts_s=1, every_s=3)
    splitter = CombinatorialPurgedCV(labels, 10, 3)

    rows = fold_rows(labels, splitter)

    assert splitter.get_n_splits() > MOST_FOLDS
    assert len(rows) == MOST_FOLDS
    assert all(len(row) <= COLUMNS for _, row in rows)
