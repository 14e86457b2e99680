"""Bare recordings: files of lines ``<local receive time> <JSON>``, as recorders of raw WebSocket messages write them.

The lines do not say whose they are, so files are told apart by the shape of their messages, and those of one instrument
become one chain. An instrument's numbers are what an ``instruments.json`` or an ``exchangeInfo.json`` beside the file
says, else what its first snapshot shows. LOBSTER's days, files of Binance's public archive and of Tardis.dev, and parts
of a lake that lie among them are found by their names, SHFE snapshots by their columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from msray.errors import FeedError, UsageError
from msray.feeds.archive import find_archives
from msray.feeds.compressed import FileBytes
from msray.feeds.declared import declared
from msray.feeds.lake.swap import mend
from msray.feeds.line_reader import CHUNK_BYTES, LineReader
from msray.feeds.lobster import find_lobster
from msray.feeds.tardis import find_tardis
from msray.feeds.time_order import in_time_order
from msray.market import Instrument
from msray.prediction import Arrived, Disconnected, LogEvent
from msray.venues import Frames, find_venue, identify, infer_instrument

_SHOWN = 60


class Group(Protocol):
    """What was recorded of one instrument."""

    @property
    def instrument(self) -> Instrument:
        """Whose it is."""
        ...

    @property
    def begin_ns(self) -> int:
        """First local time, nanoseconds UTC."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""
        ...

    @property
    def total_bytes(self) -> int:
        """Size on the disk."""
        ...

    @property
    def bytes_read(self) -> int:
        """How much of that has been gone through."""
        ...

    @property
    def problems(self) -> list[str]:
        """What could not be read so far, a line each."""
        ...

    def events(self, *, hint: int = 0) -> Iterator[LogEvent]:
        """Its events; ``hint`` is the place of the instrument among those of its venue in the pipeline."""
        ...


class RecordingGroup:
    """The recording of one instrument.

    Parameters
    ----------
    instrument
        Whose it is.
    files
        Each with its first receive time, nanoseconds UTC, earliest first.
    """

    def __init__(self, instrument: Instrument, files: Sequence[tuple[int, Path]]) -> None:
        self.instrument = instrument
        self.begin_ns = files[0][0]
        self.files = tuple(path for _, path in files)
        self.total_bytes = sum(path.stat().st_size for path in self.files)
        self._begins_ns = [begin_ns for begin_ns, _ in files]
        self._readers: list[LineReader] = []

    @property
    def bytes_read(self) -> int:
        """Of the files as they lie on the disk."""
        return sum(reader.bytes_read for reader in self._readers)

    @property
    def lines(self) -> int:
        """All lines read."""
        return sum(reader.lines for reader in self._readers)

    @property
    def bad_lines(self) -> int:
        """Lines without a receive time in front, or longer than a chunk; they are left out."""
        return sum(reader.bad_lines for reader in self._readers)

    @property
    def damage(self) -> list[str]:
        """Files that ended early, and why."""
        pairs = zip(self.files, self._readers, strict=False)
        return [f"{path}: {reader.damage}" for path, reader in pairs if reader.damage]

    @property
    def problems(self) -> list[str]:
        """What could not be read so far, a line each."""
        bad = f"{self.bad_lines} bad lines of {self.instrument.id}"
        return [*self.damage, *([bad] if self.bad_lines else [])]

    def events(self, *, hint: int = 0, chunk_bytes: int = CHUNK_BYTES) -> Iterator[LogEvent]:
        """Its frames in order of receive time; a ``Disconnected`` where a damaged file ends early.

        Parameters
        ----------
        hint
            Place of the instrument among those of its venue in the pipeline.
        chunk_bytes
            Text that is read at once.
        """
        self._readers = [LineReader(path, chunk_bytes=chunk_bytes) for path in self.files]
        streams = [
            (at_ns, self._read(reader, hint)) for at_ns, reader in zip(self._begins_ns, self._readers, strict=True)
        ]
        return in_time_order(streams)

    def _read(self, reader: LineReader, hint: int) -> Iterator[LogEvent]:
        last_ns = 0
        for frames in reader.chunks(hint=hint):
            last_ns = int(frames.local_ns[-1])
            yield Arrived(self.instrument.venue, frames)
        if reader.damage:
            yield Disconnected((self.instrument.id,), last_ns)


@dataclass(frozen=True, slots=True)
class Recordings:
    """What was found in some places.

    Attributes
    ----------
    groups
        One an instrument.
    ignored
        Files of folders that are no recordings, and why; a file that was named is never ignored.
    """

    groups: list[Group]
    ignored: list[str]


def open_recordings(paths: Sequence[Path], *, venue: str | None = None) -> Recordings:
    """Find recordings and whose they are.

    Parameters
    ----------
    paths
        Files, and folders that are searched with all that is in them.
    venue
        Whose all of them are, where their shape must not decide.

    Raises
    ------
    UsageError
        If a path is not there, the venue is not known, or an instrument is there in two ways.
    FeedError
        If a file that was named is no recording, or nothing is; it names file, line and reason.
    UnavailableError
        If a day of a lake was being replaced when that was cut short, and cannot be put in its place.
    """
    if venue is not None:
        find_venue(venue)
    heads: list[_Head] = []
    ignored: list[str] = []
    files = list(_files(paths))
    groups, used = _by_name([path for path, _ in files], venue)
    for path, is_named in files:
        if path in used:
            continue
        try:
            heads.append(_Head(path, venue))
        except FeedError as error:
            if is_named:
                raise
            ignored.append(str(error))
    if not heads and not used:
        raise FeedError(f"no recording in {', '.join(map(str, paths))}", hint="; ".join(ignored[:3]))
    chains: dict[tuple[str, str], list[_Head]] = {}
    for head in heads:
        chains.setdefault((head.venue, head.symbol), []).append(head)
    groups = [*(_group(chain) for chain in chains.values()), *groups]
    for before, after in pairwise(sorted(groups, key=lambda group: group.instrument.id)):
        if before.instrument.id == after.instrument.id:
            places = f"{before.files[0]} and {after.files[0]}"
            raise UsageError(f"{after.instrument.id} is there twice: {places}", hint="name one of them")
    return Recordings(groups, ignored)


def _by_name(paths: Sequence[Path], venue: str | None) -> tuple[list[Group], set[Path]]:
    """What is told by the names of files or by their columns, and which of them it was."""
    finders: list[Callable[[Sequence[Path]], tuple[Sequence[Group], set[Path]]]] = [
        find_lobster,
        partial(find_archives, venue=venue),
        find_tardis,
    ]
    if any(path.absolute().match("day=*/part-*.parquet") for path in paths):  # what reads them takes a while to load
        from msray.feeds.lake.reader import find_lake

        finders.append(find_lake)
    if any(path.suffix == ".parquet" for path in paths):
        from msray.feeds.shfe import find_shfe

        finders.append(find_shfe)
    groups: list[Group] = []
    used: set[Path] = set()
    for find in finders:
        some, theirs = find(paths)
        groups += some
        used |= theirs
    return groups, used


class _Head:
    """The beginning of a file, and what it tells."""

    def __init__(self, path: Path, venue: str | None) -> None:
        reader = LineReader(path)
        frames = next(reader.chunks(), None)
        if frames is None:
            raise FeedError(f"{path} {_no_recording(path, reader)}")
        self.path = path
        self.begin_ns = int(frames.local_ns[0])
        self._frames = frames
        try:
            told, self.symbol = identify(self.messages())
        except FeedError as error:
            raise FeedError(f"{path}, line 1 to {reader.lines}: {error}", hint=error.hint) from error
        self.venue = venue or told

    def messages(self) -> Iterator[bytes]:
        f: Frames = self._frames
        return (f.buffer[begin:end].tobytes() for begin, end in zip(f.begin, f.end, strict=True))


def _no_recording(path: Path, reader: LineReader) -> str:
    """Why there is not one good line."""
    if reader.damage and not reader.lines:
        return f"cannot be unpacked: {reader.damage}"
    first = next(FileBytes(path).pieces(), b"").split(b"\n", 1)[0]
    if not first and not reader.lines:
        return "is empty"
    shown = first[:_SHOWN].decode("ascii", "replace")
    return f"is no recording: line 1 must be a receive time (13, 16 or 19 digits), a blank and JSON, got {shown!r}"


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file once, and whether it was named itself."""
    seen: set[Path] = set()
    for path in paths:
        mend(path)
        if not path.exists():
            raise UsageError(f"no such file or folder: {path}")
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, file == path


def _group(chain: list[_Head]) -> RecordingGroup:
    chain.sort(key=lambda head: head.begin_ns)
    first = chain[0]
    instrument = declared(first.path.parent, first.venue, first.symbol)
    if instrument is None:
        try:
            instrument = infer_instrument(first.venue, first.symbol, first.messages())
        except FeedError as error:
            raise FeedError(f"{first.path}: {error}", hint="put its exchangeInfo.json beside it") from error
    return RecordingGroup(instrument, [(head.begin_ns, head.path) for head in chain])
