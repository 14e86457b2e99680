"""Is a lake what it says? Everything is read, and every book is built once more."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from msray.book import BookSync, L2Book
from msray.errors import CorruptLogError, UsageError
from msray.feeds.lake.part import (
    PART,
    ContentDigest,
    Part,
    PartHead,
    day_name,
    days_of,
    first_event_ns,
    in_order,
    part_files,
    read_head,
    read_part,
    symbol_folder,
)
from msray.feeds.lake.part_writer import GapCount, PartCounts
from msray.feeds.lake.reader import breaks_in
from msray.market import DEPTH, GAP, REFRESH, REGRID, SNAPSHOT, TRADE, Instrument, Records
from msray.venues import rule_of

CROSSED_LIMIT = 3
"""Depth messages running that may leave a book crossed, as in the fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something that is not as it should be.

    Attributes
    ----------
    file
        Where.
    reason
        What.
    """

    file: Path
    reason: str


def check_lake(paths: Iterable[Path], progress: Callable[[int], None] | None = None) -> tuple[list[Part], list[Damage]]:
    """Read everything that a lake has, and say what is wrong.

    Parameters
    ----------
    paths
        Lakes, or folders in one.
    progress
        Told after each part how many bytes have been gone through.

    Returns
    -------
    parts
        Those that say what they are.
    damage
        In the order of instruments and days; files that do not say what they are come first.

    Raises
    ------
    UsageError
        If a path is not there, or there is no part.
    """
    parts: list[Part] = []
    damage: list[Damage] = []
    for path in part_files(paths):
        try:
            parts.append(Part(path, read_head(path)))
        except CorruptLogError as error:
            damage.append(Damage(file=path, reason=str(error).removeprefix(f"{path}: ")))
    parts = in_order(parts)
    done = 0
    for _, some in groupby(parts, lambda part: part.head.instrument.id):
        own = list(some)
        checking = _Instrument(own)
        for part in own:
            damage += [Damage(file=part.path, reason=reason) for reason in checking.check(part)]
            done += part.path.stat().st_size
            if progress is not None:
                progress(done)
    return parts, damage


class _Instrument:
    """Checks the parts of one instrument, one after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._breaks = breaks_in(parts)
        self._start(parts[0].head)

    def _start(self, head: PartHead) -> None:
        """Nothing is known of what came before."""
        self._is_whole = head.follows == ""
        self._latest_ns = 0
        self._gaps = GapCount(head.instrument)
        self._book = _Book(head.instrument)

    def check(self, part: Part) -> Iterator[str]:
        head = part.head
        yield from self._place(part)
        if head.follows == "" or part.path in self._breaks:
            self._start(head)
        content, counts = ContentDigest(), PartCounts()
        is_own_day = True
        try:
            for records in read_part(part.path):
                content.add(records)
                counts.add(records)
                counts.gaps += self._gaps.add(records)
                self._latest_ns = self._latest_ns or first_event_ns(records)
                days, self._latest_ns = days_of(records, self._latest_ns)
                is_own_day &= self._latest_ns == 0 or {day_name(int(day)) for day in np.unique(days)} == {head.day}
                self._book.take(records)
        except (CorruptLogError, UsageError) as error:
            yield str(error).removeprefix(f"{part.path}: ")
            return
        if content.hexdigest() != head.content:
            yield "content must be what the footer says, and is not"
        if not self._is_whole:  # whether the book was known at its beginning, the parts before it would say
            counts.gaps = head.gaps
        for name in PartCounts.__slots__:
            if getattr(counts, name) != getattr(head, name):
                yield f"{name} must be {getattr(head, name)}, got {getattr(counts, name)}"
        if not is_own_day:
            yield f"messages must be of {head.day}"
        if self._book.crossed_at:
            yield f"book must not stay crossed, as it does from update {self._book.crossed_at} on"
            self._book.crossed_at = 0

    def _place(self, part: Part) -> Iterator[str]:
        """It must be where it says, and its neighbours must be there."""
        head, path = part.head, part.path.absolute()
        if path.parent != symbol_folder(path.parents[3], head.instrument) / f"day={head.day}":
            yield f"must lie in the folder of {head.instrument.id} and day {head.day}"
        day = sorted(path.parent.glob(PART))
        if day.index(path) != head.number:
            yield f"must lie in its place: it is part {head.number} of the day"
        elif head.is_last != (path == day[-1]):
            yield "must be the last part of its day" if head.is_last else "parts of its day behind it are not there"
        if reason := self._breaks.get(part.path):
            yield reason


class _Book:
    """The book of one instrument, through its venue's sequence rule."""

    def __init__(self, instrument: Instrument) -> None:
        self._sync = BookSync(instrument, rule_of(instrument.venue))
        self._book = L2Book(instrument)
        self._crossed = 0
        self.crossed_at = 0

    def take(self, records: Records) -> None:
        """Take records in order."""
        for part in self._sync.feed(records):
            self._fold(part)

    def _fold(self, part: Records) -> None:
        specials = np.flatnonzero(~np.isin(part.messages["kind"], (DEPTH, TRADE))).tolist()
        begin = 0
        for at in [*specials, len(part)]:
            self._replay(part[begin:at])
            if at < len(part):
                self._special(part, at)
            begin = at + 1

    def _replay(self, run: Records) -> None:
        bests = np.zeros((len(run), 4), np.int64)
        self._book.replay(run, bests)
        is_depth = run.messages["kind"] == DEPTH
        crossed = bests[is_depth, 0] >= bests[is_depth, 2]
        if not crossed.any():
            self._crossed = 0 if len(crossed) else self._crossed
            return
        for is_crossed, update_id in zip(crossed.tolist(), run.messages["last_id"][is_depth].tolist(), strict=True):
            self._crossed = self._crossed + 1 if is_crossed else 0
            if self._crossed == CROSSED_LIMIT and not self.crossed_at:
                self.crossed_at = update_id

    def _special(self, part: Records, at: int) -> None:
        message = part.messages[at]
        if message["kind"] in (SNAPSHOT, REFRESH):
            self._book.load(part.levels[message["begin"] : message["end"]], int(message["first_id"]))
        elif message["kind"] == GAP:
            self._book.clear()
        elif message["kind"] == REGRID:
            finer = self._book.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
            self._book.regrid(finer, int(message["prev_id"]))
