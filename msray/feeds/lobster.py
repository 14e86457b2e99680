"""LOBSTER days: pairs of files ``SYMBOL_DAY_BEGIN_END_message_RANKS.csv`` and ``..._orderbook_RANKS.csv``.

They may lie in a zip. The rows are read side by side and go to :class:`~msray.venues.LobsterDecoder`. A row that it
refuses is a problem that names file and line, and so is a file that ends before the other.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msray.errors import FeedError, UsageError
from msray.feeds.compressed import FileBytes, PackedFile, ZipBytes, packed_files
from msray.market import Instrument
from msray.prediction import Disconnected, LogEvent, Replayed
from msray.venues import LobsterDecoder, Refused, lobster_instrument, midnight_ns, read_table

CHUNK_NUMBERS = 1 << 17
"""Numbers of the order book that are read at once."""

_NAME = re.compile(
    r"(?P<symbol>[^_/\s:?#]+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<begin>\d{1,8})_\d{1,8}_(?P<kind>message|orderbook)_"
    r"(?P<ranks>\d{1,3})\.csv(\.gz|\.zst)?"
)
_MOST_TEXTS = 100
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _File:
    """One of the two files of a day, and what its name says."""

    file: PackedFile
    name: re.Match[str]

    def __str__(self) -> str:
        return str(self.file)


@dataclass(slots=True)
class _Day:
    """One day of one symbol."""

    message: _File
    orderbook: _File
    day: date
    problems: list[str] = field(default_factory=list)
    untold: int = 0
    sources: tuple[FileBytes | ZipBytes, ...] = ()

    @property
    def begin_ns(self) -> int:
        """The time that the name gives as the beginning."""
        return midnight_ns(self.day) + int(self.message.name["begin"]) * 1_000_000

    @property
    def ranks(self) -> int:
        """Levels of each side."""
        return int(self.message.name["ranks"])

    def report(self, text: str) -> None:
        """Note a problem."""
        if len(self.problems) < _MOST_TEXTS:
            self.problems.append(text)
        else:
            self.untold += 1

    def refuse(self, refused: Refused, texts: tuple[dict[int, bytes], dict[int, bytes]], first_row: int) -> None:
        """Note a row that is not believed; ``texts`` are those of unreadable lines, counted from ``first_row``."""
        text = texts[refused.is_book].get(refused.row - first_row)
        got = "" if text is None else f", got {text[:_SHOWN].decode('ascii', 'replace')!r}"
        file = self.orderbook if refused.is_book else self.message
        self.report(f"{file}, line {refused.row}: {refused.reason}{got}")


class LobsterGroup:
    """The days of one symbol.

    Parameters
    ----------
    instrument
        Whose they are.
    days
        As :func:`find_lobster` found them.
    """

    def __init__(self, instrument: Instrument, days: Sequence[_Day]) -> None:
        self.instrument = instrument
        self._days = sorted(days, key=lambda one: one.day)
        self.begin_ns = self._days[0].begin_ns
        files = [file for one in self._days for file in (one.message, one.orderbook)]
        self.files = tuple(dict.fromkeys(file.file.path for file in files))
        self.total_bytes = sum(file.file.size for file in files)

    @property
    def bytes_read(self) -> int:
        """Of the files as they lie on the disk."""
        return sum(source.bytes_read for one in self._days for source in one.sources)

    @property
    def problems(self) -> list[str]:
        """Rows that were not believed, files that ended early."""
        told = [text for one in self._days for text in one.problems]
        untold = sum(one.untold for one in self._days)
        return [*told, *([f"{untold} more bad rows of {self.instrument.id}"] if untold else [])]

    def events(self, *, hint: int = 0) -> Iterator[LogEvent]:
        """Its records in order; a ``Disconnected`` where a day ends early. ``hint`` is of no use here."""
        for one in self._days:
            yield from self._read(one)

    def _read(self, one: _Day) -> Iterator[LogEvent]:
        message, orderbook = one.message.file.open(), one.orderbook.file.open()
        one.sources, one.problems, one.untold = (message, orderbook), [], 0
        decoder = LobsterDecoder(one.ranks, one.day)
        tables = _Tables(message, 6, is_timed=True), _Tables(orderbook, 4 * one.ranks, is_timed=False)
        rows = max(CHUNK_NUMBERS // (4 * one.ranks), 1)
        last_ns = one.begin_ns
        while True:
            (events, event_texts), (books, book_texts) = (table.read(rows) for table in tables)
            both, first_row = min(len(events), len(books)), decoder.rows + 1
            records, refused = decoder.decode(events[:both], books[:both])
            for row in refused:
                one.refuse(row, (event_texts, book_texts), first_row)
            if len(records):
                last_ns = int(records.messages["local_ns"][-1])
                yield Replayed(self.instrument.id, records)
            if both < rows:
                break
        files = (one.message, one.orderbook)
        damage = [f"{file}: {table.damage}" for file, table in zip(files, tables, strict=True) if table.damage]
        if len(events) != len(books):
            short, long = files if len(events) < len(books) else files[::-1]
            damage.append(f"{short}: ends behind line {decoder.rows}, where {long.name[0]} goes on")
        for text in damage:
            one.report(text)
        if damage:
            yield Disconnected((self.instrument.id,), last_ns)


class _Tables:
    """The lines of one file as tables of numbers."""

    def __init__(self, source: FileBytes | ZipBytes, columns: int, *, is_timed: bool) -> None:
        self._source = source
        self._pieces = source.pieces()
        self._columns = columns
        self._is_timed = is_timed
        self._text = np.zeros(0, np.uint8)
        self._at = 0
        self._rows = 0

    @property
    def damage(self) -> str:
        """Why the file ended early; empty where it did not, or not yet."""
        if self._at < len(self._text) and not self._source.damage:
            return f"ends in the middle of line {self._rows + 1}"
        return self._source.damage

    def read(self, rows: int) -> tuple[NDArray[np.int64], dict[int, bytes]]:
        """So many rows, fewer at the end; and the texts of those that are not numbers."""
        table = np.empty((rows, self._columns), np.int64)
        texts: dict[int, bytes] = {}
        done = 0
        while True:
            lines, self._at, unreadable = read_table(self._text, self._at, table[done:], is_timed=self._is_timed)
            texts |= {done + row: text for row, text in unreadable.items()}
            done += lines
            piece = None if done == rows else next(self._pieces, None)
            if piece is None:
                self._rows += done
                return table[:done], texts
            self._text = np.concatenate([self._text[self._at :], np.frombuffer(piece, np.uint8)])
            self._at = 0


def find_lobster(paths: Iterable[Path]) -> tuple[list[LobsterGroup], set[Path]]:
    """The LOBSTER days among some files.

    Parameters
    ----------
    paths
        Files; those that are no LOBSTER file, nor a zip that has any, are passed over.

    Returns
    -------
    groups
        One a symbol, by symbol.
    used
        The paths that belong to them.

    Raises
    ------
    FeedError
        If a file lacks its other half, or an archive cannot be read.
    UsageError
        If a day of a symbol is there twice.
    """
    found: dict[tuple[str, date], dict[str, _File]] = {}
    for path in paths:
        for file in _files_in(path):
            key, kind = (file.name["symbol"], _day(file)), file.name["kind"]
            other = found.setdefault(key, {}).setdefault(kind, file)
            if other is not file:
                raise UsageError(f"{file} and {other} are the same day: name one of them")
    days: dict[str, list[_Day]] = {}
    for (symbol, day), pair in sorted(found.items()):
        days.setdefault(symbol, []).append(_paired(pair, day))
    groups = [LobsterGroup(lobster_instrument(symbol), some) for symbol, some in days.items()]
    return groups, {path for group in groups for path in group.files}


def _files_in(path: Path) -> Iterator[_File]:
    for file in packed_files(path):
        if name := _NAME.fullmatch(file.name):
            yield _File(file, name)


def _day(file: _File) -> date:
    try:
        return date.fromisoformat(file.name["day"])
    except ValueError as error:
        raise FeedError(f"{file}: {error}") from error


def _paired(pair: dict[str, _File], day: date) -> _Day:
    (file,) = list(pair.values())[:1]
    for kind, other in (("message", "orderbook"), ("orderbook", "message")):
        if kind not in pair:
            raise FeedError(f"{file} has no {kind} file beside it", hint=f"both {kind} and {other} files are needed")
    message, orderbook = pair["message"], pair["orderbook"]
    if message.name["ranks"] != orderbook.name["ranks"]:
        raise FeedError(f"{message} and {orderbook} must have the same levels")
    if not int(message.name["ranks"]) >= 1:
        raise FeedError(f"{message} must have at least one level")
    return _Day(message, orderbook, day)
