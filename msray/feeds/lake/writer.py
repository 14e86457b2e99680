"""Writes the records of one instrument into a lake: a day appears whole or not at all."""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from msray.errors import CorruptLogError, UnavailableError, UsageError
from msray.feeds.lake.part import PART, PartHead, Source, day_name, days_of, first_event_ns, read_head, symbol_folder
from msray.feeds.lake.part_writer import GROUP_MESSAGES, GapCount, PartWriter
from msray.feeds.lake.swap import PARTIAL, mend, publish, sync_folder
from msray.market import REGRID, Instrument, Records, concatenate

_READ_BYTES = 1 << 20


def source_of(path: Path) -> Source:
    """A file as parts name it."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return Source(path.name, size, digest.hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDay:
    """What became of one day.

    Attributes
    ----------
    instrument, day
        Which.
    state
        ``written``, ``replaced``, or ``unchanged`` where the lake has it from the same files.
    messages, trades, levels, gaps
        How many there are.
    bytes
        Of its parts.
    """

    instrument: str
    day: str
    state: str
    messages: int
    trades: int
    levels: int
    gaps: int
    bytes: int


class LakeWriter:
    """The records of one instrument from one conversion.

    Parameters
    ----------
    lake
        Its folder; made if it is not there.
    instrument
        As its records begin.
    sources
        The files that they are made of.
    replace
        Whether days that were made of other files go; otherwise they are an error.

    Raises
    ------
    UnavailableError
        If a day that was being replaced when that was cut short cannot be put in its place.
    """

    def __init__(self, lake: Path, instrument: Instrument, sources: Sequence[Source], *, replace: bool = False) -> None:
        self._folder = symbol_folder(lake, instrument)
        mend(self._folder)
        self._instrument = instrument
        self._sources = tuple(sorted(sources, key=lambda source: (source.name, source.sha256)))
        self._replace = replace
        self._gaps = GapCount(instrument)
        self._latest_ns = 0
        self._early: list[Records] = []
        self._content = ""
        self._day: _Day | None = None
        self.days: list[WrittenDay] = []
        """Those that are finished."""

    def append(self, records: Records) -> None:
        """Add records, in the order in which they arrived.

        Raises
        ------
        UsageError
            If the lake has a day that was made of other files.
        UnavailableError
            If it cannot be written, as on a full disk.
        """
        if not len(records):
            return
        if not self._latest_ns:
            self._early.append(records.copy())
            self._latest_ns = first_event_ns(records)
            if not self._latest_ns:  # which day this is will be known by what follows
                return
            records, self._early = concatenate(self._early), []
        self._put(records)

    def close(self) -> None:
        """Finish the last day."""
        if self._early:
            early, self._early = concatenate(self._early), []
            self._latest_ns = int(early.messages["local_ns"][-1])
            self._put(early)
        if self._day is not None:
            with _as_unavailable(self._folder):
                self._content, done = self._day.finish()
            self.days.append(done)
            self._day = None

    def abort(self) -> None:
        """Leave nothing of an unfinished day."""
        if self._day is not None:
            self._day.abort()
            self._day = None

    def _put(self, records: Records) -> None:
        days, self._latest_ns = days_of(records, self._latest_ns)
        cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(records)]
        for begin, end in pairwise(cuts):
            self._append(int(days[begin]), records[begin:end].copy())

    def _append(self, day: int, records: Records) -> None:
        if self._day is not None and day != self._day.number:
            self.close()
        with _as_unavailable(self._folder):
            if self._day is None:
                self._day = _Day(self._folder, day, self._instrument, self._sources, self._content, self._replace)
            for at in range(0, len(records), GROUP_MESSAGES):
                some = records[at : at + GROUP_MESSAGES].copy()
                self._day.append(some, self._gaps.add(some))
        self._instrument = self._day.instrument


class _Day:
    """One day on its way: parts in a folder that gets its name at the end."""

    def __init__(
        self,
        folder: Path,
        number: int,
        instrument: Instrument,
        sources: tuple[Source, ...],
        follows: str,
        replace: bool,
    ) -> None:
        self.number = number
        self.instrument = instrument
        self._sources = sources
        self._follows = follows
        self._target = folder / f"day={day_name(number)}"
        self._parts: list[PartHead] = []
        self._part: PartWriter | None = None
        self._state = self._judge(replace)
        self._partial = folder / f".{self._target.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}"
        if self._state != "unchanged":
            self._partial.mkdir(parents=True)

    def append(self, records: Records, gaps: int) -> None:
        """Add records of this day."""
        begins_as = self.instrument
        for message in records.messages[records.messages["kind"] == REGRID]:
            self.instrument = self.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
        if self._state == "unchanged":
            return
        if self._part is not None and self._part.is_full:
            self._end_part(is_last=False)
        if self._part is None:
            self._part = PartWriter(self._partial / f"part-{len(self._parts):05d}.parquet", begins_as)
        self._part.append(records, gaps, self.instrument)

    def finish(self) -> tuple[str, WrittenDay]:
        """Give the day its name; answers the content of its last part, and what became of it."""
        if self._state != "unchanged":
            self._end_part(is_last=True)
            sync_folder(self._partial)
            publish(self._partial, self._target, replaces=self._state == "replaced")
        size = sum(path.stat().st_size for path in self._target.glob(PART))
        totals = {name: sum(getattr(p, name) for p in self._parts) for name in ("messages", "trades", "levels", "gaps")}
        done = WrittenDay(
            instrument=self.instrument.id, day=day_name(self.number), state=self._state, bytes=size, **totals
        )
        return self._parts[-1].content, done

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._part is not None:
            self._part.abort()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _judge(self, replace: bool) -> str:
        """What is to become of the day, looking at what is there."""
        if not self._target.exists():
            return "written"
        try:
            heads = [read_head(path) for path in sorted(self._target.glob(PART))]
        except CorruptLogError:
            if not replace:
                raise
            heads = []
        if heads and heads[0].instrument == self.instrument and all(one.sources == self._sources for one in heads):
            self._parts = heads
            return "unchanged"
        if not replace:
            names = ", ".join(source.name for source in (heads[0].sources if heads else ()))[:200]
            raise UsageError(
                f"{self._target} was made of other files, or on another grid: {names or 'nothing'}",
                hint="convert all files of a day together, use another lake, or say --replace",
            )
        return "replaced"

    def _end_part(self, *, is_last: bool) -> None:
        assert self._part is not None
        number = len(self._parts)
        self._parts.append(self._part.close(day_name(self.number), number, is_last, self._follows, self._sources))
        self._follows, self._part = self._parts[-1].content, None


@contextlib.contextmanager
def _as_unavailable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{folder} cannot be written: {error.strerror or error}"
        raise UnavailableError(text, hint="free space on its disk, or let it be written") from error
