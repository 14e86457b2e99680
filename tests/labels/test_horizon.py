"""Fixed-horizon labels: what each family compares, exactly."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.labels import (
    HorizonLabels,
    later_mean_over_last_mean,
    later_mid_over_mid,
    next_mean_over_last_mean,
    next_mean_over_mid,
)
from tests.naive import labels as naive

Family = Callable[..., HorizonLabels]
FAMILIES: dict[str, tuple[Family, Callable[[int], tuple[int, int]]]] = {
    "plain": (later_mid_over_mid, lambda k: (1, 1)),
    "FI-2010": (next_mean_over_mid, lambda k: (1, k)),
    "DeepLOB": (next_mean_over_last_mean, lambda k: (k, k)),
    "TLOB": (
        lambda mid, k, **w: later_mean_over_last_mean(mid, k, smoothing=(k + 1) // 2, **w),
        lambda k: ((k + 1) // 2,) * 2,
    ),
}
MIDS = st.lists(st.integers(990, 1010), max_size=30)


@pytest.mark.parametrize("family", FAMILIES)
@given(mid=MIDS, k=st.integers(1, 8), threshold=st.sampled_from([0.0, 0.001, 0.003]))
def test_each_family_is_exactly_its_definition(family: str, mid: list[int], k: int, threshold: float) -> None:
    function, windows = FAMILIES[family]
    past, future = windows(k)

    labels = function(mid, k, threshold_pct=threshold)

    rows = range(past - 1, len(mid) - k)
    changes = [naive.change(mid, t, past=past, future=future, horizon=k) for t in rows]
    assert labels.row.tolist() == list(rows)
    assert labels.end_row.tolist() == [t + k for t in rows]
    assert labels.change.tolist() == [float(change) for change in changes]
    assert labels.label.tolist() == [(float(c) > threshold) - (float(c) < -threshold) for c in changes]


@pytest.mark.parametrize("family", FAMILIES)
@given(mid=MIDS, k=st.integers(1, 8))
def test_floats_give_the_labels_of_their_ticks(family: str, mid: list[int], k: int) -> None:
    function, _ = FAMILIES[family]

    for threshold in (0.0, 0.00151):  # 0.00151 of such mids is never met exactly
        ticks = function(mid, k, threshold_pct=threshold)
        floats = function([tick * 0.01 for tick in mid], k, threshold_pct=threshold)

        assert np.allclose(floats.change, ticks.change, rtol=0.0, atol=3e-12)
        assert floats.label.tolist() == ticks.label.tolist()


def test_two_mids_and_two_means_by_hand() -> None:
    mid = [100, 101, 102, 104, 103, 101]

    assert later_mid_over_mid(mid, 2, threshold_pct=0.01).change.tolist() == [2 / 100, 3 / 101, 1 / 102, -3 / 104]
    assert next_mean_over_mid(mid, 2, threshold_pct=0.01).change.tolist() == [3 / 200, 4 / 202, 3 / 204, -4 / 208]
    assert next_mean_over_last_mean(mid, 2, threshold_pct=0.01).change.tolist() == [5 / 201, 4 / 203, -2 / 206]
    smoothed = later_mean_over_last_mean(mid, 3, smoothing=2, threshold_pct=0.01)
    assert smoothed.change.tolist() == [6 / 201, 1 / 203]
    assert (smoothed.row.tolist(), smoothed.end_row.tolist()) == ([1, 2], [4, 5])
    assert smoothed.label.tolist() == [1, 0]


@given(mid=MIDS, k=st.integers(1, 8))
def test_the_ends_of_smoothing_are_the_other_families(mid: list[int], k: int) -> None:
    for smoothing, same in ((1, later_mid_over_mid), (k, next_mean_over_last_mean)):
        smoothed = later_mean_over_last_mean(mid, k, smoothing=smoothing, threshold_pct=0.001)

        assert smoothed.change.tolist() == same(mid, k, threshold_pct=0.001).change.tolist()


def test_a_window_that_does_not_move_is_level_wherever_it_stands() -> None:
    """Running float sums of these would make ups and downs of rounding."""
    mid = np.concatenate([np.random.default_rng(1).uniform(90, 110, 10_000), np.full(1_000, 100.1)])

    for function, _ in FAMILIES.values():
        labels = function(mid, 100, threshold_pct=0.0)
        assert not labels.label[labels.row >= 10_100].any()
        assert labels.label[labels.row < 10_000].all()


@given(mid=st.lists(st.floats(50, 150), min_size=1, max_size=30), k=st.integers(1, 5), cut=st.integers(1, 30))
def test_what_comes_after_the_last_row_of_a_label_changes_nothing(mid: list[float], k: int, cut: int) -> None:
    for function, _ in FAMILIES.values():
        whole, part = function(mid, k, threshold_pct=0.01), function(mid[:cut], k, threshold_pct=0.01)

        assert part.change.tolist() == whole.change[whole.end_row < cut].tolist()


def test_rounding_is_no_change() -> None:
    """(9.90 + 9.92) / 2 is 9.91, which it is not once they are integers."""
    for mid in ([9.91, 9.90, 9.92], [9.91, 9.92, 9.90], [991, 990, 992]):
        assert next_mean_over_mid(mid, 2, threshold_pct=0.0).label.tolist() == [0]


def test_a_threshold_is_no_change_yet() -> None:
    assert later_mid_over_mid([1000, 1002, 1000], 1, threshold_pct=0.002).label.tolist() == [0, 0]
    assert later_mid_over_mid([1000, 1002, 999], 1, threshold_pct=0.0019).label.tolist() == [1, -1]


def test_spans_are_from_the_row_to_its_last_one() -> None:
    labels = next_mean_over_last_mean([100, 101, 102, 104], 2, threshold_pct=0.001)

    assert labels.spans([5, 6, 8, 11]).tolist() == [[6, 11]]
    with pytest.raises(UsageError, match="at_ns must have a time for each row of the mid, got 3"):
        labels.spans([5, 6, 8])


def test_labels_are_a_table() -> None:
    table = later_mid_over_mid([100, 101], 1, threshold_pct=0.0).to_pandas()

    assert table.to_dict("list") == {"row": [0], "end_row": [1], "label": [1], "change": [0.01]}


@pytest.mark.parametrize("mid", [[], [100], [100, 101]])
def test_too_few_rows_have_no_label(mid: list[int]) -> None:
    for function, _ in FAMILIES.values():
        labels = function(mid, 2, threshold_pct=0.0)
        assert len(labels) == 0
        assert labels.spans([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("mid", "words", "message"),
    [
        ([100, math.nan], {}, r"mid must be above 0 to 1e\+100, got nan in row 1"),
        ([100, 0], {}, r"mid must be above 0 to 1e\+100, got 0.0 in row 1"),
        ([[100, 1], [100]], {}, "mid must be numbers, got rows of several lengths"),
        ([100.0, 1e-7], {}, "mid must not fall below a millionth of the first"),
        ([1.0, 1e7], {}, "mid must not be so large, or grow so much"),
        ([1 << 61, 1 << 61], {}, "mid must not be so large, or grow so much"),
        ([100], {"k": 0}, "k must be 1 to 1000000, got 0"),
        ([100], {"smoothing": 3}, "smoothing must be 1 to 2, got 3"),
        ([100], {"threshold_pct": 0.5}, "threshold_pct must be 0 to below 0.5, got 0.5"),
        ([100], {"threshold_pct": math.nan}, "threshold_pct must be 0 to below 0.5, got nan"),
    ],
)
def test_what_cannot_be_labelled_is_refused(mid: Any, words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        later_mean_over_last_mean(mid, **({"k": 2, "smoothing": 2, "threshold_pct": 0.001} | words))
