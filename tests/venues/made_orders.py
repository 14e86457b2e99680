"""Markets told order by order, made up, and the rows that LOBSTER would write of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.venues.made_lobster import Table, book_row

NEW, PART, WHOLE, VISIBLE, HIDDEN = 1, 2, 3, 4, 5
OPEN_NS = 34_200 * 10**9


@dataclass(frozen=True)
class Happened:
    """One event: what LOBSTER's columns say, and whether the best levels of the book show it."""

    now_ns: int
    kind: int
    order: int
    size: int
    price: int
    direction: int
    is_shown: bool

    @property
    def side(self) -> int:
        return 0 if self.direction == 1 else 1


@dataclass
class MadeOrders:
    """A market from its first order on, of which only what the best ``ranks`` levels show is written.

    ``before`` are the orders that were there before the first event.
    """

    ranks: int
    before: list[Happened] = field(default_factory=list)
    events: list[Happened] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)

    def tables(self) -> tuple[Table, Table]:
        """The rows of both files."""
        shown = [e for e in self.events if e.is_shown]
        events = [[e.now_ns, e.kind, e.order, e.size, e.price, e.direction] for e in shown]
        return np.array(events, np.int64).reshape(-1, 6), np.array(self.rows, np.int64).reshape(-1, 4 * self.ranks)


def made_orders(seed: int, count: int, ranks: int, *, prices: int = 5, strict: bool = True) -> MadeOrders:
    """A random market of ``prices`` prices a side, now and then moving one up or down.

    Where it is not ``strict``, executions do not always meet the first order of the best price.
    """
    rng = np.random.default_rng(seed)
    lines: dict[tuple[int, int], list[list[int]]] = {}
    made, now_ns, middle, number = MadeOrders(ranks), OPEN_NS, 100, 0
    last: list[int] = []

    def add(side: int, price: int, size: int) -> Happened:
        nonlocal number
        number += 1
        lines.setdefault((side, price), []).append([number, size])
        return Happened(now_ns, NEW, number, size, price, -1 if side else 1, True)

    for away in range(1, prices + 1):
        for _ in range(int(rng.integers(1, 4))):
            made.before += [add(side, middle + away * (1 if side else -1), int(rng.integers(1, 6))) for side in (0, 1)]
    while len(made.events) < count:
        now_ns += int(rng.choice([0, 5, 10]))
        if rng.random() < 0.03:
            middle += int(rng.integers(-1, 2))
        event = _event(rng, lines, middle, prices, now_ns, add, strict=strict)
        row = book_row([_sizes(lines, 0), _sizes(lines, 1)], ranks)
        is_shown = event.kind == HIDDEN or row != last
        made.events.append(Happened(**{**vars(event), "is_shown": is_shown}))
        if is_shown:
            made.rows.append(row)
            last = row
    return made


def _event(
    rng: np.random.Generator,
    lines: dict[tuple[int, int], list[list[int]]],
    middle: int,
    prices: int,
    now_ns: int,
    add: Callable[[int, int, int], Happened],
    *,
    strict: bool,
) -> Happened:
    side = int(rng.integers(2))
    mine = sorted((price for s, price in lines if s == side), reverse=side == 0)
    other = [price for s, price in lines if s != side]
    kind = int(rng.choice([NEW, PART, WHOLE, VISIBLE, HIDDEN], p=[0.45, 0.1, 0.2, 0.22, 0.03]))
    if kind == HIDDEN:
        return Happened(now_ns, HIDDEN, 0, int(rng.integers(1, 6)), middle, -1 if side else 1, True)
    if kind == NEW or not mine:
        price = middle + int(rng.integers(0, prices + 1)) * (1 if side else -1)
        limit = min(other, default=10**6) if side == 0 else max(other, default=0)
        price = min(price, limit - 1) if side == 0 else max(price, limit + 1)
        return add(side, price, int(rng.integers(1, 6)))
    price = mine[0] if kind == VISIBLE or rng.random() < 0.5 else mine[int(rng.integers(len(mine)))]
    line = lines[side, price]
    at = 0 if kind == VISIBLE and (strict or rng.random() < 0.7) else int(rng.integers(len(line)))
    number, left = line[at]
    size = left if kind == WHOLE else int(rng.integers(1, left + 1))
    if kind == PART and left > 1:
        size = min(size, left - 1)
    line[at][1] -= size
    if line[at][1] == 0:
        del line[at]
    if not line:
        del lines[side, price]
    return Happened(now_ns, kind, number, size, price, -1 if side else 1, True)


def _sizes(lines: dict[tuple[int, int], list[list[int]]], side: int) -> dict[int, int]:
    return {price: sum(left for _, left in line) for (s, price), line in lines.items() if s == side}
