"""Whole lines of a file that may be packed, many at a time, numbered."""

from collections.abc import Iterator

from msray.feeds.compressed import PackedFile


class TextLines:
    """Reads one file.

    Parameters
    ----------
    file
        Plain, gzip, zstd, or in a zip.
    """

    def __init__(self, file: PackedFile) -> None:
        self.file = file
        self.lines = 0
        """Whole lines so far."""
        self._source = file.open()
        self._rest = b""

    @property
    def bytes_read(self) -> int:
        """Of the file as it lies on the disk."""
        return self._source.bytes_read

    @property
    def damage(self) -> str:
        """Why the file ended early; empty where it did not, or not yet."""
        if self._source.damage or not self._rest:
            return self._source.damage
        return f"ends in the middle of line {self.lines + 1}"

    def chunks(self) -> Iterator[tuple[int, list[bytes]]]:
        """Number of the first line, from 1, and lines without their ends; one that has no end is left out."""
        self.lines, self._rest = 0, b""
        for piece in self._source.pieces():
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if lines:
                yield self.lines + 1, lines
                self.lines += len(lines)
