"""A lake as a source: its parts in order, with a GAP wherever one is not there or does not check out."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from msray.errors import CorruptLogError, UsageError
from msray.feeds.lake.part import Part, find_parts, is_part, read_part
from msray.market import GAP, LEVEL, MESSAGE, GapReason, Records
from msray.prediction import LogEvent, Replayed


class LakeGroup:
    """The parts of one instrument.

    Parameters
    ----------
    parts
        At least one, in the order in which they are read.

    Raises
    ------
    UsageError
        If they declare the instrument in different ways.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.instrument = parts[0].head.instrument
        self.begin_ns = parts[0].head.first_local_ns
        self.files = tuple(part.path for part in parts)
        self.problems: list[str] = []
        self._parts = parts
        self._sizes = [part.path.stat().st_size for part in parts]
        self.total_bytes = sum(self._sizes)
        self.bytes_read = 0
        for before, part in pairwise(parts):
            if part.head.instrument != before.head.ends_as:
                raise UsageError(
                    f"{part.path} declares {self.instrument.id} differently from {before.path}",
                    hint="replay the days on their own",
                )

    def events(self, *, hint: int = 0) -> Iterator[LogEvent]:
        """Its records in order. ``hint`` is of no use here."""
        self.problems, self.bytes_read = [], 0
        breaks = breaks_in(self._parts)
        for part, size in zip(self._parts, self._sizes, strict=True):
            local_ns = part.head.first_local_ns
            if part.path in breaks:
                yield self._lost(local_ns)
                self.problems += [f"{part.path}: {reason}" for reason in [breaks[part.path]] if reason]
            read = 0
            try:
                for records in read_part(part.path):
                    local_ns = int(records.messages["local_ns"][-1])
                    step = size * len(records) // part.head.messages
                    read, self.bytes_read = read + step, self.bytes_read + step
                    yield Replayed(self.instrument.id, records)
            except CorruptLogError as error:
                self.problems.append(str(error))
                yield self._lost(local_ns)
            self.bytes_read += size - read

    def _lost(self, local_ns: int) -> Replayed:
        return Replayed(self.instrument.id, gap(local_ns, GapReason.SEQUENCE))


def gap(local_ns: int, reason: GapReason) -> Records:
    """A GAP record: from here on the book is unknown."""
    messages = np.zeros(1, MESSAGE)
    messages["kind"], messages["local_ns"], messages["prev_id"] = GAP, local_ns, reason
    return Records(messages, np.zeros(0, LEVEL))


def breaks_in(parts: Sequence[Part]) -> dict[Path, str]:
    """The parts of one instrument that do not follow the one before them.

    Returns
    -------
    dict
        Why each is wrong; empty where days of another conversion lie between. The first part of a conversion follows
        nothing, and the first one that is read need not.
    """
    breaks: dict[Path, str] = {}
    earlier = {parts[0].head.content} if parts else set()
    for before, part in pairwise(parts):
        if part.head.follows not in ("", before.head.content):
            breaks[part.path] = "" if part.head.follows in earlier else "follows a part that is not there"
        earlier.add(part.head.content)
    return breaks


def find_lake(paths: Iterable[Path]) -> tuple[list[LakeGroup], set[Path]]:
    """The parts of lakes among some files.

    Parameters
    ----------
    paths
        Files; those that are no part are passed over.

    Returns
    -------
    groups
        One an instrument, by instrument.
    used
        The paths that belong to them.
    """
    files = [path for path in paths if is_part(path.absolute())]
    parts = find_parts(files) if files else []
    by_instrument = groupby(parts, lambda part: part.head.instrument.id)
    return [LakeGroup(list(some)) for _, some in by_instrument], set(files)
