"""Trades from Binance's public archive: ``SYMBOL-aggTrades-DAY.zip`` and ``SYMBOL-trades-DAY.zip``, packed or not.

Columns (https://github.com/binance/binance-public-data), after a heading that some files have, for ``aggTrades``: id,
price, quantity, first and last trade id, time, was the buyer the maker; for ``trades``: id, price, quantity, quote
quantity, time, was the buyer the maker; of spot also, was it the best match. Times are milliseconds, since 2025
microseconds for spot. There is no local time in the files: it *is* the event time.

Each row becomes the message that the stream would have sent, and goes through the decoder of its venue, which is exact
or refuses. Trades alone make no book: they are for a lake, and a replay of them stays unsynced.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from msray.errors import FeedError
from msray.feeds.compressed import PackedFile, packed_files
from msray.feeds.declared import declared
from msray.feeds.text_lines import TextLines
from msray.market import Instrument
from msray.prediction import Arrived, Disconnected, LogEvent
from msray.venues import MICROSECONDS_FROM, Frames, infer_from_trades

_NAME = re.compile(r"(?P<symbol>[A-Z0-9_]+)-(?P<kind>aggTrades|trades)-(?P<day>\d{4}-\d\d(-\d\d)?)\.csv(\.gz|\.zst)?")
_COIN_MARGINED = re.compile(r"[A-Z0-9]+USD_(PERP|[0-9]{6})")
_NUMBER, _IS = rb"([0-9]+(?:\.[0-9]+)?)", rb"((?i:true|false))"
_ROWS = {
    "aggTrades": re.compile(rb"([0-9]+),%b,%b,([0-9]+),([0-9]+),([0-9]+),%b(,%b)?\r?" % (_NUMBER, _NUMBER, _IS, _IS)),
    "trades": re.compile(rb"([0-9]+),%b,%b,(%b),([0-9]+),%b(,%b)?\r?" % (_NUMBER, _NUMBER, _NUMBER, _IS, _IS)),
}
_FRAMES = {
    "aggTrades": b'{"e":"aggTrade","E":%b,"s":"%b","a":%b,"p":"%b","q":"%b","f":%b,"l":%b,"T":%b,"m":%b}',
    "trades": b'{"e":"trade","E":%b,"s":"%b","t":%b,"p":"%b","q":"%b","T":%b,"m":%b}',
}
_FIRST_ROWS = 4096
_MOST_TEXTS = 100
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _File:
    """A file of trades, and what its name says."""

    file: PackedFile
    symbol: str
    kind: str
    begin_ns: int

    def rows(self, lines: Iterable[bytes]) -> Iterator[re.Match[bytes] | None]:
        """The columns of each line; None where it is anything else."""
        return map(_ROWS[self.kind].fullmatch, lines)

    def frame(self, row: re.Match[bytes]) -> bytes:
        """The message that the stream would have sent."""
        symbol = self.symbol.encode()
        if self.kind == "aggTrades":
            number, price, size, first, last, time, is_maker = row.groups()[:7]
            return _FRAMES[self.kind] % (time, symbol, number, price, size, first, last, time, is_maker.lower())
        number, price, size, _, _, time, is_maker = row.groups()[:7]
        return _FRAMES[self.kind] % (time, symbol, number, price, size, time, is_maker.lower())

    def time_ns(self, row: re.Match[bytes]) -> int:
        """When the trade was."""
        time = int(row[6])
        return time * (1_000 if time >= MICROSECONDS_FROM else 1_000_000)


class ArchiveGroup:
    """The files of one symbol.

    Parameters
    ----------
    instrument
        Whose they are.
    files
        Of one kind.
    """

    def __init__(self, instrument: Instrument, files: Sequence[_File]) -> None:
        self.instrument = instrument
        self._files = sorted(files, key=lambda one: one.begin_ns)
        self.begin_ns = self._files[0].begin_ns
        self.files = tuple(dict.fromkeys(one.file.path for one in self._files))
        self.total_bytes = sum(one.file.size for one in self._files)
        self.problems: list[str] = []
        self._untold = 0
        self._readers: list[TextLines] = []

    @property
    def bytes_read(self) -> int:
        """Of the files as they lie on the disk."""
        return sum(reader.bytes_read for reader in self._readers)

    def events(self, *, hint: int = 0) -> Iterator[LogEvent]:
        """Its trades in order; a ``Disconnected`` where a file ends early. ``hint`` is of no use here."""
        self.problems, self._untold, self._readers = [], 0, []
        for one in self._files:
            yield from self._read(one)
        if self._untold:
            self.problems.append(f"{self._untold} more bad rows of {self.instrument.id}")

    def _read(self, one: _File) -> Iterator[LogEvent]:
        reader = TextLines(one.file)
        self._readers.append(reader)
        last_ns = one.begin_ns
        for number, lines in reader.chunks():
            good = []
            for at, (line, row) in enumerate(zip(lines, one.rows(lines), strict=True), number):
                if row is not None:
                    good.append(row)
                elif at > 1 or line[:1].isdigit():  # else it is a heading
                    self._report(f"{one.file}, line {at}: is no row of {one.kind}, got {_shown(line)}")
            if good:
                times = [one.time_ns(row) for row in good]
                last_ns = times[-1]
                yield Arrived(self.instrument.venue, Frames.of([one.frame(row) for row in good], times))
        if reader.damage:
            self.problems.append(f"{one.file}: {reader.damage}")
            yield Disconnected((self.instrument.id,), last_ns)

    def _report(self, text: str) -> None:
        if len(self.problems) < _MOST_TEXTS:
            self.problems.append(text)
        else:
            self._untold += 1


def find_archives(paths: Iterable[Path], *, venue: str | None = None) -> tuple[list[ArchiveGroup], set[Path]]:
    """The files of Binance's archive among some files.

    Parameters
    ----------
    paths
        Files; those that are none, nor a zip that has any, are passed over.
    venue
        Whose they are, where their shape must not decide.

    Returns
    -------
    groups
        One a symbol and kind, by symbol.
    used
        The paths that belong to them.

    Raises
    ------
    FeedError
        If a file has no row of trades, or an archive cannot be read.
    """
    found: dict[tuple[str, str, str], list[_File]] = {}
    for path in paths:
        for file in packed_files(path):
            if name := _NAME.fullmatch(file.name):
                one = _File(file, name["symbol"], name["kind"], _begin_ns(file, name["day"]))
                found.setdefault((venue or _venue(one), one.symbol, one.kind), []).append(one)
    groups = [ArchiveGroup(_instrument(name, some), some) for (name, _, _), some in sorted(found.items())]
    return groups, {path for group in groups for path in group.files}


def _begin_ns(file: PackedFile, day: str) -> int:
    try:
        moment = datetime.strptime(day, "%Y-%m-%d" if day.count("-") == 2 else "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise FeedError(f"{file}: {error}") from error
    return int(moment.timestamp()) * 10**9


def _first_rows(one: _File) -> list[re.Match[bytes]]:
    lines = (line for _, some in TextLines(one.file).chunks() for line in some)
    rows = [row for row in one.rows(islice(lines, _FIRST_ROWS)) if row is not None]
    if not rows:
        raise FeedError(f"{one.file} has no row of {one.kind}")
    return rows


def _venue(one: _File) -> str:
    """Spot has one column more than futures."""
    if _first_rows(one)[0].groups()[7] is not None:
        return "binance_spot"
    return "binance_coinm" if _COIN_MARGINED.fullmatch(one.symbol) else "binance_usdm"


def _instrument(venue: str, files: Sequence[_File]) -> Instrument:
    first = min(files, key=lambda one: one.begin_ns)
    known = declared(first.file.path.parent, venue, first.symbol)
    if known is not None:
        return known
    rows = _first_rows(first)
    return infer_from_trades(venue, first.symbol, [(row[2].decode(), row[3].decode()) for row in rows])


def _shown(line: bytes) -> str:
    return repr(line[:_SHOWN].decode("ascii", "replace"))
