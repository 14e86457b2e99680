import gzip
import random
import sys
from pathlib import Path

import pytest

from msray.errors import UsageError
from msray.feeds.compressed import FileBytes

zstandard = pytest.importorskip("zstandard")

TEXT = b"".join(b"%d %s\n" % (i, random.Random(i).randbytes(20).hex().encode()) for i in range(20_000))
PACKED = {"plain": TEXT, "gzip": gzip.compress(TEXT), "zstd": zstandard.compress(TEXT)}


def read(path: Path) -> tuple[bytes, FileBytes]:
    file = FileBytes(path)
    return b"".join(file.pieces()), file


@pytest.mark.parametrize("kind", PACKED)
def test_the_content_comes_back_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "recording.dat"
    path.write_bytes(PACKED[kind])

    content, file = read(path)

    assert content == TEXT
    assert file.damage == ""
    assert file.bytes_read == len(PACKED[kind])


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_members_follow_each_other(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "two"
    path.write_bytes(PACKED[kind] * 2 + (b"\0" * 100 if kind == "gzip" else b""))

    content, file = read(path)

    assert content == TEXT * 2
    assert file.damage == ""


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_file_cut_off_anywhere_gives_what_it_has(tmp_path: Path, kind: str) -> None:
    path, rng, most = tmp_path / "cut", random.Random(4), 0

    for _ in range(30):
        length = rng.randrange(4, len(PACKED[kind]))
        path.write_bytes(PACKED[kind][:length])
        content, file = read(path)
        assert TEXT.startswith(content)
        assert file.damage == f"cut off at byte {length}"
        most = max(most, len(content))
    assert most > len(TEXT) // 2


def test_a_file_damaged_in_the_middle_gives_what_comes_before(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    damaged = bytearray(PACKED["gzip"])
    middle = len(damaged) // 2
    damaged[middle : middle + 50] = b"\xff" * 50
    path.write_bytes(damaged)

    content, file = read(path)

    assert TEXT.startswith(content[: len(TEXT) // 4])
    assert len(content) > len(TEXT) // 4
    assert "damaged before byte" in file.damage


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_comes_in_pieces(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(pack(bytes(100_000_000)))  # type: ignore[operator]

    pieces = FileBytes(path).pieces()

    assert max(len(next(pieces)) for _ in range(2)) < 70_000_000


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere cannot be read: No such file"):
        FileBytes(tmp_path / "nowhere").pieces()


def test_zstd_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "packed"
    path.write_bytes(PACKED["zstd"])
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(UsageError, match="is zstd") as caught:
        FileBytes(path).pieces()

    assert "msray[zstd]" in caught.value.hint
