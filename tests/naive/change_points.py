"""Covering of segmentations with segments as sets of places."""

from collections.abc import Iterable
from itertools import pairwise


def segments(changes: Iterable[int], length: int) -> list[set[int]]:
    """Places between changes."""
    edges = sorted({0, length, *changes})
    return [set(range(begin, end)) for begin, end in pairwise(edges)]


def covering(annotations: list[list[int]], predicted: list[int], length: int) -> float:
    """Mean over persons and places of the largest share that a person's segment has in common with a predicted one."""
    said = segments(predicted, length)
    covered = [
        sum(len(a) * max(len(a & b) / len(a | b) for b in said) for a in segments(marked, length))
        for marked in annotations
    ]
    return sum(covered) / len(covered) / length
