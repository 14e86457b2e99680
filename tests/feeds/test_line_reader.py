import gzip
import random
from pathlib import Path

import pytest

from msray.feeds.line_reader import LineReader


def lines_of(path: Path, chunk_bytes: int = 1 << 16) -> tuple[list[tuple[int, bytes]], LineReader]:
    reader = LineReader(path, chunk_bytes=chunk_bytes)
    rows = []
    for frames in reader.chunks():
        assert not frames.buffer[-64:].any()
        for ns, begin, end in zip(frames.local_ns, frames.begin, frames.end, strict=True):
            rows.append((int(ns), frames.buffer[begin:end].tobytes()))
    return rows, reader


def recording(count: int, seed: int = 3) -> tuple[bytes, list[tuple[int, bytes]]]:
    rng = random.Random(seed)
    rows = [
        (1_700_000_000_000_000_000 + i * 1000, b'{"a":"' + b"x" * rng.randrange(0, 300) + b'"}') for i in range(count)
    ]
    return b"".join(b"%d %s\n" % row for row in rows), rows


@pytest.mark.parametrize("chunk_bytes", [400, 1000, 4096, 1 << 20])
def test_lines_come_back_whatever_the_chunks(tmp_path: Path, chunk_bytes: int) -> None:
    text, rows = recording(500)
    path = tmp_path / "r.gz"
    path.write_bytes(gzip.compress(text))

    read, reader = lines_of(path, chunk_bytes)

    assert read == rows
    assert (reader.lines, reader.bad_lines, reader.damage) == (500, 0, "")


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    text, rows = recording(20)
    path = tmp_path / "r"
    path.write_bytes(text[:-1])

    assert lines_of(path)[0] == rows


def test_a_line_that_damage_cut_off_is_left_out(tmp_path: Path) -> None:
    text, rows = recording(2000)
    path = tmp_path / "r.gz"
    path.write_bytes(gzip.compress(text)[:-2000])

    read, reader = lines_of(path)

    assert read == rows[: len(read)]
    assert 0 < len(read) < 2000
    assert reader.bad_lines == 0
    assert "cut off" in reader.damage


def test_bad_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r"
    good = b'1700000000000000000 {"a":1}\n'
    bad = [b"\n", b"hello\n", b"17000 {}\n", b"1700000000000000000\n", b"1700000000000000000{}\n", b"\x00\xff\xfe\n"]
    path.write_bytes(good + b"".join(line + good for line in bad))

    read, reader = lines_of(path)

    assert len(read) == 1 + len(bad)
    assert (reader.lines, reader.bad_lines) == (1 + 2 * len(bad), len(bad))


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("length", [1000, 1001, 2500, 10_000])
def test_a_line_longer_than_a_chunk_is_one_bad_line(tmp_path: Path, before: int, length: int) -> None:
    path = tmp_path / "r"
    good = b'1700000000000000000 {"a":1}\n'
    long_line = (b"1700000000000000000 " * (length // 20 + 1))[:length] + b"\n"
    path.write_bytes(good * before + long_line + good * 2)

    read, reader = lines_of(path, chunk_bytes=1000)

    assert read == [(1_700_000_000_000_000_000, b'{"a":1}')] * (before + 2)
    assert (reader.lines, reader.bad_lines) == (before + 3, 1)


def test_many_short_lines_do_not_overflow(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"1\n" * 5000 + b"1700000000000 {}\r\n")

    read, reader = lines_of(path, chunk_bytes=1000)

    assert read == [(1_700_000_000_000_000_000, b"{}")]
    assert (reader.lines, reader.bad_lines) == (5001, 5000)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"")

    assert lines_of(path)[0] == []
