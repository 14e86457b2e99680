"""The raw log's writer: everything a pipeline depends on, on disk before the pipeline sees it.

One block (layout: ``segment.py``) is one event, which is one batch of a venue: writing it is one system call and no
Python per frame. When :meth:`RawLogWriter.append` returns, the block survives the death of the process; after
:meth:`RawLogWriter.sync`, which a driver calls once a second, that of the machine. A block that does not fit on the
disk is cut off again and :class:`~msray.errors.UnavailableError` raised: what is not logged may not be folded.
"""

import fcntl
import os
import threading
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from msray.clock import Clock
from msray.errors import UnavailableError, UsageError
from msray.feeds import segment
from msray.market import Instrument
from msray.prediction import Arrived, Dropping, LogEvent, ModelChanged, Replayed, Requested
from msray.venues import Frames

_HOUR_NS = 3600 * 1_000_000_000


class RawLogWriter:
    """Appends events to the segments of one folder.

    Parameters
    ----------
    folder
        Created if need be. One writer at a time.
    instruments
        All that may appear, in the order in which the run numbers them.
    clock
        Names segments and says when they are old.
    metadata
        Kept in every header; JSON values.
    segment_bytes, segment_hours
        A new segment is begun beyond either.
    retention_hours
        Segments that hold only older events are deleted; never the one being written.
    spare
        Segments that are not deleted as long as they are in :attr:`spared`: somebody still reads them.

    Attributes
    ----------
    session
        Names the run in the headers of its segments.
    spared
        Segments that are too old and kept nevertheless.

    Raises
    ------
    UsageError
        If another process writes to the folder.
    UnavailableError
        If the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        instruments: Sequence[Instrument],
        clock: Clock,
        *,
        metadata: dict[str, Any] | None = None,
        segment_bytes: int = 256 << 20,
        segment_hours: float = 1.0,
        retention_hours: float = 24.0,
        spare: Iterable[Path] = (),
    ) -> None:
        self.folder = folder
        self.spared = set(spare)
        self.events = 0
        self.bytes = 0
        self._clock = clock
        self._instruments = tuple(instruments)
        self._numbers = {instrument.id: i for i, instrument in enumerate(self._instruments)}
        self._venues = {venue: i for i, venue in enumerate(segment.venues_of(self._instruments))}
        self._metadata = metadata or {}
        self._segment_bytes = segment_bytes
        self._segment_ns = segment_hours * _HOUR_NS
        self._retention_ns = retention_hours * _HOUR_NS
        self.session = clock.now_ns()
        self._segments = 0
        self._file = -1
        self._size = 0
        self._opened_ns = 0
        self._retired: list[int] = []
        self._closing = threading.Lock()
        self._guard = _AsUnavailable(folder)
        with self._guard, ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(folder)
            undo.callback(os.close, self._lock)
            self._begin_segment()
            undo.pop_all()

    def append(self, event: LogEvent) -> None:
        """Write one event; when this returns, the operating system has it.

        Parameters
        ----------
        event
            The hint of its frames is one number, not one a frame.

        Raises
        ------
        UnavailableError
            If it cannot be written, as on a full disk. The log is as it was before; the same call may succeed later.
        UsageError
            If it is :class:`~msray.prediction.Replayed`.
        """
        pieces, size = self._block(event)
        with self._guard:
            if self._size >= self._segment_bytes or self._clock.now_ns() - self._opened_ns >= self._segment_ns:
                self._begin_segment()
            self._write(pieces, size)
        self.events += 1

    def sync(self) -> None:
        """Bring everything written so far to the disk itself; meant for another thread, as it may take long.

        Raises
        ------
        UnavailableError
            If the disk reports an error.
        """
        with self._closing, self._guard:
            if self._file >= 0:
                self._settle()

    def close(self) -> None:
        """Bring everything to the disk and let the folder go. Closing again does nothing."""
        with self._closing, self._guard:
            if self._file < 0:
                return
            try:
                self._settle()
            finally:
                os.close(self._file)
                os.close(self._lock)
                self._file = -1

    def _settle(self) -> None:
        # Finished segments are closed here only: nobody closes a file during its fsync in another thread.
        finished, self._retired = self._retired, []
        try:
            for file in (*finished, self._file, self._lock):  # the last is the folder, which knows of new segments
                os.fsync(file)
        finally:
            for file in finished:
                os.close(file)

    # ---------------------------------------------------------------- segments

    def _begin_segment(self) -> None:
        now_ns = self._clock.now_ns()
        segments = segment.segment_paths(self.folder)
        newest_ns = segment.opened_ns(segments[-1]) if segments else -1
        # A clock set back must not put a later segment in front of an earlier one.
        path = self.folder / f"{max(now_ns, newest_ns + 1):020d}{segment.SUFFIX}"
        header = segment.Header.of(
            self._instruments,
            session=self.session,
            segment=self._segments,
            events_before=self.events,
            opened_ns=now_ns,
            metadata=self._metadata,
        )
        text = msgspec.json.encode(header)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with ExitStack() as undo:
            undo.callback(path.unlink)
            undo.callback(os.close, file)
            prefix = segment.PREFIX.pack(segment.MAGIC, segment.VERSION, len(text), zlib.crc32(text))
            size = len(prefix) + len(text)
            _write_all(file, [prefix, text], size)
            undo.pop_all()
        previous, self._file, self._size = self._file, file, size
        if previous >= 0:
            self._retired.append(previous)
        self.bytes += size
        self._segments += 1
        self._opened_ns = now_ns
        self._expire([*segments, path], now_ns)

    def _expire(self, segments: list[Path], now_ns: int) -> None:
        """Delete segments whose successor began before the retention: all that they hold is older still."""
        for path, successor in pairwise(segments):
            if now_ns - segment.opened_ns(successor) <= self._retention_ns:
                return
            if path not in self.spared:
                path.unlink(missing_ok=True)

    # ---------------------------------------------------------------- blocks

    def _block(self, event: LogEvent) -> tuple[list[Any], int]:
        """The pieces of one block, checksum first, and their bytes."""
        if isinstance(event, Arrived):
            frames = event.frames
            kind, venue, count = segment.ARRIVED, self._venues[event.venue], len(frames.end)
            hint, payload = int(frames.hint), _payload(frames)
        elif isinstance(event, Replayed):
            text = f"a raw log holds what venues sent, and records of {event.instrument} are none of it"
            raise UsageError(text, hint="replay the file that they come from")
        elif isinstance(event, Requested):
            kind, venue, count = segment.REQUESTED, 0, 1
            hint, payload = self._numbers[event.instrument], [np.array([event.local_ns], np.int64).data]
        elif isinstance(event, ModelChanged | Dropping):
            kind, said = (segment.DROPPING, event) if isinstance(event, Dropping) else (segment.MODEL, event.model)
            venue, count, hint = 0, 1, -1
            payload = [np.array([event.local_ns], np.int64).data, memoryview(msgspec.json.encode(said))]
        else:
            numbers = [self._numbers[name] for name in event.instruments]
            kind, venue, count = segment.DISCONNECTED, 0, len(numbers)
            hint, payload = -1, [np.array([event.local_ns, *numbers], np.int64).data]
        length = sum(piece.nbytes for piece in payload)
        if length > segment.MOST_PAYLOAD:
            raise UsageError(f"one event of a raw log must be at most {segment.MOST_PAYLOAD} bytes, got {length}")
        crc = zlib.crc32(segment.BLOCK.pack(0, length, count, hint, kind, venue)[segment.CRC_BYTES :])
        for piece in payload:
            crc = zlib.crc32(piece, crc)
        head = segment.BLOCK.pack(crc, length, count, hint, kind, venue)
        return [head, *payload], len(head) + length

    def _write(self, pieces: list[Any], size: int) -> None:
        """All of it or nothing."""
        try:
            _write_all(self._file, pieces, size)
        except OSError:
            self._cut_back()
            raise
        self._size += size
        self.bytes += size

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError:  # the torn block stays, as the tail of a segment: go on in a new one
            self._size = max(self._size, self._segment_bytes)


def _write_all(file: int, pieces: list[Any], size: int) -> None:
    """Write the pieces, so many bytes together, one behind the other."""
    written = os.writev(file, pieces)
    if written < size:  # a full disk takes what fits; the next call says why
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(file, rest) :]


class _AsUnavailable:
    """Turns what the operating system refuses into an error that names the folder. Entered anew for every block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            text = f"raw log {self._folder} cannot be written: {error.strerror}"
            raise UnavailableError(text, hint="free space on its disk, or let it be written") from error


def _lock(folder: Path) -> int:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise UsageError(
            f"raw log {folder} is being written by another process", hint="stop it, or choose another folder"
        ) from None
    return file


def _payload(frames: Frames) -> list[memoryview]:
    """Table and bytes; only the bytes that the table names."""
    begin, end = _words(frames.begin), _words(frames.end)
    first, last = (int(begin.min()), int(end.max())) if len(end) else (0, 0)
    if first:
        begin, end = begin - first, end - first
    return [_words(frames.local_ns).data, begin.data, end.data, np.ascontiguousarray(frames.buffer[first:last]).data]


def _words(column: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ascontiguousarray(column, np.int64)
