"""Days as LOBSTER writes them, made up: orders come, go and are executed, the book is thin now and then."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NOTHING_THERE = 9_999_999_999
Table = NDArray[np.int64]


def made_day(seed: int, rows: int, ranks: int, *, depth: int = 12) -> tuple[Table, Table]:
    """Messages, the time in ns, and the books after them; ``depth`` levels a side, give or take some."""
    rng = np.random.default_rng(seed)
    sides = [{1000 - 10 * i: 5 for i in range(depth)}, {1010 + 10 * i: 5 for i in range(depth)}]
    now_ns = 34_200 * 10**9
    messages, books = [], []
    for number in range(rows):
        now_ns += int(rng.choice([0, 1, 1_000_000, 700_000_000]))
        side = int(rng.integers(0, 2))
        messages.append([now_ns, *_event(rng, sides, side, number, depth)])
        books.append(book_row(sides, ranks))
    return np.array(messages), np.array(books)


def _event(rng: np.random.Generator, sides: list[dict[int, int]], side: int, number: int, depth: int) -> list[int]:
    own, other = sides[side], sides[1 - side]
    direction = -1 if side else 1
    kind = int(rng.choice([1, 1, 2, 3, 4, 5, 6], p=[0.3, 0.1, 0.1, 0.3, 0.1, 0.09, 0.01]))
    if not own or len(own) < depth // 2 or kind == 1:
        best = min(other, default=1500) if side == 0 else max(other, default=500)
        price = best - direction * 10 * int(rng.integers(1, depth + 4))
        size = int(rng.integers(1, 9))
        own[price] = own.get(price, 0) + size
        return [1, number, size, price, direction]
    if kind in (5, 6):
        return [kind, 0, int(rng.integers(1, 9)), 1005, direction]
    best = min(own) if side else max(own)
    price = best if kind == 4 or rng.random() < 0.3 else int(rng.choice(list(own)))
    size = own[price] if kind == 3 else int(rng.integers(1, own[price] + 1))
    own[price] -= size
    if not own[price]:
        del own[price]
    return [kind, number, size, price, direction]


def book_row(sides: Sequence[dict[int, int]], ranks: int) -> list[int]:
    """One row: the best of bids and asks, and dummies."""
    bids, asks = sorted(sides[0].items(), reverse=True), sorted(sides[1].items())
    row = []
    for rank in range(ranks):
        row += asks[rank] if rank < len(asks) else (NOTHING_THERE, 0)
        row += bids[rank] if rank < len(bids) else (-NOTHING_THERE, 0)
    return row


def as_text(table: Table, *, is_timed: bool) -> bytes:
    """The lines of a file."""
    lines = []
    for row in table.tolist():
        first = f"{row[0] // 10**9}.{row[0] % 10**9:09d}" if is_timed else str(row[0])
        lines.append(",".join([first, *map(str, row[1:])]) + "\n")
    return "".join(lines).encode()
