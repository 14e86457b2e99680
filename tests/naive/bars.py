"""Bars of a series of rows, as their definition says: one bar after the other, all of its rows in a list."""

import math

from msray.prediction import WatchConfig


def bars(times_ns: list[int], values: list[float], watch: WatchConfig, bar_ns: int) -> dict[int, float]:
    """Value of each bar that is closed by a later row, by its number since 1970; the first, partial one left out.

    A row whose time lies before the open bar counts in the open bar.
    """
    rows: dict[int, list[float]] = {}
    newest = times_ns[0] // bar_ns
    for at_ns, value in zip(times_ns, values, strict=True):
        newest = max(newest, at_ns // bar_ns)
        rows.setdefault(newest, []).append(transformed(value, watch.transform))
    first = times_ns[0] // bar_ns
    found, last = {}, math.nan
    for number in range(first, newest):
        inside = rows.get(number, [])
        last = inside[-1] if inside else last
        finite = [value for value in inside if not math.isnan(value)]
        found[number] = last if watch.at == "close" or not finite else sum(finite) / len(finite)
    del found[first]
    return found


def transformed(value: float, transform: str) -> float:
    """A row's value as it is watched."""
    if math.isnan(value) or transform == "none":
        return value
    return abs(value) if transform == "abs" else math.sqrt(max(value, 0.0))
