"""The audit on splits whose faults are known."""

from typing import Any

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import SplitAudit, audit_splits
from tests.evaluation.labels import bars, random_spans

FOUR = [[0, 5], [5, 9], [10, 12], [20, 30]]


def found(train: list[int], test: list[int], **words: Any) -> tuple[int, int, int]:
    audit = audit_splits([(train, test)], FOUR, **words)
    return audit.overlapping_pairs, audit.leaking_rows, audit.needless_rows


def test_one_shared_instant_is_an_overlap() -> None:
    assert found([1, 2, 3], [0]) == (1, 1, 0)


def test_a_pair_counts_each_and_a_row_once() -> None:
    assert audit_splits([([0], [1, 2])], [[0, 9], [1, 2], [3, 4]]) == SplitAudit(
        overlapping_pairs=2, leaking_rows=1, needless_rows=0
    )


def test_what_is_left_out_without_an_overlap_is_needless() -> None:
    assert found([3], [0]) == (0, 0, 1)


def test_margins_are_claimed_by_the_test_labels() -> None:
    assert found([0, 3], [2], purge_ns=1) == (0, 0, 0)
    assert found([0, 1, 3], [2], purge_ns=1) == (1, 1, 0)
    assert found([0, 1, 3], [2], embargo_ns=8) == (1, 1, 0)
    assert found([0, 1, 3], [2], embargo_ns=7) == (0, 0, 0)


def test_an_embargo_without_end_claims_all_that_comes_after() -> None:
    assert found([0], [1], embargo_ns=None) == (1, 1, 0)
    assert found([0], [2], embargo_ns=None) == (0, 0, 1)
    assert found([3], [2], embargo_ns=None) == (1, 1, 2)


def test_a_row_on_both_sides_overlaps_itself() -> None:
    assert found([2], [2, 3]) == (1, 1, 2)


def test_rows_without_purging_leak_as_counted_by_hand() -> None:
    """Labels of ten bars, the middle fold of three: nine labels reach in from before, nine out of it."""
    rows = np.arange(90)
    test = rows[30:60]

    audit = audit_splits([(np.delete(rows, test), test)], bars(90, 9))

    assert audit.leaking_rows == 18
    assert audit.overlapping_pairs == 2 * sum(range(1, 10))


def test_many_labels_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    spans, rows = random_spans(1, 300), np.arange(300)
    splits = [(rows[::2], rows[1::2])]
    whole = audit_splits(splits, spans)

    monkeypatch.setattr("msray.evaluation.split_audit._PAIRS_AT_ONCE", 1000)

    assert audit_splits(splits, spans) == whole


def test_without_splits_nothing_is_wrong() -> None:
    assert audit_splits([], FOUR) == SplitAudit(overlapping_pairs=0, leaking_rows=0, needless_rows=0)


@pytest.mark.parametrize("rows", [[4], [-1], [0.5], [True]])
def test_rows_that_are_not_there_are_refused(rows: list[Any]) -> None:
    with pytest.raises(UsageError, match="rows must be numbers from 0 to 3"):
        audit_splits([(rows, [0])], FOUR)
