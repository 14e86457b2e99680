"""Concurrency, uniqueness, return weights and the sequential bootstrap."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.labels import concurrency, draw_probabilities, return_weights, sequential_bootstrap, uniqueness
from tests.naive import labels as naive

THREE = [(1, 3), (3, 4), (5, 6)]
SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=12)
DAY_NS = 86_400_000_000_000
NOW_NS = 1_760_000_000_000_000_000


def test_three_labels_have_the_uniqueness_of_the_textbook() -> None:
    assert uniqueness(THREE).tolist() == [5 / 6, 3 / 4, 1.0]


def test_three_labels_have_the_probabilities_of_the_textbook() -> None:
    assert draw_probabilities(THREE, drawn=[]).tolist() == [1 / 3] * 3
    assert draw_probabilities(THREE, drawn=[1]) == pytest.approx([5 / 14, 3 / 14, 6 / 14], abs=1e-15)


@given(spans=SPANS)
def test_uniqueness_is_the_mean_over_each_unit_of_a_span(spans: list[tuple[int, int]]) -> None:
    assert uniqueness(spans) == pytest.approx([float(u) for u in naive.uniqueness(spans)], abs=1e-14)


@given(spans=SPANS, at=st.lists(st.integers(0, 50)))
def test_concurrency_counts_the_spans_around_a_time(spans: list[tuple[int, int]], at: list[int]) -> None:
    assert concurrency(spans, at).tolist() == [sum(begin <= t <= end for begin, end in spans) for t in at]


@given(spans=SPANS.filter(bool), data=st.data())
def test_probabilities_are_those_of_the_definition(spans: list[tuple[int, int]], data: st.DataObject) -> None:
    drawn = data.draw(st.lists(st.integers(0, len(spans) - 1), max_size=8))

    of_each = [float(u) for u in naive.uniqueness(spans, drawn)]
    assert draw_probabilities(spans, drawn) == pytest.approx([u / math.fsum(of_each) for u in of_each], abs=1e-14)


@settings(max_examples=40)
@given(spans=SPANS.filter(bool), seed=st.integers(0, 1000))
def test_draws_are_those_of_the_definition(spans: list[tuple[int, int]], seed: int) -> None:
    found = sequential_bootstrap(spans, 12, np.random.default_rng(seed))

    assert found.tolist() == naive.sequential_bootstrap(spans, np.random.default_rng(seed).random(12).tolist())


def test_a_sample_is_more_unique_than_one_of_chance() -> None:
    rng = np.random.default_rng(1)
    begin = np.sort(rng.integers(0, 10_000, 300))
    spans = np.column_stack([begin, begin + rng.integers(1, 400, 300)])
    drawn = sequential_bootstrap(spans, 300, rng)
    by_chance = rng.integers(0, 300, 300)

    assert uniqueness(spans[drawn]).mean() > 1.05 * uniqueness(spans[by_chance]).mean()


def test_what_came_long_before_changes_nothing() -> None:
    """Sums of floats since the day began would have lost a span of some nanoseconds."""
    rng = np.random.default_rng(2)
    begin = NOW_NS + np.sort(rng.integers(0, DAY_NS, 20_000))
    before = np.column_stack([begin, begin + rng.integers(0, 60_000_000_000, len(begin))])
    late = np.array(THREE) + NOW_NS + 2 * DAY_NS

    assert uniqueness(np.concatenate([before, late]))[-3:] == pytest.approx([5 / 6, 3 / 4, 1.0], abs=1e-6)


def test_a_label_that_is_alone_is_unique_and_copies_share() -> None:
    assert uniqueness([(7, 7)]).tolist() == [1.0]
    assert uniqueness([(7, 9)] * 4).tolist() == [0.25] * 4


def test_no_label_has_no_weight() -> None:
    assert uniqueness([]).tolist() == []
    assert concurrency([], [1, 2]).tolist() == [0, 0]
    assert return_weights([], [1, 2], [100, 101]).tolist() == []
    assert draw_probabilities([], []).tolist() == []
    assert sequential_bootstrap([], 0, np.random.default_rng(1)).tolist() == []


@given(
    spans=SPANS.filter(bool),
    steps=st.lists(st.tuples(st.integers(0, 4), st.floats(90, 110)), min_size=1, max_size=25),
)
def test_return_weights_are_those_of_the_definition(
    spans: list[tuple[int, int]], steps: list[tuple[int, float]]
) -> None:
    at_ns, mid = np.cumsum([step for step, _ in steps]).tolist(), [price for _, price in steps]
    expected = np.array(naive.return_weights(spans, at_ns, mid))
    if expected.max() < 1e-9:
        return

    assert return_weights(spans, at_ns, mid) == pytest.approx(expected / expected.mean(), abs=1e-9)


def test_the_return_that_led_to_an_event_is_not_its_own() -> None:
    assert return_weights([(2, 3), (3, 4)], [1, 2, 3, 4], [100, 200, 210, 210]).tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(3, 1)], r"spans must not end before they begin, got \[3, 1\] in row 0"),
        ([1, 2], r"spans must be rows of begin and end, got shape \(2,\)"),
        ([(-1, 2)], "spans must be 0 to .*, got -1 in row 0, column 0"),
    ],
)
def test_spans_that_cannot_be_are_refused(spans: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        uniqueness(spans)


def test_what_cannot_be_drawn_is_refused() -> None:
    rng = np.random.default_rng(1)

    with pytest.raises(UsageError, match="draws must be 0 to 100000000, got -1"):
        sequential_bootstrap(THREE, -1, rng)
    with pytest.raises(UsageError, match="spans must have a label to draw, got none"):
        sequential_bootstrap([], 1, rng)
    with pytest.raises(UsageError, match="drawn must be 0 to 2, got 3 in row 0"):
        draw_probabilities(THREE, [3])


@pytest.mark.parametrize(
    ("at_ns", "mid", "message"),
    [
        ([1, 2], [100, 0], r"mid must be above 0 to 1e\+100, got 0.0 in row 1"),
        ([2, 1], [100, 100], "at_ns must not go back in time, got 1 in row 1"),
        ([1, 2], [100], "mid must have 2 rows"),
        ([1, 2, 3], [100, 100, 100], "mid must move within a span, it does within none"),
        ([], [], "mid must move within a span, it does within none"),
    ],
)
def test_prices_that_say_nothing_are_refused(at_ns: list[int], mid: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        return_weights(THREE, at_ns, mid)
