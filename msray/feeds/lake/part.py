"""The lake: records in Parquet, by venue, symbol and day. What a part holds, and what it says of itself.

::

    LAKE/venue=lobster/symbol=GOOG/day=2012-06-21/part-00000.parquet

A row is one message, its levels are a list in it; together they are exactly ``MESSAGE`` and ``LEVEL``. What is stored
is what arrived: as decoded, before any sequence rule, with a GAP where a connection was lost and a REQUEST where a
snapshot was asked for. So a lake replays as its source does.

The order of rows, of parts and of days is the order of arrival. A message belongs to the UTC day of the latest event
time so far: one that comes late does not go back to a day that is over. Footers hold a :class:`PartHead` under the
key ``msray``.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from msray.errors import CorruptLogError, UsageError
from msray.feeds.lake.swap import mend
from msray.market import (
    GAP,
    LEVEL,
    MAX_SIZE,
    MAX_TICK,
    MESSAGE,
    OTHER,
    REFRESH,
    REQUEST,
    TRADE,
    GapReason,
    Instrument,
    Records,
)

VERSION = 1
KEY = b"msray"
DAY_NS = 86_400_000_000_000
PART = "part-*.parquet"

_PLACED = ("instrument", "begin", "end")
COLUMNS = tuple(name for name in MESSAGE.names or () if name not in _PLACED)
"""Columns of messages; which instrument it is says the folder, where the levels are says the list."""
_LEVEL_NAMES = LEVEL.names or ()
_LEVEL_TYPE = pa.struct([pa.field(name, pa.from_numpy_dtype(LEVEL[name]), nullable=False) for name in _LEVEL_NAMES])
ARROW = pa.schema(
    [
        *(pa.field(name, pa.from_numpy_dtype(MESSAGE[name]), nullable=False) for name in COLUMNS),
        pa.field("levels", pa.list_(pa.field("element", _LEVEL_TYPE, nullable=False)), nullable=False),
    ]
)
"""Columns of a part."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that records were made of.

    Attributes
    ----------
    name
        Without folders: a file that was moved is the same.
    bytes, sha256
        Of its content.
    """

    name: str
    bytes: int
    sha256: str


class PartHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a part says of itself.

    Attributes
    ----------
    version
        Of this layout.
    instrument, ends_as
        Before its first message and behind its last; a REGRID between makes them differ.
    day, number, is_last
        Which part of which day it is, and whether it is the last of that day.
    follows
        ``content`` of the part before it in its conversion; empty for the first one.
    sources
        All files of the conversion that had to do with this instrument.
    messages, depth_messages, trades, snapshots, levels
        How many there are.
    gaps
        Times the book became unknown, by the venue's sequence rule.
    first_id, last_id
        Update ids of the first and last book message, 0 where there is none.
    first_event_ns, last_event_ns
        Earliest and latest event time, 0 where there is none.
    first_local_ns, last_local_ns
        Local time of the first and last message.
    content
        SHA-256 of the messages and levels, see :class:`ContentDigest`.
    """

    version: int
    instrument: Instrument
    ends_as: Instrument
    day: str
    number: int
    is_last: bool
    follows: str
    sources: tuple[Source, ...]
    messages: int
    depth_messages: int
    trades: int
    snapshots: int
    levels: int
    gaps: int
    first_id: int
    last_id: int
    first_event_ns: int
    last_event_ns: int
    first_local_ns: int
    last_local_ns: int
    content: str


class Part(msgspec.Struct, frozen=True):
    """A part that lies somewhere."""

    path: Path
    head: PartHead


class ContentDigest:
    """SHA-256 over what a part holds, however it is cut into batches.

    It is that of two digests, one of all messages and one of all levels, in the bytes of ``MESSAGE`` and ``LEVEL`` with
    the instrument 0 and places counted from the part's first level.
    """

    def __init__(self) -> None:
        self._messages, self._levels = hashlib.sha256(), hashlib.sha256()
        self._level_count = 0

    def add(self, records: Records) -> None:
        """Add records whose levels lie in the order of their messages, from the first on."""
        messages = records.messages.copy()
        messages["instrument"] = 0
        messages["begin"] += self._level_count
        messages["end"] += self._level_count
        self._level_count += len(records.levels)
        self._messages.update(messages.tobytes())
        self._levels.update(records.levels.tobytes())

    def hexdigest(self) -> str:
        """The digest so far."""
        return hashlib.sha256(self._messages.digest() + self._levels.digest()).hexdigest()


def day_name(day: int) -> str:
    """``2012-06-21`` of a number of days since 1970."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")


def first_event_ns(records: Records) -> int:
    """The first event time, 0 where there is none."""
    times = records.messages["event_ns"]
    known = times[times > 0]
    return int(known[0]) if len(known) else 0


def days_of(records: Records, latest_ns: int) -> tuple[NDArray[np.int64], int]:
    """The day of each message, in days since 1970, and the latest event time then.

    Parameters
    ----------
    records
        At least one.
    latest_ns
        The latest event time before them; for the first ones of a conversion, their own first.
    """
    latest = np.maximum.accumulate(np.append(np.int64(latest_ns), records.messages["event_ns"]))[1:]
    return latest // DAY_NS, int(latest[-1])


def symbol_folder(lake: Path, instrument: Instrument) -> Path:
    """Where the days of an instrument lie."""
    return lake / f"venue={instrument.venue}" / f"symbol={instrument.symbol}"


def is_part(path: Path) -> bool:
    """Whether a file is one of a lake, by its name and those of its folders."""
    day, symbol, venue = (parent.name for parent in list(path.parents)[:3]) if len(path.parents) >= 3 else ("",) * 3
    named = day.startswith("day=") and symbol.startswith("symbol=") and venue.startswith("venue=")
    return named and path.match(PART)


def part_files(paths: Iterable[Path]) -> list[Path]:
    """The files of parts in some places, each once; a day whose replacement was cut short is put in its place.

    Raises
    ------
    UsageError
        If a path is not there, or there is no part.
    UnavailableError
        If a day cannot be put in its place.
    """
    paths = list(paths)
    found: dict[Path, Path] = {}
    for path in paths:
        mend(path)
        if not path.exists():
            raise UsageError(f"no such lake: {path}")
        for file in sorted(path.rglob(PART)) if path.is_dir() else [path]:
            if is_part(file.absolute()):
                found.setdefault(file.resolve(), file)
    if not found:
        raise UsageError(f"no parts of a lake in {', '.join(map(str, paths))}", hint="msray data convert makes a lake")
    return list(found.values())


def find_parts(paths: Iterable[Path]) -> list[Part]:
    """The parts in some places, in the order in which they are read.

    Raises
    ------
    UsageError
        If a path is not there, or there is no part.
    CorruptLogError
        If one of them does not say what it is.
    """
    return in_order(Part(path, read_head(path)) for path in part_files(paths))


def in_order(parts: Iterable[Part]) -> list[Part]:
    """Parts by instrument, day and number."""
    return sorted(parts, key=lambda part: (part.head.instrument.id, part.head.day, part.head.number))


def read_head(path: Path) -> PartHead:
    """What a part says of itself.

    Raises
    ------
    CorruptLogError
        If it cannot be read, or was written in another version.
    """
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise CorruptLogError(f"{path}: cannot be read: {error}") from error
    text = (metadata.metadata or {}).get(KEY)
    if text is None:
        raise CorruptLogError(f"{path}: was not written by msray")
    try:
        version = msgspec.json.decode(text).get("version")
        if version != VERSION:
            raise CorruptLogError(f"{path}: version of a lake must be {VERSION}, got {version}")
        head = msgspec.json.decode(text, type=PartHead)
    except (msgspec.MsgspecError, UsageError, AttributeError) as error:
        raise CorruptLogError(f"{path}: does not say what it is: {error}") from error
    if metadata.num_rows != head.messages:
        raise CorruptLogError(f"{path}: must have {head.messages} messages, got {metadata.num_rows}")
    return head


def read_part(path: Path) -> Iterator[Records]:
    """The records of a part, a row group at a time.

    Raises
    ------
    CorruptLogError
        If a page does not check out, or what is there cannot be a record.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(ARROW):
                raise CorruptLogError(f"{path}: columns must be those of version {VERSION}")
            for group in range(file.num_row_groups):
                for batch in file.read_row_group(group).combine_chunks().to_batches():
                    records = from_arrow(batch)
                    if problem := wrong_with(records):
                        raise CorruptLogError(f"{path}: {problem}")
                    yield records
    except (pa.ArrowException, OSError) as error:
        raise CorruptLogError(f"{path}: cannot be read: {error}") from error


def to_arrow(records: Records) -> pa.RecordBatch:
    """Records whose levels lie in the order of their messages, from the first on, as rows of a part."""
    messages, levels = records.messages, records.levels
    structs = pa.StructArray.from_arrays(
        [pa.array(np.ascontiguousarray(levels[name])) for name in _LEVEL_NAMES], fields=list(_LEVEL_TYPE)
    )
    offsets = pa.array(np.append(messages["begin"], np.int32(len(levels))))
    columns = [pa.array(np.ascontiguousarray(messages[name])) for name in COLUMNS]
    lists = pa.ListArray.from_arrays(offsets, structs, type=ARROW.field("levels").type)
    return pa.RecordBatch.from_arrays([*columns, lists], schema=ARROW)


def from_arrow(batch: pa.RecordBatch) -> Records:
    """Rows of a part as records."""
    messages = np.zeros(len(batch), MESSAGE)
    for name in COLUMNS:
        messages[name] = batch.column(name).to_numpy()
    lists = batch.column("levels")
    offsets = lists.offsets.to_numpy()
    values = lists.flatten()
    levels = np.zeros(len(values), LEVEL)
    for name in _LEVEL_NAMES:
        levels[name] = values.field(name).to_numpy()
    messages["begin"], messages["end"] = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
    return Records(messages, levels)


def wrong_with(records: Records) -> str:
    """Why these cannot be stored records; empty where they can."""
    messages, levels = records.messages, records.levels
    kinds = messages["kind"]
    counts = messages["end"] - messages["begin"]
    reasons = messages["prev_id"][kinds == GAP]
    if ((kinds <= OTHER) | (kinds > REQUEST) | (kinds == REFRESH)).any():
        return "kind of a message must be that of one that arrives"
    if not np.isin(reasons, list(GapReason)).all():
        return "reason of a gap must be a known one"
    if (counts[kinds == TRADE] != 1).any() or (counts[np.isin(kinds, (GAP, REQUEST))] != 0).any():
        return "a trade must have one level, a gap and a request none"
    if len(levels) and not (0 <= levels["tick"].min() <= levels["tick"].max() <= MAX_TICK):
        return f"tick must be 0 to {MAX_TICK}, got {levels['tick'].min()} to {levels['tick'].max()}"
    if len(levels) and not (0 <= levels["size"].min() <= levels["size"].max() <= MAX_SIZE):
        return f"size must be 0 to {MAX_SIZE}, got {levels['size'].min()} to {levels['size'].max()}"
    return ""
