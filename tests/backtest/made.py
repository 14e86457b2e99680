"""Small markets, made by hand or by chance."""

import numpy as np

from msray.market import ASK, DEPTH, GAP, LEVEL, MESSAGE, SELL, SNAPSHOT, TRADE, Instrument, Records

INSTRUMENT = Instrument(venue="test", symbol="X", price_decimals=1, size_decimals=0, tick=1, grid=1)


def records(*messages: tuple) -> Records:
    """Records of messages (kind, exchange ns, [(side, tick, size), ...]); a trade has one level."""
    table = np.zeros(len(messages), MESSAGE)
    levels: list[tuple[int, int, int]] = []
    for number, (kind, at_ns, changes) in enumerate(messages):
        row = table[number]
        row["kind"], row["event_ns"], row["local_ns"], row["last_id"] = kind, at_ns, at_ns, number + 1
        row["begin"] = len(levels)
        levels += [(size, tick, side) for side, tick, size in changes]
        row["end"] = len(levels)
    return Records(table, np.array(levels, LEVEL) if levels else np.zeros(0, LEVEL))


def snapshot(at_ns: int, bids: dict[int, int], asks: dict[int, int]) -> tuple:
    return (SNAPSHOT, at_ns, [(0, t, s) for t, s in bids.items()] + [(ASK, t, s) for t, s in asks.items()])


def depth(at_ns: int, *changes: tuple[int, int, int]) -> tuple:
    return (DEPTH, at_ns, list(changes))


def sold(at_ns: int, tick: int, size: int) -> tuple:
    """A trade whose aggressor was a seller."""
    return (TRADE, at_ns, [(SELL, tick, size)])


def bought(at_ns: int, tick: int, size: int) -> tuple:
    return (TRADE, at_ns, [(0, tick, size)])


def gap(at_ns: int) -> tuple:
    return (GAP, at_ns, [])


def random_messages(rng: np.random.Generator, count: int) -> list[tuple]:
    """A snapshot, then depth and trades around 100, one each 10 ns; now and then the book is crossed or one-sided."""
    found = [snapshot(0, {99: 4, 98: 5, 97: 3}, {101: 4, 102: 5, 103: 3})]
    for number in range(1, count):
        if rng.random() < 0.4:
            made = sold if rng.random() < 0.5 else bought
            found.append(made(10 * number, int(rng.integers(97, 104)), int(rng.integers(1, 13))))
            continue
        changes = {}
        for _ in range(rng.integers(1, 4)):
            side = int(rng.integers(2))
            tick = int(rng.integers(96, 101) if side == 0 else rng.integers(100, 105))
            changes[side, tick] = int(rng.integers(0, 7))
        found.append(depth(10 * number, *((side, tick, size) for (side, tick), size in changes.items())))
    return found
