"""Delays by hand, and the worked values of the Turing Change Point Dataset's measures."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import covering, f1_with_margin, score_delays
from tests.naive.change_points import covering as naive_covering

LENGTH = 20
PLACES = st.lists(st.integers(0, LENGTH - 1), max_size=6)


def test_delays_by_hand() -> None:
    score = score_delays([3000, 1000, 2000], [2500, 500, 1020, 2060], length=4000, within=200)

    assert score.delays == (20, 60, None)
    assert (score.false_alarms, score.quiet) == (2, 4000 - 20 - 60 - 200)
    assert (score.mtfa, score.mtd, score.mdr) == (1860.0, 40.0, 1 / 3)
    assert score.mtr == pytest.approx(1860 / 40 * 2 / 3)


def test_a_change_is_found_at_its_own_place_and_not_after_its_time() -> None:
    assert score_delays([10], [10], length=100, within=5).delays == (0,)
    assert score_delays([10], [14], length=100, within=5).delays == (4,)
    assert score_delays([10], [15], length=100, within=5).delays == (None,)
    assert score_delays([10], [9], length=100, within=5).false_alarms == 1


def test_the_time_of_a_change_ends_with_the_next_and_with_the_stream() -> None:
    score = score_delays([10, 20, 95], [25], length=100, within=50)

    assert score.delays == (None, 5, None)
    assert score.quiet == 100 - 10 - 5 - 5


def test_second_alarms_after_a_change_are_false() -> None:
    assert score_delays([10], [12, 12, 14], length=100, within=50).false_alarms == 2


def test_time_to_a_false_alarm_is_the_arl0_of_a_quiet_stream() -> None:
    alarms = np.flatnonzero(np.random.default_rng(1).random(1_000_000) < 0.01)

    score = score_delays([], alarms, length=1_000_000, within=1)

    assert score.mtfa == pytest.approx(100.0, rel=0.04)
    assert math.isnan(score.mtd)
    assert math.isnan(score.mdr)
    assert math.isnan(score.mtr)


def test_extremes_are_said_as_they_are() -> None:
    silent = score_delays([10], [], length=100, within=50)
    perfect = score_delays([10], [10], length=100, within=50)
    careful = score_delays([10], [12], length=100, within=50)

    assert (silent.mtfa, silent.mdr, silent.mtr) == (math.inf, 1.0, 0.0)
    assert math.isnan(silent.mtd)
    assert (perfect.mtd, perfect.mtr) == (0.0, math.inf)
    assert (careful.mtd, careful.mtr) == (2.0, math.inf)


@pytest.mark.parametrize(
    ("annotations", "predicted", "value"),
    [
        ([[10, 20], [10], [0, 5]], [10, 20], 0.7962962962962963),
        ([[], [10], [40]], [10], 0.7954144620811286),
        ([[], [10], [40]], [], 0.8189300411522634),
    ],
)
def test_covering_is_that_of_the_turing_data(annotations: list[list[int]], predicted: list[int], value: float) -> None:
    assert covering(annotations, predicted, length=45) == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize(
    ("annotations", "predicted", "value"),
    [
        ([[10, 20], [11, 20], [10], [0, 5]], [10, 20], 1.0),
        ([[], [10], [50]], [10], 0.9090909090909091),
        ([[], [10], [50]], [], 0.8),
    ],
)
def test_f1_is_that_of_the_turing_data(annotations: list[list[int]], predicted: list[int], value: float) -> None:
    assert f1_with_margin(annotations, predicted).f1 == pytest.approx(value, abs=1e-15)


@given(annotations=st.lists(PLACES, min_size=1, max_size=3), predicted=PLACES)
def test_covering_equals_its_naive_twin(annotations: list[list[int]], predicted: list[int]) -> None:
    value = covering(annotations, predicted, length=LENGTH)

    assert value == pytest.approx(naive_covering(annotations, predicted, LENGTH))
    assert 0.0 < value <= 1.0


@given(marked=PLACES, margin=st.integers(0, 5))
def test_what_was_marked_scores_1(marked: list[int], margin: int) -> None:
    assert covering([marked], marked, length=LENGTH) == pytest.approx(1.0)
    assert f1_with_margin([marked], marked, margin=margin).f1 == 1.0


def test_a_prediction_serves_one_mark_and_each_mark_takes_the_nearest() -> None:
    assert f1_with_margin([[20, 22]], [21], margin=5).recall == 2 / 3

    score = f1_with_margin([[20, 28]], [16, 23], margin=5)

    assert score.recall == score.precision == 2 / 3  # 20 takes 23 rather than 16, and leaves nothing for 28


def test_margin_is_the_largest_distance_that_is_right() -> None:
    assert f1_with_margin([[20]], [25], margin=5).f1 == 1.0
    assert f1_with_margin([[20]], [26], margin=5).f1 == 0.5
    assert f1_with_margin([[20]], [21], margin=0).f1 == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score_delays([100], [], length=100, within=1), "change_at must be 0 to 99, got 100 in row 0"),
        (lambda: score_delays([], [-1], length=100, within=1), "alarm_at must be 0 to 99, got -1 in row 0"),
        (lambda: score_delays([], [1.0], length=100, within=1), "alarm_at must be whole numbers .*, got float64"),
        (lambda: score_delays([], [], length=0, within=1), "length must be 1 to .*, got 0"),
        (lambda: score_delays([], [], length=1, within=0), "within must be 1 to .*, got 0"),
        (lambda: covering([], [], length=1), "annotations must be those of at least one person, got none"),
        (lambda: covering([[], [7]], [], length=7), r"annotations\[1\] must be 0 to 6, got 7 in row 0"),
        (lambda: covering([[]], [-1], length=7), "predicted must be 0 to 6, got -1 in row 0"),
        (lambda: covering([[]], [], length=0), "length must be 1 to .*, got 0"),
        (lambda: f1_with_margin([[]], [-1]), "predicted must be 0 to .*, got -1 in row 0"),
        (lambda: f1_with_margin([[]], [], margin=-1), "margin must be 0 to .*, got -1"),
    ],
)
def test_places_outside_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
