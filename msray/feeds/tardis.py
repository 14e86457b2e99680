"""Tardis.dev's files ``EXCHANGE_incremental_book_L2_DAY_SYMBOL.csv.gz`` and ``EXCHANGE_trades_DAY_SYMBOL.csv.gz``.

Both of a day are read side by side, in the order of local time; where times are equal, trades come first. A row that
cannot be read is a problem that names file and line; if it is one of the book, the book is given up until the next
snapshot.
"""

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from msray.errors import FeedError, UsageError
from msray.feeds.compressed import PackedFile
from msray.feeds.declared import declared
from msray.feeds.text_lines import TextLines
from msray.market import DEPTH, SNAPSHOT, TRADE, Instrument
from msray.prediction import Disconnected, LogEvent, Replayed
from msray.venues import (
    SIDES,
    RefusedError,
    TardisDecoder,
    TardisMessage,
    infer_tardis,
    tardis_venue,
)

_NAME = re.compile(
    r"(?P<exchange>[a-z0-9-]+)_(?P<kind>incremental_book_L2|trades)_(?P<day>\d{4}-\d\d-\d\d)_(?P<symbol>[^_/]+)"
    r"\.csv(\.gz|\.zst)?"
)
_HEADINGS = {
    "incremental_book_L2": b"exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount",
    "trades": b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
}
_TIME = re.compile(rb"[0-9]{16}")
_CHUNK = 4096
_FIRST_LEVELS = 20_000
_MOST_TEXTS = 100
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _Read:
    """A message, or in its place a row that is none; and the line at which it ends."""

    local_us: int
    line: int
    message: TardisMessage | None
    problem: str = ""


class _Book:
    """The messages of one book file."""

    kind = "incremental_book_L2"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = TextLines(PackedFile(path))

    def messages(self) -> Iterator[_Read]:
        """In the order of the file. What a file that was cut ends with may lack rows, and is left out."""
        rows: list[_Row] = []
        for line, row in _rows(self.reader, self.kind):
            is_next = bool(rows) and (row is None or not rows[-1].joins(row))
            if is_next:
                yield _joined(rows, line - 1)
                rows = []
            if row is not None:
                rows.append(row)
            else:
                yield _Read(0, line, None, "is no row of incremental_book_L2")
        if rows and not self.reader.damage:
            yield _joined(rows, self.reader.lines)


class _Trades:
    """The messages of one file of trades."""

    kind = "trades"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = TextLines(PackedFile(path))

    def messages(self) -> Iterator[_Read]:
        """In the order of the file."""
        for line, row in _rows(self.reader, self.kind):
            if row is None:
                yield _Read(0, line, None, "is no row of trades")
            else:
                yield _Read(row.local_us, line, TardisMessage(TRADE, row.event_us, row.local_us, [row.level]))


@dataclass(frozen=True, slots=True)
class _Row:
    event_us: int
    local_us: int
    is_snapshot: bool
    level: tuple[int, str, str]

    def joins(self, other: "_Row") -> bool:
        """Whether the next row is of the same message."""
        if self.is_snapshot or other.is_snapshot:
            return self.is_snapshot and other.is_snapshot
        return self.local_us == other.local_us


def _rows(reader: TextLines, kind: str) -> Iterator[tuple[int, _Row | None]]:
    is_book = kind == "incremental_book_L2"
    for number, lines in reader.chunks():
        for line, text in enumerate(lines, number):
            if line > 1:
                yield line, _row(text, is_book=is_book)
            elif text.rstrip(b"\r") != _HEADINGS[kind]:
                raise FeedError(f"{reader.file}, line 1: must be {_HEADINGS[kind].decode()}, got {_shown(text)}")


def _row(text: bytes, *, is_book: bool) -> _Row | None:
    """One line; its numbers are judged later. None where the columns are wrong."""
    columns = text.rstrip(b"\r").split(b",")
    if len(columns) != 8 or not (_TIME.fullmatch(columns[2]) and _TIME.fullmatch(columns[3])):
        return None
    side = columns[5].decode("ascii", "replace")
    if side not in (("bid", "ask") if is_book else ("buy", "sell", "unknown")):
        return None
    if is_book and columns[4] not in (b"true", b"false"):
        return None
    level = SIDES[side], columns[6].decode("ascii", "replace"), columns[7].decode("ascii", "replace")
    return _Row(int(columns[2]), int(columns[3]), is_book and columns[4] == b"true", level)


def _joined(rows: Sequence[_Row], line: int) -> _Read:
    last = rows[-1]
    kind = SNAPSHOT if last.is_snapshot else DEPTH
    message = TardisMessage(kind, last.event_us, last.local_us, [row.level for row in rows])
    return _Read(last.local_us, line, message)


class TardisGroup:
    """The files of one symbol.

    Parameters
    ----------
    instrument
        Whose they are.
    days
        When each day begins, nanoseconds UTC, and its files: a book, trades, or both.
    """

    def __init__(self, instrument: Instrument, days: Sequence[tuple[int, Sequence[Path]]]) -> None:
        self.instrument = instrument
        self._days = sorted(days)
        self.begin_ns = self._days[0][0]
        self.files = tuple(path for _, paths in self._days for path in paths)
        self.total_bytes = sum(path.stat().st_size for path in self.files)
        self.problems: list[str] = []
        self._untold = 0
        self._readers: list[TextLines] = []

    @property
    def bytes_read(self) -> int:
        """Of the files as they lie on the disk."""
        return sum(reader.bytes_read for reader in self._readers)

    def events(self, *, hint: int = 0) -> Iterator[LogEvent]:
        """Its records in order; a ``Disconnected`` where a file ends early. ``hint`` is of no use here."""
        self.problems, self._untold, self._readers = [], 0, []
        decoder = TardisDecoder(self.instrument)
        for begin_ns, paths in self._days:
            yield from self._read(decoder, begin_ns // 1000, paths)
        if self._untold:
            self.problems.append(f"{self._untold} more bad rows of {self.instrument.id}")

    def _read(self, decoder: TardisDecoder, begin_us: int, paths: Sequence[Path]) -> Iterator[LogEvent]:
        trades = [_Trades(path) for path in paths if _kind(path) == _Trades.kind]
        books = [_Book(path) for path in paths if _kind(path) == _Book.kind]
        files: list[_Trades | _Book] = [*trades, *books]
        self._readers += [one.reader for one in files]
        merged = heapq.merge(*(_from(one) for one in files), key=lambda pair: pair[1].local_us)
        now_us, is_begun = begin_us, False
        for file, read in merged:
            now_us = max(now_us, read.local_us)
            if not is_begun:
                decoder.begin(now_us)
                is_begun = True
            self._take(decoder, file, read, now_us)
            if len(decoder) >= _CHUNK:
                yield Replayed(self.instrument.id, decoder.take())
        if len(decoder):
            yield Replayed(self.instrument.id, decoder.take())
        damage = [f"{one.path}: {one.reader.damage}" for one in files if one.reader.damage]
        self.problems += damage
        if damage:
            yield Disconnected((self.instrument.id,), now_us * 1000)

    def _take(self, decoder: TardisDecoder, file: "_Trades | _Book", read: _Read, now_us: int) -> None:
        problem = read.problem
        if read.message is not None:
            try:
                decoder.add(read.message)
            except RefusedError as error:
                problem = str(error)
        if not problem:
            return
        if isinstance(file, _Book):
            decoder.lose(now_us)
        if len(self.problems) < _MOST_TEXTS:
            self.problems.append(f"{file.path}, line {read.line}: {problem}")
        else:
            self._untold += 1


def find_tardis(paths: Iterable[Path]) -> tuple[list[TardisGroup], set[Path]]:
    """The files of Tardis.dev among some files.

    Parameters
    ----------
    paths
        Files; those that are none, by their names, are passed over.

    Returns
    -------
    groups
        One a symbol, by venue and symbol.
    used
        The paths that belong to them.

    Raises
    ------
    UsageError
        If a file is there twice, packed and unpacked.
    FeedError
        If a file is not what its name says, or numbers cannot be inferred from it.
    """
    found: dict[tuple[str, str], dict[int, dict[str, Path]]] = {}
    for path in paths:
        if name := _NAME.fullmatch(path.name):
            day = found.setdefault((tardis_venue(name["exchange"]), name["symbol"]), {}).setdefault(_begin_ns(path), {})
            if day.setdefault(name["kind"], path) is not path:
                raise UsageError(f"{path} and {day[name['kind']]} are the same day: name one of them")
    groups = []
    for (venue, symbol), days in sorted(found.items()):
        files = [(begin_ns, list(some.values())) for begin_ns, some in sorted(days.items())]
        groups.append(TardisGroup(_instrument(venue, symbol, files[0][1]), files))
    return groups, {path for group in groups for path in group.files}


def _kind(path: Path) -> str:
    name = _NAME.fullmatch(path.name)
    return name["kind"] if name else ""


def _from(file: "_Trades | _Book") -> Iterator[tuple["_Trades | _Book", _Read]]:
    return ((file, read) for read in file.messages())


def _begin_ns(path: Path) -> int:
    name = _NAME.fullmatch(path.name)
    try:
        moment = datetime.strptime(name["day"] if name else "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise FeedError(f"{path}: {error}") from error
    return int(moment.timestamp()) * 10**9


def _instrument(venue: str, symbol: str, paths: Sequence[Path]) -> Instrument:
    """From what lies beside the files, else from the first levels of the book, else from the first trades."""
    known = declared(paths[0].parent, venue, symbol)
    if known is not None:
        return known
    path = min(paths, key=lambda one: _kind(one) != _Book.kind)
    rows = (row for _, row in _rows(TextLines(PackedFile(path)), _kind(path)) if row is not None)
    levels = [row.level for row in islice(rows, _FIRST_LEVELS)]
    try:
        return infer_tardis(venue, symbol, levels)
    except FeedError as error:
        raise FeedError(f"{path}: {error}", hint="put an instruments.json beside it") from error


def _shown(text: bytes) -> str:
    return repr(text[:_SHOWN].decode("ascii", "replace"))
