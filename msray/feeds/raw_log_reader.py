"""Reads a raw log back: the events of the runs that wrote it, with every loss marked.

What is damaged is never bridged. A tail that is not whole (the writer died, or is still at it) is cut and counted. A
block that does not check out ends its segment, and a ``Disconnected`` for all instruments stands for what was lost; the
same stands before a segment whose predecessor did not bring the events its header counts. A ``Began`` opens each run.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from msray.errors import CorruptLogError, UsageError
from msray.feeds import segment
from msray.feeds.gather import MOST_BYTES, MOST_FRAMES
from msray.market import Instrument
from msray.prediction import Arrived, Began, Disconnected, Dropping, LogEvent, ModelChanged, ModelName, Requested
from msray.venues import SPARE_BYTES, Frames

_MOST_TEXTS = 100


@dataclass(slots=True)
class LogSummary:
    """What was read so far.

    Attributes
    ----------
    segments, events, frames
        Whole ones.
    bytes
        Gone through.
    cut_bytes
        Behind damage, left out.
    damage
        One line for each damaged place; the first hundred.
    """

    segments: int = 0
    events: int = 0
    frames: int = 0
    bytes: int = 0
    cut_bytes: int = 0
    damage: list[str] = field(default_factory=list)

    def report(self, text: str, cut_bytes: int) -> None:
        """Note one damaged place."""
        self.cut_bytes += cut_bytes
        if len(self.damage) < _MOST_TEXTS:
            self.damage.append(text)


class RawLog:
    """The raw log in some folders and files.

    Parameters
    ----------
    paths
        Folders of segments, or single segments, each read once. Runs come one after the other, those that began first
        before the others: shards write at the same time, each into a folder of its own.

    Attributes
    ----------
    files
        Its segments, in the order in which they are read.
    header, metadata
        Of the first readable segment.

    Raises
    ------
    UsageError
        If there is no segment, or an instrument is declared differently in two of them: they are runs of their own
        then.
    CorruptLogError
        If no segment has a readable header.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.summary = LogSummary()
        self._segments = _by_run([_Segment(path) for path in _segments(paths)])
        self.files = tuple(one.path for one in self._segments)
        self.total_bytes = sum(one.size for one in self._segments)
        readable = [one for one in self._segments if one.header is not None]
        if not readable:
            raise CorruptLogError(self._segments[0].problem)
        self.instruments = _union(readable)
        self.header = _header_of(readable[0])
        self.metadata = self.header.metadata

    def events(self, *, most_frames: int = MOST_FRAMES) -> Iterator[LogEvent]:
        """The events in the order in which they were written.

        Parameters
        ----------
        most_frames
            Frames of several batches are joined up to so many, which is faster; the fold does not
            depend on it. 1: as they were written.
        """
        ids = tuple(instrument.id for instrument in self.instruments)
        session, seen, local_ns = -1, 0, 0
        for one in self._segments:
            self.summary.segments += one.header is not None
            if one.header is None:
                self.summary.report(one.problem, one.size)
                continue
            is_new = one.header.session != session or one.header.segment == 0
            if missing := one.header.events_before - (0 if is_new else seen):
                self.summary.report(f"{one.path}: {missing} events before it are missing", 0)
            if is_new:
                yield Began(ids, one.header.opened_ns, one.header.metadata)
            elif missing:
                yield Disconnected(ids, local_ns or one.header.opened_ns)
            session, seen = one.header.session, one.header.events_before
            self.summary.bytes += one.begin
            reader = _BlockReader(one, self.instruments, self.summary)
            yield from _joined(reader.events(), most_frames)
            seen += reader.count
            local_ns = reader.local_ns or local_ns
            if reader.is_broken:
                yield Disconnected(ids, local_ns or one.header.opened_ns)


def _header_of(one: "_Segment") -> segment.Header:
    assert one.header is not None
    return one.header


class _Segment:
    """One file; its header, or what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.header: segment.Header | None = None
        self.problem = ""
        self.begin = 0
        with path.open("rb") as file:
            try:
                self._read(file)
            except (CorruptLogError, UsageError) as error:
                self.problem = str(error)

    def _read(self, file: BufferedReader) -> None:
        prefix = file.read(segment.PREFIX.size)
        if len(prefix) < segment.PREFIX.size or not prefix.startswith(segment.MAGIC):
            raise CorruptLogError(f"{self.path}: not a segment of a raw log")
        _, version, length, crc = segment.PREFIX.unpack(prefix)
        if version != segment.VERSION:
            raise CorruptLogError(f"{self.path}: version of a raw log must be {segment.VERSION}, got {version}")
        text = file.read(min(length, self.size))
        if len(text) < length or zlib.crc32(text) != crc:
            raise CorruptLogError(f"{self.path}: the header does not check out")
        try:
            header = msgspec.json.decode(text, type=segment.Header)
            header.read_instruments()
        except (msgspec.DecodeError, TypeError) as error:
            raise CorruptLogError(f"{self.path}: the header cannot be read: {error}") from error
        self.header = header
        self.begin = segment.PREFIX.size + length


class _BlockReader:
    """The events of one segment, up to the first damage."""

    def __init__(self, one: _Segment, instruments: Sequence[Instrument], summary: LogSummary) -> None:
        assert one.header is not None
        self.count = 0
        self.local_ns = 0
        self.is_broken = False
        self._segment = one
        self._summary = summary
        own = one.header.read_instruments()
        self._ids = [instrument.id for instrument in own]
        self._venues = segment.venues_of(own)
        self._hints = [_hints(own, instruments, venue) for venue in self._venues]

    def events(self) -> Iterator[LogEvent]:
        size, at = self._segment.size, self._segment.begin
        with self._segment.path.open("rb", buffering=1 << 20) as file:
            assert isinstance(file, BufferedReader)
            file.seek(at)
            while at < size:
                head = file.read(segment.BLOCK.size)
                length = segment.BLOCK.unpack(head)[1] if len(head) == segment.BLOCK.size else size
                end = at + segment.BLOCK.size + length
                if end > size:  # a torn tail, or a damaged length; the next segment's count of events will tell
                    self._cut(f"block at byte {at} is not whole", size - at)
                    return
                event = self._block(file, head, length)
                if event is None:
                    self.is_broken = end < size
                    self._cut(f"block at byte {at} does not check out", size - at)
                    return
                self.count += 1
                self._summary.events += 1
                self._summary.bytes += end - at
                at = end
                yield event

    def _cut(self, what: str, cut_bytes: int) -> None:
        self._summary.report(f"{self._segment.path}: {what}", cut_bytes)

    def _block(self, file: BufferedReader, head: bytes, length: int) -> LogEvent | None:
        payload = np.empty(length + SPARE_BYTES, np.uint8)
        payload[length:] = 0
        file.readinto(payload.data[:length])
        crc, _, count, hint, kind, venue = segment.BLOCK.unpack(head)
        if zlib.crc32(payload.data[:length], zlib.crc32(head[segment.CRC_BYTES :])) != crc:
            return None
        if kind == segment.ARRIVED:
            return self._arrived(payload, length, count, hint, venue)
        if kind in (segment.MODEL, segment.DROPPING):
            return self._of_model(payload, length, ModelName if kind == segment.MODEL else Dropping)
        words = payload[: length & ~7].view(np.int64)
        numbers = [hint] if kind == segment.REQUESTED else words[1:].tolist()
        if len(words) < 1 or len(numbers) != count or not all(0 <= number < len(self._ids) for number in numbers):
            return None
        self.local_ns = int(words[0])
        ids = tuple(self._ids[number] for number in numbers)
        if kind == segment.REQUESTED:
            return Requested(ids[0], self.local_ns)
        return Disconnected(ids, self.local_ns) if kind == segment.DISCONNECTED else None

    def _of_model(
        self, payload: NDArray[np.uint8], length: int, kind: type[ModelName | Dropping]
    ) -> ModelChanged | Dropping | None:
        try:
            said = msgspec.json.decode(payload[8:length].tobytes(), type=kind)
        except msgspec.MsgspecError:
            return None
        self.local_ns = int(payload[:8].view(np.int64)[0])
        return ModelChanged(said, self.local_ns) if isinstance(said, ModelName) else said

    def _arrived(self, payload: NDArray[np.uint8], length: int, count: int, hint: int, venue: int) -> Arrived | None:
        table = 24 * count
        if table > length or venue >= len(self._venues) or not -1 <= hint < len(self._hints[venue]):
            return None
        local_ns, begin, end = payload[:table].view(np.int64).reshape(3, count)
        self._summary.frames += count
        if count:
            self.local_ns = int(local_ns[-1])
        hint = self._hints[venue][hint] if hint >= 0 else -1
        return Arrived(self._venues[venue], Frames(payload[table:], begin, end, local_ns, hint))


def _segments(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += segment.segment_paths(path)
        elif path.exists():
            found.append(path)
        else:
            raise UsageError(f"no such raw log: {path}")
    if not found:
        raise UsageError(f"no segments of a raw log in {', '.join(map(str, paths))}")
    return sorted({path.resolve(): path for path in found}.values(), key=lambda path: path.name)


def _by_run(segments: Sequence[_Segment]) -> list[_Segment]:
    """The segments of each run together; one whose header is lost stays behind its predecessor in its folder."""
    runs: dict[int | None, list[_Segment]] = {}
    latest: dict[Path, int] = {}
    for one in segments:
        folder = one.path.parent
        if one.header is not None:
            latest[folder] = one.header.session
        runs.setdefault(latest.get(folder), []).append(one)
    return [one for run in runs.values() for one in run]


def _union(segments: Sequence[_Segment]) -> tuple[Instrument, ...]:
    """All instruments, in order of appearance."""
    known: dict[str, Instrument] = {}
    for one in segments:
        for instrument in one.header.read_instruments() if one.header else ():
            if known.setdefault(instrument.id, instrument) != instrument:
                raise UsageError(
                    f"{one.path} declares {instrument.id} differently from an earlier segment",
                    hint="replay the segments of each run on their own",
                )
    return tuple(known.values())


def _hints(own: Sequence[Instrument], instruments: Sequence[Instrument], venue: str) -> list[int]:
    """For each of a segment's instruments of one venue, its place among all of that venue."""
    places = [instrument.id for instrument in instruments if instrument.venue == venue]
    return [places.index(instrument.id) for instrument in own if instrument.venue == venue]


def _joined(events: Iterator[LogEvent], most_frames: int) -> Iterator[LogEvent]:
    """The same events, frames of one venue that follow each other in one piece."""
    pieces: list[Arrived] = []
    frames = size = 0
    for event in events:
        plain = event if isinstance(event, Arrived) and event.frames.hint == -1 else None
        is_full = frames >= most_frames or size >= MOST_BYTES
        if pieces and (plain is None or is_full or plain.venue != pieces[0].venue):
            yield _join(pieces)
            pieces, frames, size = [], 0, 0
        if plain is not None:
            pieces.append(plain)
            frames += len(plain.frames)
            size += len(plain.frames.buffer)
        else:
            yield _checked(event) if isinstance(event, Arrived) else event
    if pieces:
        yield _join(pieces)


def _checked(event: Arrived) -> Arrived:
    """The event itself. Its table was not damaged on disk; this asks who wrote it."""
    begin, end = event.frames.begin, event.frames.end
    if len(end) and (begin.min() < 0 or end.max() > len(event.frames.buffer) - SPARE_BYTES or (begin > end).any()):
        raise CorruptLogError(
            "a block of the raw log names bytes that it does not have", hint="it was not written by msray"
        )
    return event


def _join(pieces: list[Arrived]) -> Arrived:
    if len(pieces) == 1:
        return _checked(pieces[0])
    all_frames = [piece.frames for piece in pieces]
    lengths = [len(frames.buffer) - SPARE_BYTES for frames in all_frames]
    starts = np.cumsum([0, *lengths[:-1]])
    moved = np.repeat(starts, [len(frames.end) for frames in all_frames])
    joined = Arrived(
        pieces[0].venue,
        Frames(
            np.concatenate([*(frames.buffer[:-SPARE_BYTES] for frames in all_frames), np.zeros(SPARE_BYTES, np.uint8)]),
            np.concatenate([frames.begin for frames in all_frames]) + moved,
            np.concatenate([frames.end for frames in all_frames]) + moved,
            np.concatenate([frames.local_ns for frames in all_frames]),
            -1,
        ),
    )
    return _checked(joined)
