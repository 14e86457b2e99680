"""Writes one part of a lake: records in, a Parquet file that says what it is out."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from msray.book import BookSync
from msray.feeds.lake.part import ARROW, COLUMNS, KEY, VERSION, ContentDigest, PartHead, Source, to_arrow
from msray.market import DEPTH, SNAPSHOT, TRADE, Instrument, Records, concatenate
from msray.venues import rule_of

GROUP_MESSAGES = 1 << 16
GROUP_LEVELS = 1 << 20
"""A row group is full with so many messages, or levels."""
PART_LEVELS = 1 << 25
PART_MESSAGES = 1 << 23
"""A part is full with so many."""

_DELTA = dict.fromkeys((*COLUMNS, "levels.list.element.size", "levels.list.element.tick"), "DELTA_BINARY_PACKED")


class PartWriter:
    """One Parquet file on its way.

    Parameters
    ----------
    path
        Where it is to lie.
    instrument
        Before its first record.
    """

    def __init__(self, path: Path, instrument: Instrument) -> None:
        self._path = path
        self._begins_as = self._ends_as = instrument
        self._counts = PartCounts()
        self._content = ContentDigest()
        self._waiting: list[Records] = []
        self._waiting_messages = self._waiting_levels = 0
        self._writer = pq.ParquetWriter(
            path,
            ARROW,
            compression="zstd",
            use_dictionary=["levels.list.element.flags"],
            column_encoding=_DELTA,
            write_page_checksum=True,
        )

    @property
    def is_full(self) -> bool:
        """Whether the next records go into another part."""
        return self._counts.messages >= PART_MESSAGES or self._counts.levels >= PART_LEVELS

    def append(self, records: Records, gaps: int, ends_as: Instrument) -> None:
        """Add records whose levels lie in their order."""
        self._counts.add(records)
        self._counts.gaps += gaps
        self._ends_as = ends_as
        self._content.add(records)
        self._waiting.append(records)
        self._waiting_messages += len(records)
        self._waiting_levels += len(records.levels)
        if self._waiting_messages >= GROUP_MESSAGES or self._waiting_levels >= GROUP_LEVELS:
            self._flush()

    def close(self, day: str, number: int, is_last: bool, follows: str, sources: tuple[Source, ...]) -> PartHead:
        """Complete the file, and bring it to the disk."""
        self._flush()
        head = PartHead(
            version=VERSION,
            instrument=self._begins_as,
            ends_as=self._ends_as,
            day=day,
            number=number,
            is_last=is_last,
            follows=follows,
            sources=sources,
            content=self._content.hexdigest(),
            **{name: getattr(self._counts, name) for name in self._counts.__slots__},
        )
        self._writer.add_key_value_metadata({KEY: msgspec.json.encode(head)})
        self._writer.close()
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())
        return head

    def abort(self) -> None:
        """Close the file, whatever is in it."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_batch(to_arrow(concatenate(self._waiting)), row_group_size=self._waiting_messages)
            self._waiting, self._waiting_messages, self._waiting_levels = [], 0, 0


@dataclass(slots=True)
class PartCounts:
    """What a part holds so far."""

    messages: int = 0
    depth_messages: int = 0
    trades: int = 0
    snapshots: int = 0
    levels: int = 0
    gaps: int = 0
    first_id: int = 0
    last_id: int = 0
    first_event_ns: int = 0
    last_event_ns: int = 0
    first_local_ns: int = 0
    last_local_ns: int = 0

    def add(self, records: Records) -> None:
        """Count records; gaps are counted elsewhere."""
        messages = records.messages
        kinds = messages["kind"]
        ids = messages["last_id"][(kinds == DEPTH) | (kinds == SNAPSHOT)]
        times = messages["event_ns"][messages["event_ns"] > 0]
        if not self.messages:
            self.first_local_ns = int(messages["local_ns"][0])
        self.last_local_ns = int(messages["local_ns"][-1])
        if len(ids):
            self.first_id, self.last_id = self.first_id or int(ids[0]), int(ids[-1])
        if len(times):
            earliest = int(times.min())
            self.first_event_ns = min(self.first_event_ns or earliest, earliest)
            self.last_event_ns = max(self.last_event_ns, int(times.max()))
        self.messages += len(messages)
        self.depth_messages += int(np.count_nonzero(kinds == DEPTH))
        self.trades += int(np.count_nonzero(kinds == TRADE))
        self.snapshots += int(np.count_nonzero(kinds == SNAPSHOT))
        self.levels += len(records.levels)


class GapCount:
    """How often the book became unknown, by the venue's sequence rule."""

    def __init__(self, instrument: Instrument) -> None:
        self._sync = BookSync(instrument, rule_of(instrument.venue))

    def add(self, records: Records) -> int:
        """Take the next records; answers how many gaps were among them."""
        before = self._sync.counts.gaps
        for _ in self._sync.feed(Records(records.messages[records.messages["kind"] != TRADE], records.levels)):
            pass
        return self._sync.counts.gaps - before
