import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import Predictions


def test_rows_are_put_in_the_order_of_their_labels() -> None:
    table = Predictions.of_labels([1, 0, 1], [0.3, 0.2, 0.1], spans=[[20, 30], [0, 5], [10, 40]])

    assert table.score.tolist() == [0.2, 0.1, 0.3]
    assert table.is_hit.tolist() == [False, True, True]


def test_a_direction_is_a_hit_where_it_came_and_as_sure_as_its_probability() -> None:
    table = Predictions.of_directions([1, 0, -1], [1, 1, -1], probability=[[0.1, 0.2, 0.7], [0, 0, 1], [0.5, 0.3, 0.2]])

    assert table.is_hit.tolist() == [True, False, True]
    assert table.score.tolist() == [0.7, 1.0, 0.5]


def test_a_signal_without_a_side_names_no_direction() -> None:
    table = Predictions.of_signals([1, -1], [0, -1], [0.6, 0.7], [1, 1], spans=[[0, 5], [1, 6]], random_rate=0.25)

    assert table.is_named.tolist() == [False, True]
    assert table.random_rate == table.rows(np.array([1])).random_rate == 0.25


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Predictions.of_labels([2], [0.5]), "label must be 0 or 1, got 2"),
        (lambda: Predictions.of_labels([1], [0.5, 0.1]), "score must have 1 rows"),
        (lambda: Predictions.of_labels([1], [float("nan")]), "score must be -1e\\+100 to 1e\\+100"),
        (lambda: Predictions.of_labels([1], [1.5], is_probability=True), "probability must be 0 to 1, got 1.5 to 1.5"),
        (lambda: Predictions.of_labels([1], [0.5], spans=[[0, 1], [1, 2]]), "spans must have 1 rows"),
        (lambda: Predictions.of_labels([1], [0.5], spans=[[3, 1]]), "spans must not end before they begin"),
        (lambda: Predictions.of_directions([1], [1]), "score must be given where there are no probabilities"),
        (lambda: Predictions.of_directions([1], [3], [0.5]), "direction must be -1 or 0 or 1, got 3"),
        (lambda: Predictions.of_directions([1], [1], probability=[[0.5, 0.5]]), "probability must have 3 columns"),
        (lambda: Predictions.of_directions([1], [1], probability=[[0.5, 0.5, 0.5]]), "sum to 1 in each row, got 1.5"),
        (lambda: Predictions.of_signals([1], [1], [0.5], [2], spans=[[0, 1]]), "is_hit must be 0 or 1, got 2"),
    ],
)
def test_wrong_tables_are_refused(made: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made()  # type: ignore[operator]
