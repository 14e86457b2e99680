"""Training rows: stretches, and how a replay becomes them."""

import numpy as np
import pytest

from msray.errors import UsageError
from msray.training.rows import RowRecorder, TrainingRows, joined
from tests.training.made import some_rows


def test_each_row_knows_how_many_of_its_stretch_are_before_it() -> None:
    rows = some_rows(7, starts=(0, 3))

    assert rows.since.tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert rows.ends.tolist() == [3, 7]


def test_joined_rows_begin_a_new_stretch() -> None:
    first, second = some_rows(5, starts=(0, 2)), some_rows(4, starts=(0,))

    both = joined([first, second])

    assert both.starts.tolist() == [0, 2, 5]
    np.testing.assert_array_equal(both.values[5:], second.values)


@pytest.mark.parametrize("starts", [(), (1,), (0, 0), (0, 5), (0, 3, 2)])
def test_starts_that_are_none_are_refused(starts: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="starts must rise from 0"):
        some_rows(5, starts=starts)


def test_rows_of_other_features_are_not_joined() -> None:
    rows = some_rows(5, starts=(0,))
    other = TrainingRows(
        names=("x", "a", "b", "c"), values=rows.values, mid=rows.mid, event_ns=rows.event_ns, starts=rows.starts
    )

    with pytest.raises(UsageError, match="same features"):
        joined([rows, other])
    with pytest.raises(UsageError, match="at least one table"):
        joined([])


def test_nothing_recorded_is_a_table_without_rows() -> None:
    assert len(RowRecorder(["spread_bps"]).take()) == 0
