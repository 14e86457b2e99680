"""Records that are copied, joined and told apart keep every message and its levels."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from msray.market import DEPTH, LEVEL, MESSAGE, Records, concatenate

INSTRUMENTS = 4
MESSAGES = st.lists(st.tuples(st.integers(0, INSTRUMENTS - 1), st.lists(st.integers(0, 9), max_size=3)), max_size=30)


def records(messages: list[tuple[int, list[int]]]) -> Records:
    """Messages whose id is their place, with levels of these ticks, and levels of nobody's between."""
    rows, levels = np.zeros(len(messages), MESSAGE), []
    for i, (instrument, ticks) in enumerate(messages):
        rows[i]["kind"], rows[i]["instrument"], rows[i]["last_id"] = DEPTH, instrument, i
        levels.append((0, 99, 0))
        rows[i]["begin"], rows[i]["end"] = len(levels), len(levels) + len(ticks)
        levels += [(tick, tick, 0) for tick in ticks]
    return Records(rows, np.array(levels, LEVEL))


def told(of: Records) -> list[Any]:
    """What each message says."""
    return [(m["instrument"], m["last_id"], of.levels["tick"][m["begin"] : m["end"]].tolist()) for m in of.messages]


@given(MESSAGES)
def test_a_copy_says_the_same_and_owns_its_levels_only(messages: list[tuple[int, list[int]]]) -> None:
    original = records(messages)
    before = told(original)

    copy = original.copy()
    original.levels["tick"] = 77

    assert told(copy) == before
    assert len(copy.levels) == sum(len(ticks) for _, ticks in messages)


@given(MESSAGES)
def test_by_instrument_is_a_stable_sort(messages: list[tuple[int, list[int]]]) -> None:
    together = records(messages)

    apart = together.by_instrument(INSTRUMENTS)

    assert [number for number, _ in apart] == sorted({number for number, _ in messages})
    for number, part in apart:
        assert told(part) == [one for one in told(together) if one[0] == number]


@given(MESSAGES, MESSAGES)
def test_joined_records_say_one_after_the_other(first: list[tuple[int, list[int]]], second: Any) -> None:
    parts = [records(first), records(second).copy()]

    assert told(concatenate(parts)) == told(parts[0]) + told(parts[1])
