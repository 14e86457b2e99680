"""Times, periods, and random alarms in them."""

from typing import Any

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation import Watched


def test_random_alarms_are_as_many_and_uniform_over_the_periods() -> None:
    watched = Watched(onset_ns=[], alarm_ns=[5] * 30_000, periods=[(20, 24), (0, 6), (6, 8)])

    drawn = watched.random_alarms(np.random.default_rng(1))

    times, counts = np.unique(drawn, return_counts=True)
    assert times.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23]
    assert counts.sum() == 30_000
    assert (np.diff(drawn) >= 0).all()
    expected = 30_000 / 12
    assert ((counts - expected) ** 2 / expected).sum() < 31.3  # chi-squared, 11 degrees: 0.999


def test_leads_come_in_the_order_of_the_events() -> None:
    watched = Watched(onset_ns=[50, 20, 90, 20], alarm_ns=[45, 12, 15], periods=[(0, 100)])

    assert watched.leads(watched.alarm_ns, 10, 1).tolist() == [5, 8, -1, 5]


def test_nothing_happened_is_a_way_to_be_watched() -> None:
    watched = Watched(onset_ns=[], alarm_ns=[], periods=[(3, 10)])

    assert watched.watched_ns == 7
    assert len(watched.random_alarms(np.random.default_rng(1))) == len(watched.leads(watched.alarm_ns, 1, 0)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"onset_ns": [40]}, r"onset_ns must lie in the periods \(begin <= time < end\), got 40 in row 0"),
        ({"onset_ns": [100]}, "onset_ns must lie in the periods"),
        ({"alarm_ns": [-1]}, "alarm_ns must be 0 to .*, got -1 in row 0"),
        ({"alarm_ns": [1.5]}, "alarm_ns must be whole numbers in 1 dimension, got float64"),
        ({"periods": []}, "periods must be one or more rows of begin and end, got shape"),
        ({"periods": [(0.0, 1.0)]}, "periods must be whole numbers in 1 or 2 dimensions, got float64"),
        ({"periods": [(5, 5)]}, "periods must end after they begin .* got 5 to 5 after one that ends at 0"),
        ({"periods": [(-5, 5)]}, "periods must be 0 to .*, got -5 in row 0, column 0"),
        ({"periods": [(10, 20), (0, 11)]}, "and not overlap, got 10 to 20 after one that ends at 11"),
    ],
)
def test_times_that_were_not_watched_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Watched(**({"onset_ns": [], "alarm_ns": [], "periods": [(0, 40), (60, 100)]} | arguments))
