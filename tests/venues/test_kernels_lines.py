"""Lines of a recording, cut anywhere."""

import random

import numpy as np
import pytest

from msray.venues import split_lines


def split(content: bytes, room: int = 1000) -> tuple[list[tuple[bytes, int]], int]:
    buffer = np.frombuffer(bytearray(content or b"\0"), np.uint8)
    begin, end, local_ns = (np.full(room, -1, np.int64) for _ in range(3))
    lines, taken = split_lines(buffer, len(content), begin, end, local_ns)
    rows = zip(begin[:lines].tolist(), end[:lines].tolist(), local_ns[:lines].tolist(), strict=True)
    return [(content[b:e], ns) for b, e, ns in rows], taken


def naive_line(line: bytes) -> tuple[bytes, int]:
    stamp, blank, rest = line.removesuffix(b"\r").partition(b" ")
    scale = {13: 10**6, 16: 10**3, 19: 1}.get(len(stamp), 0)
    if not stamp.isdigit() or not blank or not rest or not scale or int(stamp) * scale >= 2**63:
        return b"", 0
    return rest, int(stamp) * scale


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'1723161256172 {"a":1}', (b'{"a":1}', 1723161256172_000_000)),
        (b'1723161256172216 {"a":1}', (b'{"a":1}', 1723161256172216_000)),
        (b'1723161256172216566 {"a":1}', (b'{"a":1}', 1723161256172216566)),
        (b'1723161256172216566 {"a":1}\r', (b'{"a":1}', 1723161256172216566)),
        (b'17231612561722165660 {"a":1}', (b"", 0)),
        (b'172316125617221656 {"a":1}', (b"", 0)),
        (b'9999999999999999999 {"a":1}', (b"", 0)),
        (b'9999999999999999 {"a":1}', (b"", 0)),
        (b'9999999999999 {"a":1}', (b"", 0)),
        (b'{"a":1}', (b"", 0)),
        (b"1723161256172", (b"", 0)),
        (b"1723161256172 ", (b"", 0)),
        (b"1723161256172 \r", (b"", 0)),
        (b"\r", (b"", 0)),
        (b"", (b"", 0)),
    ],
)
def test_receive_time_is_told_by_its_digits(line: bytes, expected: tuple[bytes, int]) -> None:
    assert split(line + b"\n") == ([expected], len(line) + 1)


def test_recording_cut_anywhere_gives_the_same_lines() -> None:
    rng = random.Random(3)
    lines = []
    for _ in range(400):
        stamp = str(rng.randrange(10 ** (digits := rng.choice((13, 16, 19, 5, 20))))).zfill(digits).encode()
        body = bytes(rng.choice(b'0123456789{}", \r') for _ in range(rng.randrange(0, 90)))
        lines.append(rng.choice((stamp + b" " + body, stamp + body, body)))
    content = b"".join(line + b"\n" for line in lines)
    expected = [naive_line(line) for line in lines]

    for _ in range(60):
        found: list[tuple[bytes, int]] = []
        rest = b""
        at = 0
        while at < len(content) or rest:
            piece = content[at : at + rng.randrange(1, 700)]
            at += len(piece)
            rows, taken = split(rest + piece, room=rng.randrange(1, 9))
            found += rows
            rest = (rest + piece)[taken:]
        assert found == expected


def test_line_without_an_end_is_left() -> None:
    assert split(b'1723161256172 {"a":1}') == ([], 0)
    assert split(b"") == ([], 0)
    assert split(b"\n\n1723161256172 x") == ([(b"", 0), (b"", 0)], 2)
