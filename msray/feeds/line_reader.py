"""The lines of one recording file as frames: no Python a line."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msray.feeds.compressed import FileBytes
from msray.venues import SPARE_BYTES, Frames, split_lines

CHUNK_BYTES = 4 << 20
_SHORTEST_LINE = 17
_NEW_LINE = 10

Text = NDArray[np.uint8]


class LineReader:
    """Reads ``<local receive time> <JSON>`` lines.

    Parameters
    ----------
    path
        Plain or compressed.
    chunk_bytes
        Text that is read at once; a longer line is left out and counted.

    Attributes
    ----------
    lines, bad_lines
        All so far; those without a receive time in front, or too long.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.lines = 0
        self.bad_lines = 0
        self._file = FileBytes(path)
        self._chunk_bytes = chunk_bytes
        self._is_skipping = False

    @property
    def bytes_read(self) -> int:
        """Of the file as it lies on the disk."""
        return self._file.bytes_read

    @property
    def damage(self) -> str:
        """Why the file ended early; empty where it did not."""
        return self._file.damage

    def chunks(self, *, hint: int = -1) -> Iterator[Frames]:
        """The lines in order, each chunk in memory of its own; ``hint`` is the instrument of bare snapshots."""
        pieces = self._file.pieces()
        piece, rest = memoryview(b""), np.zeros(0, np.uint8)
        is_ended = False
        while True:
            text = np.empty(self._chunk_bytes + 1 + SPARE_BYTES, np.uint8)
            text[-SPARE_BYTES:] = 0
            text[: len(rest)] = rest
            length = len(rest)
            while length < self._chunk_bytes and not is_ended:
                piece = piece or memoryview(next(pieces, b""))
                count = min(len(piece), self._chunk_bytes - length)
                text[length : length + count] = piece[:count]
                length, piece, is_ended = length + count, piece[count:], count == 0
            if is_ended and length and text[length - 1] != _NEW_LINE and not self.damage:
                text[length] = _NEW_LINE  # the last line of a whole file; one that damage cut off is left out
                length += 1
            frames, consumed = self._split(text, length, hint)
            if len(frames):
                yield frames
            if is_ended and consumed == 0:
                return
            rest = text[consumed:length]

    def _split(self, text: Text, length: int, hint: int) -> tuple[Frames, int]:
        """The good lines, and the bytes that need not be seen again."""
        rows = length // _SHORTEST_LINE + 1
        begin, end, local_ns = (np.empty(rows, np.int64) for _ in range(3))
        lines, consumed = split_lines(text, length, begin, end, local_ns)
        good = end[:lines] > begin[:lines]
        if self._is_skipping and lines:  # what is left of a line that was too long and has been counted
            self._is_skipping = good[0] = False
            self.lines -= 1
            self.bad_lines -= 1
        if consumed == 0 and length >= self._chunk_bytes:
            self.lines += not self._is_skipping
            self.bad_lines += not self._is_skipping
            self._is_skipping, consumed = True, length
        self.lines += lines
        self.bad_lines += lines - int(good.sum())
        if good.all():
            return Frames(text, begin[:lines], end[:lines], local_ns[:lines], hint), consumed
        kept = np.flatnonzero(good)
        return Frames(text, begin[kept], end[kept], local_ns[kept], hint), consumed
