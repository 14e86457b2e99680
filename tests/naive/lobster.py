"""LOBSTER's rows as anybody would read them: a dict a side, what is shown and what was once."""

from dataclasses import dataclass, field
from typing import Any

NOTHING_THERE = 9_999_999_999


@dataclass
class NaiveLobster:
    """What is known after each row; ``books`` holds levels that left the ranks too, ``edges`` where knowledge ends."""

    ranks: int
    books: list[dict[int, int]] = field(default_factory=lambda: [{}, {}])
    edges: list[int | None] = field(default_factory=lambda: [None, None])

    def take(self, row: list[int]) -> None:
        for side, shown in enumerate(sides(row)):
            full = len(shown) == self.ranks
            self.edges[side] = (max(shown) if side else min(shown)) if full else None
            self.books[side] = shown | {p: s for p, s in self.books[side].items() if not self.covers(side, p)}

    def covers(self, side: int, price: int) -> bool:
        edge = self.edges[side]
        return edge is None or (price <= edge if side else price >= edge)


@dataclass
class NaiveSince:
    """Since which row the order of each message stands; negative: since that row at the latest."""

    orders: dict[int, int] = field(default_factory=dict)
    seen: list[dict[int, int]] = field(default_factory=lambda: [{}, {}])

    def take(self, number: int, message: list[int], row: list[int]) -> int:
        """``message`` without its time. Its order is looked up before the levels are those of ``row``."""
        kind, order, _, price, direction = message
        since = -1
        if kind == 1:
            since = self.orders[order] = number
        elif kind <= 4:
            since = self.orders.setdefault(order, -self.seen[0 if direction == 1 else 1].get(price, number))
        self.seen = [{p: self.seen[side].get(p, number) for p in shown} for side, shown in enumerate(sides(row))]
        return since


def sides(row: list[int]) -> list[dict[int, int]]:
    """Bids and asks of a row, price to size."""
    return [{p: s for p, s in zip(row[at::4], row[at + 1 :: 4], strict=True) if s} for at in (2, 0)]


def after(before: list[dict[int, int]], message: list[int]) -> list[dict[int, int]]:
    """The book that a message (without its time: type, id, size, price, direction) leaves, were there no ranks."""
    kind, _, size, price, direction = message
    book = [dict(one) for one in before]
    if kind <= 4:
        side = book[0 if direction == 1 else 1]
        side[price] = side.get(price, 0) + (size if kind == 1 else -size)
        if side[price] <= 0:
            del side[price]
    return book


def naive_table(text: bytes, columns: int, *, is_timed: bool) -> list[list[int] | None]:
    """Lines of whole numbers; None where a line is anything else."""
    rows: list[list[int] | None] = []
    for line in text.split(b"\n")[:-1]:
        words = line.removesuffix(b"\r").split(b",")
        try:
            rows.append([_number(word, is_timed=is_timed and i == 0) for i, word in enumerate(words)])
        except ValueError:
            rows.append(None)
        if len(words) != columns:
            rows[-1] = None
    return rows


def _number(word: bytes, *, is_timed: bool) -> int:
    digits: Any = word.removeprefix(b"-")
    scale = 1
    if is_timed:
        whole, point, decimals = digits.partition(b".")
        if (point and not decimals) or len(decimals) > 9 or len(whole) > 9 or not whole:
            raise ValueError
        digits = whole + decimals
        scale = 10 ** (9 - len(decimals))
    if not digits.isdigit() or len(digits) > 18:
        raise ValueError
    return int(digits) * scale * (-1 if word.startswith(b"-") else 1)
