"""What a feed is worth: every figure equals its description, however messages are batched."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.book import FeedFigures, Quality
from msray.book.quality import LATE_NS, STALE_NS
from msray.market import DEPTH, GAP, MESSAGE, SNAPSHOT, TRADE, Messages
from tests.naive.quality import NaiveFigures

SECOND, MS = 1_000_000_000, 1_000_000
START_NS = 1_700_000_000 * SECOND
OTHERS = {
    "gaps": 1,
    "crossed": 2,
    "old_messages": 3,
    "repeated_trades": 4,
    "regrids": 5,
    "audits": 6,
    "audit_differences": 7,
    "refused": 8,
}
Row = tuple[int, int, int, int, int]


def table(rows: list[Row]) -> Messages:
    """Rows of kind, event time (ms since the start), latency (ms, or None for no local time), id and levels."""
    messages = np.zeros(len(rows), MESSAGE)
    for message, (kind, at_ms, latency_ms, number, levels) in zip(messages, rows, strict=True):
        message["kind"], message["event_ns"] = kind, START_NS + at_ms * MS
        message["local_ns"] = 0 if latency_ms is None else START_NS + (at_ms + latency_ms) * MS
        message["first_id"] = message["last_id"] = number
        message["prev_id"] = number % 5  # of a GAP, its reason
        message["begin"], message["end"] = 5, 5 + levels
    return messages


def figures(rows: list[Row]) -> Quality:
    found = FeedFigures()
    found.observe(table(rows))
    return found.as_of(OTHERS)


def depths(*times_ms: int, latency_ms: int = 3) -> list[Row]:
    return [(DEPTH, at, latency_ms, i, 1) for i, at in enumerate(times_ms)]


rows = st.lists(
    st.tuples(
        st.sampled_from([DEPTH, DEPTH, TRADE, SNAPSHOT, GAP]),
        st.integers(0, 120_000),
        st.one_of(st.none(), st.integers(-2_000, 5_000)),
        st.integers(1, 500),
        st.integers(0, 9),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(rows, st.integers(0, 60), st.booleans())
def test_every_figure_is_what_its_description_says(found: list[Row], cut: int, in_order: bool) -> None:
    if in_order:
        found = sorted(found, key=lambda row: row[1])
    messages = table(found)
    fast, naive = FeedFigures(), NaiveFigures(LATE_NS, STALE_NS)

    fast.observe(messages[:cut])
    fast.observe(messages[cut:])
    naive.observe(messages)

    quality = fast.as_of(OTHERS)
    for field in fields(Quality):
        if field.name in vars(naive):
            assert getattr(quality, field.name) == getattr(naive, field.name), field.name
    assert (quality.clock_offset_ms, quality.latency_spread_ms) == naive.spread()
    assert fast.depth_messages == naive.depth_messages
    assert fast.last_event_ns == max(naive.event_times, default=0)
    assert fast.usual_interval_ns == naive.usual_ns


def test_offset_and_spread_are_of_the_last_1024_depth_messages() -> None:
    old, new = depths(*range(0, 5_000, 10), latency_ms=900), depths(*range(5_000, 5_000 + 1024 * 10, 10), latency_ms=7)

    quality = figures([*old, *new])

    assert (quality.clock_offset_ms, quality.latency_spread_ms) == (7.0, 0.0)


def test_a_clock_that_is_wrong_shows_in_both_directions() -> None:
    quality = figures(depths(*range(0, 1000, 100), latency_ms=-250))

    assert quality.negative_latency == 10
    assert quality.clock_offset_ms == -250.0


def test_nothing_is_known_before_the_first_message() -> None:
    quality = figures([])

    assert quality.clock_offset_ms is None
    assert quality.latency_spread_ms is None
    assert quality.depth_messages == 0


def test_without_local_times_latency_is_not_known_and_all_else_is() -> None:
    quality = figures([(DEPTH, 0, None, 1, 2), (DEPTH, 9_000, None, 2, 2), (TRADE, 100, None, 4, 1)])  # type: ignore[list-item]

    assert (quality.clock_offset_ms, quality.late, quality.negative_latency) == (None, 0, 0)
    assert (quality.depth_messages, quality.level_changes, quality.stale, quality.out_of_order) == (2, 4, 1, 1)


@pytest.mark.parametrize(("silence_ms", "stale"), [(4_999, 0), (5_000, 0), (5_001, 1), (60_000, 1)])
def test_a_busy_feed_is_stale_after_five_seconds(silence_ms: int, stale: int) -> None:
    assert figures(depths(*range(0, 1000, 100), 900 + silence_ms)).stale == stale


def test_a_feed_that_is_usually_slow_is_not_stale_at_its_own_pace() -> None:
    assert figures(depths(*range(0, 200_000, 4_000), 196_000 + 19_000)).stale == 0
    assert figures(depths(*range(0, 200_000, 4_000), 196_000 + 21_000)).stale == 1


def test_a_backlog_is_late_once_and_then_the_usual() -> None:
    """Two seconds late like the one before is not late again."""
    calm, late = depths(*range(0, 1000, 100)), depths(*range(1000, 2000, 100), latency_ms=2_500)

    assert figures([*calm, *late, *depths(2_000)]).late == 1


def test_holes_in_trade_ids_are_counted_trade_by_trade() -> None:
    ids = [10, 11, 15, 14, 16, 16, 20]

    quality = figures([(TRADE, i, 1, number, 1) for i, number in enumerate(ids)])

    assert (quality.trades, quality.missing_trades) == (7, 3 + 3)


def test_what_others_counted_is_handed_on() -> None:
    quality = figures([])

    assert {name: quality.as_dict()[name] for name in OTHERS} == OTHERS
    assert list(quality.as_dict()) == [field.name for field in fields(Quality)]


@pytest.mark.parametrize("missing", OTHERS)
def test_a_count_that_nobody_gives_is_an_error_and_no_zero(missing: str) -> None:
    others: dict[str, Any] = {name: count for name, count in OTHERS.items() if name != missing}

    with pytest.raises(TypeError, match=missing):
        FeedFigures().as_of(others)
