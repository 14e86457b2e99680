"""Moves records about: what would be a step of Python a message."""

from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel

Rows = NDArray[Any]


@kernel
def gather_levels(messages: Rows, levels: Rows, own_messages: Rows, own_levels: Rows) -> None:
    """Copy the levels that messages point to one behind the other, and have copies of the messages point there."""
    used = 0
    for i in range(len(messages)):
        own_messages[i].begin = used
        for j in range(messages[i].begin, messages[i].end):
            own_levels[used] = levels[j]
            used += 1
        own_messages[i].end = used


@kernel
def group(messages: Rows, grouped: Rows, ends: Rows) -> None:
    """Sort messages by instrument, those of one in the order they had; ``ends[n]`` is where those of ``n`` end."""
    ends[:] = 0
    for i in range(len(messages)):
        ends[messages[i].instrument] += 1
    start = 0
    for n in range(len(ends)):
        count = ends[n]
        ends[n] = start
        start += count
    for i in range(len(messages)):
        n = messages[i].instrument
        grouped[ends[n]] = messages[i]
        ends[n] += 1
