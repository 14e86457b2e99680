"""A small seeded exchange and a faulty link to it: random books, known at every update id.

Ids are contiguous (spot) or jump (futures). Every depth message is the net change since the last one, as absolute
sizes, and the true book is kept for every id at which a message ends.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from msray.book import SequenceRule
from msray.market import DEPTH, LEVEL, MESSAGE, SELL, SNAPSHOT, TRADE, Records

Book = tuple[dict[int, int], dict[int, int]]


def record(kind: int, levels: list[tuple[int, int, int]], **fields: int) -> Records:
    """One message; levels are (side, tick, size)."""
    row = np.zeros(1, MESSAGE)
    row["kind"], row["prev_id"], row["end"] = kind, -1, len(levels)
    for name, value in fields.items():
        row[name] = value
    return Records(row, np.array([(size, tick, side) for side, tick, size in levels], LEVEL))


@dataclass
class NaiveExchange:
    """One instrument; ``step`` makes one message, ``snapshot`` shows the whole book."""

    seed: int
    rule: SequenceRule
    depth: int = 12
    now_ns: int = 1_700_000_000_000_000_000
    update_id: int = 1000
    trade_id: int = 50
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    truth: dict[int, Book] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.middle = 5000
        for i in range(1, self.depth + 1):
            self.bids[self.middle - i] = self.rng.randint(1, 9)
            self.asks[self.middle + i] = self.rng.randint(1, 9)
        self.truth[self.update_id] = (dict(self.bids), dict(self.asks))

    def step(self) -> Records:
        """The next message: a trade now and then, else a depth message."""
        self.now_ns += 100_000_000
        if self.rng.random() < 0.2:
            self.trade_id += 1
            side = self.rng.randint(0, 1)
            tick = max(self.bids) if side else min(self.asks)
            return record(
                TRADE,
                [(SELL * side, tick, self.rng.randint(1, 9))],
                event_ns=self.now_ns,
                local_ns=self.now_ns,
                first_id=self.trade_id,
                last_id=self.trade_id,
            )
        return self._depth()

    def _depth(self) -> Records:
        rng, previous = self.rng, self.update_id
        jump = rng.randint(0, 5) if self.rule == SequenceRule.LINKED else 0
        first = previous + 1 + jump
        changes: dict[tuple[int, int], int] = {}
        self.middle += rng.choice((-1, 0, 0, 1))
        for side, book in ((0, self.bids), (1, self.asks)):
            for tick in [t for t in book if (t >= self.middle if side == 0 else t <= self.middle)]:
                del book[tick]
                changes[side, tick] = 0
            for _ in range(rng.randint(1, 3)):
                tick = self.middle - rng.randint(1, 15) if side == 0 else self.middle + rng.randint(1, 15)
                if tick in book and len(book) > 3 and rng.random() < 0.5:
                    del book[tick]
                    changes[side, tick] = 0
                else:
                    book[tick] = changes[side, tick] = rng.randint(1, 9)
        self.update_id = first + rng.randint(0, 4)
        self.truth[self.update_id] = (dict(self.bids), dict(self.asks))
        return record(
            DEPTH,
            [(side, tick, size) for (side, tick), size in changes.items()],
            event_ns=self.now_ns,
            local_ns=self.now_ns,
            first_id=first,
            last_id=self.update_id,
            prev_id=previous if self.rule == SequenceRule.LINKED else -1,
        )

    def snapshot(self, at: int | None = None) -> Records:
        """The whole book, now or as it was at an id."""
        at = self.update_id if at is None else at
        bids, asks = self.truth[at]
        levels = [(0, t, s) for t, s in bids.items()] + [(1, t, s) for t, s in asks.items()]
        return record(SNAPSHOT, levels, last_id=at, first_id=0, local_ns=self.now_ns)


@dataclass
class FaultyLink:
    """Between an exchange and its reader: drops, late repeats, swaps, disconnects, and slow or old snapshots."""

    exchange: NaiveExchange
    steps: int
    calm: int
    disconnected: bool = False

    def __post_init__(self) -> None:
        self.rng = random.Random(self.exchange.seed ^ 0x5EED)
        self._due: list[tuple[int, Records]] = []
        self._step = 0

    def ask(self) -> None:
        """Ask for a snapshot; it comes some steps later, and a fifth of them are from an old cache."""
        ids = list(self.exchange.truth)
        is_calm = self._step >= self.steps - self.calm
        old = not is_calm and self.rng.random() < 0.2
        at = ids[-min(len(ids), 8)] if old else ids[-1]
        delay = self.rng.randint(1, 3 if is_calm else 6)
        self._due.append((self._step + delay, self.exchange.snapshot(at)))

    def __iter__(self) -> Iterator[list[Records]]:
        held: Records | None = None
        for step in range(self.steps):
            self._step = step
            is_faulty = self._step < self.steps - self.calm
            fate = self.rng.random() if is_faulty else 1.0
            message = self.exchange.step()
            out: list[Records] = []
            self.disconnected = fate < 0.01
            if self.disconnected:
                held = None
            elif fate < 0.03:
                pass
            elif fate < 0.05:
                out = [message]
                self._due.append((self._step + self.rng.randint(0, 3), message))
            elif fate < 0.07 and held is None:
                held = message
            else:
                out = [message] if held is None else [message, held]
                held = None
            out += [answer for due, answer in self._due if due <= self._step]
            self._due = [(due, answer) for due, answer in self._due if due > self._step]
            yield out
