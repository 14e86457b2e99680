"""Bytes of a file that may be compressed, told by its first bytes and not by its name, in pieces of bounded size."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

from msray.errors import FeedError, UsageError
from msray.extras import from_extra

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PLAIN_STEP = 1 << 18
# A compressed step decides the largest piece that a hostile file can make of it: 1,032 times for gzip, one block of 128
# kB for every 4 bytes for zstd. So a piece stays below 17 and 64 MB, and of ordinary data below 1 MB.
_GZIP_STEP = 1 << 14
_ZSTD_STEP = 1 << 11


class _Member(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class FileBytes:
    """The content of one file.

    Parameters
    ----------
    path
        Plain, gzip (any number of members) or zstd (with ``zstandard`` installed).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0
        """Of the file as it lies on the disk."""
        self.damage = ""
        """Why the content ended early; empty where it did not."""

    def pieces(self) -> Iterator[bytes]:
        """The content from its beginning; where the file is damaged, up to there.

        Raises
        ------
        UsageError
            If the file is zstd and ``zstandard`` is not installed, or cannot be opened.
        """
        try:
            with self.path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}") from error
        self.bytes_read = 0
        self.damage = ""
        if magic.startswith(_GZIP):
            return self._members(_GZIP_STEP, lambda: zlib.decompressobj(wbits=31), zlib.error)
        if magic == _ZSTD:
            zstd = _zstandard(self.path)
            return self._members(_ZSTD_STEP, lambda: zstd.ZstdDecompressor().decompressobj(), zstd.ZstdError)
        return self._raw(_PLAIN_STEP)

    def _raw(self, step: int) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while data := file.read(step):
                self.bytes_read += len(data)
                yield data

    def _members(self, step: int, new: Callable[[], _Member], error: type[Exception]) -> Iterator[bytes]:
        member: _Member | None = None
        for data in self._raw(step):
            while data:
                member = member or new()
                try:
                    content = member.decompress(data)
                except error as problem:
                    self.damage = f"damaged before byte {self.bytes_read}: {problem}"
                    return
                if content:
                    yield content
                # gzip allows zeros behind a member, as tapes have them
                data = member.unused_data.lstrip(b"\0") if member.eof else b""
                member = None if member.eof else member
        if member is not None:
            self.damage = f"cut off at byte {self.bytes_read}"


class ZipBytes:
    """The content of one member of a zip archive; as :class:`FileBytes`.

    Parameters
    ----------
    path
        The archive.
    member
        A file in it.
    """

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self.path = path
        self.bytes_read = 0
        """Of the member as it lies in the archive."""
        self.damage = ""
        """Why the content ended early; empty where it did not."""
        self._member = member

    def pieces(self) -> Iterator[bytes]:
        """The content from its beginning; where the archive is damaged, up to there."""
        self.bytes_read = done = 0
        self.damage = ""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._member) as content:
                while data := content.read(_PLAIN_STEP):
                    done += len(data)
                    self.bytes_read = self._member.compress_size * done // self._member.file_size
                    yield data
        except (*_ZIP_ERRORS, zlib.error, EOFError) as error:
            self.damage = f"damaged behind byte {done} of {self._member.filename}: {error}"


_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What opening an archive can raise: it is damaged, packed in an unknown way, or encrypted."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file that lies by itself, or in a zip archive.

    Attributes
    ----------
    path
        Of the file, or of the archive.
    member
        Which one of the archive; None for a file that lies by itself.
    """

    path: Path
    member: zipfile.ZipInfo | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.member is None else f"{self.path}/{self.member.filename}"

    @property
    def name(self) -> str:
        """Without folders."""
        return self.path.name if self.member is None else Path(self.member.filename).name

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return self.path.stat().st_size if self.member is None else self.member.compress_size

    def open(self) -> FileBytes | ZipBytes:
        """Its content, from the beginning."""
        return FileBytes(self.path) if self.member is None else ZipBytes(self.path, self.member)


def packed_files(path: Path) -> list[PackedFile]:
    """The file itself, or what is in it, if it is called ``.zip``.

    Raises
    ------
    FeedError
        If the archive cannot be read.
    """
    if path.suffix != ".zip":
        return [PackedFile(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            return [PackedFile(path, member) for member in archive.infolist()]
    except (*_ZIP_ERRORS, OSError) as error:
        raise FeedError(f"{path} cannot be unpacked: {error}") from error


def _zstandard(path: Path) -> ModuleType:
    with from_extra("zstd", f"{path} is zstd and"):
        import zstandard
    return zstandard
