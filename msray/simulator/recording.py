"""Recordings as a source of events: lines ``<local time> <JSON>`` of any number of instruments, one instrument a file.

What is sent is the recorded JSON, byte for byte: the ``data`` object where a line is in the combined form. Files of one
instrument are one chain, in the order of their first lines; chains are merged by local time.
"""

import gzip
import heapq
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from msray.errors import FeedError, UsageError
from msray.simulator.source import Change, Event, Kind, Listed
from msray.venues import identify, infer_instrument

_HEAD_LINES = 5_000
_DEPTH_MESSAGES = 64
_SNAPSHOT_LINES = 200_000
_NOT_RECORDINGS = {".md", ".sha256", ".json", ".yaml", ".txt"}
_UNIT_NS = {13: 1_000_000, 16: 1_000, 19: 1}
_WRAPPER = b'{"stream":"'
_DATA = b'","data":'
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)


class _Shape(msgspec.Struct):
    """The keys that tell what a message is."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    e: str | None = None
    lastUpdateId: int | None = None  # noqa: N815 (the venue's name)
    B: str | None = None


@dataclass(slots=True)
class _Chain:
    """The files of one instrument."""

    paths: list[Path]
    listed: Listed
    kinds: dict[bytes, Kind | None] = field(default_factory=dict)
    has_snapshot_ahead: bool = True


class RecordingSource:
    """A recording of one or many instruments.

    Parameters
    ----------
    paths
        Files, and folders to look for files in.
    venue
        Overrides what the shape of the messages says.

    Attributes
    ----------
    bad_lines
        Lines that could not be read so far.
    damaged_files
        Files that broke off, of those read so far.

    Raises
    ------
    UsageError
        If a path is not there, or a folder holds no recording.
    FeedError
        If a file is not a recording.
    """

    def __init__(self, paths: Sequence[Path], venue: str | None = None) -> None:
        self.bad_lines = 0
        self.damaged_files = 0
        self._venue = venue
        self._folders = {path if path.is_dir() else path.parent for path in paths}
        groups: dict[tuple[str, str], list[tuple[int, Path]]] = {}
        for path in dict.fromkeys(file.resolve() for file in _files(paths)):
            first_ns, key = self._look_at(path)
            groups.setdefault(key, []).append((first_ns, path))
        self._chains = [self._chain(key, [path for _, path in sorted(files)]) for key, files in sorted(groups.items())]
        self.bad_lines = self.damaged_files = 0  # what the look ahead has seen will be seen again

    @property
    def listed(self) -> Sequence[Listed]:
        """Every instrument there is, by id."""
        return [chain.listed for chain in self._chains]

    def events(self) -> Iterator[Event]:
        """All events by local time; where times are equal, by instrument."""
        chains = [self._events(index, chain) for index, chain in enumerate(self._chains)]
        return heapq.merge(*chains, key=_time) if len(chains) > 1 else chains[0]

    def truth(self, until_ns: int) -> list[Change]:
        """Nobody planted anything."""
        return []

    def exchange_info(self, venue: str) -> bytes | None:
        """A file ``exchangeInfo_<venue>.json`` beside the recording."""
        for folder in sorted(self._folders):
            path = folder / f"exchangeInfo_{venue}.json"
            if path.is_file():
                return path.read_bytes()
        return None

    # ---------------------------------------------------------------- reading

    def _look_at(self, path: Path) -> tuple[int, tuple[str, str]]:
        """First local time of a file, and whose it is."""
        lines = list(itertools.islice(self._lines(path), _HEAD_LINES))
        if not lines:
            raise FeedError(f"{path} is not a recording: no line of it looks like '<local time> <JSON>'")
        try:
            venue, symbol = identify(line for _, line in lines)
        except FeedError as error:
            raise FeedError(f"{path}: {error}", hint=error.hint) from error
        return lines[0][0], (self._venue or venue, symbol)

    def _chain(self, key: tuple[str, str], paths: list[Path]) -> _Chain:
        depths: list[bytes] = []
        snapshot = None
        for _, line in itertools.islice(self._lines(paths[0]), _SNAPSHOT_LINES):
            if b'"lastUpdateId"' in line[:64]:
                snapshot = line
                break
            if len(depths) < _DEPTH_MESSAGES and b'"depthUpdate"' in line[:128]:
                depths.append(line)
        instrument = infer_instrument(*key, [snapshot] if snapshot else depths)
        price, size = _digits(snapshot or depths[0])
        listed = Listed(
            instrument=instrument, snapshot=snapshot, price_digits=price, size_digits=size, is_recorded=True
        )
        return _Chain(paths, listed, has_snapshot_ahead=snapshot is not None)

    def _lines(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """Local time in ns and the JSON of every good line."""
        with _open(path) as file:
            while True:
                try:
                    line = file.readline()
                except _DAMAGE:
                    self.damaged_files += 1
                    return
                if not line:
                    return
                local, _, body = line.partition(b" ")
                unit_ns = _UNIT_NS.get(len(local))
                if unit_ns is None or not local.isdigit() or not body.startswith(b"{"):
                    self.bad_lines += 1
                    continue
                yield int(local) * unit_ns, body.rstrip()

    def _events(self, index: int, chain: _Chain) -> Iterator[Event]:
        kinds = chain.kinds
        for path in chain.paths:
            for at_ns, line in self._lines(path):
                if line.startswith(_WRAPPER):
                    end = line.find(b'"', len(_WRAPPER))
                    name = line[len(_WRAPPER) : end]
                    if name not in kinds:
                        kinds[name] = _kind_of_stream(name)
                    if line[end : end + len(_DATA)] == _DATA:
                        kind, payload = kinds[name], line[end + len(_DATA) : -1]
                    else:
                        kind, payload = self._judge(line)
                else:
                    kind, payload = self._judge(line)
                if kind is Kind.SNAPSHOT and chain.has_snapshot_ahead:
                    chain.has_snapshot_ahead = False
                elif kind is not None:
                    yield Event(at_ns, index, kind, payload)

    def _judge(self, line: bytes) -> tuple[Kind | None, bytes]:
        """What a line is that is not in the plain combined form, and its message."""
        try:
            shape = msgspec.json.decode(line, type=_Shape)
            if shape.stream is not None:
                return _kind_of_stream(shape.stream.encode()), bytes(shape.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.bad_lines += 1
            return None, line
        if shape.lastUpdateId is not None:
            return Kind.SNAPSHOT, line
        if shape.e == "depthUpdate":
            return Kind.DEPTH, line
        if shape.e in ("trade", "aggTrade"):
            return Kind.TRADE, line
        is_ticker = shape.e == "bookTicker" or (shape.e is None and shape.B is not None)
        return (Kind.BOOK_TICKER if is_ticker else None), line


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path
            continue
        if not path.is_dir():
            raise UsageError(f"recording {path} is not there")
        found = [
            file
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.suffix not in _NOT_RECORDINGS and not file.name.startswith(".")
        ]
        if not found:
            raise UsageError(f"recording folder {path} holds no recording")
        yield from found


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    # readline() of GzipFile itself is Python; a BufferedReader around it is not.
    return io.BufferedReader(gzip.GzipFile(path), 1 << 18) if is_gzip else path.open("rb", buffering=1 << 18)


def _kind_of_stream(name: bytes) -> Kind | None:
    channel = name.split(b"@")[1:2]
    kinds = {b"depth": Kind.DEPTH, b"trade": Kind.TRADE, b"aggTrade": Kind.TRADE, b"bookTicker": Kind.BOOK_TICKER}
    return kinds.get(channel[0]) if channel else None


def _digits(message: bytes) -> tuple[int, int]:
    """Decimals of the first price and size in a message."""
    strings = message.partition(b"[[")[2].split(b'"', 4)
    price, size = (strings[1], strings[3]) if len(strings) > 3 else (b"", b"")
    return len(price.partition(b".")[2]), len(size.partition(b".")[2])


def _time(event: Event) -> int:
    return event.at_ns
