"""Input logs to fold: recorded ones, read the slow way, and random ones that meet every rule there is."""

import gzip
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from msray.features import FeatureEngineering, FeatureTable
from msray.market import ASK, DEPTH, LEVEL, MESSAGE, SELL, SNAPSHOT, TRADE, UNSIGNED, Instrument, Records

SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND + 350_000_000


class Log:
    """Messages and levels, added one by one."""

    def __init__(self) -> None:
        self._messages: list[tuple[int, ...]] = []
        self._levels: list[tuple[int, int, int]] = []

    def add(self, kind: int, levels: Any = (), *, event_ns: int = 0, local_ns: int = 0, ids: Any = (0, 0, 0)) -> None:
        """One message; levels are (size, tick, flags)."""
        begin = len(self._levels)
        self._levels.extend(levels)
        self._messages.append((kind, 0, event_ns, event_ns, local_ns, *ids, begin, len(self._levels)))

    def records(self) -> Records:
        return Records(np.array(self._messages, MESSAGE), np.array(self._levels, LEVEL))


def recorded(path: Path, lines: int) -> tuple[Instrument, Records]:
    """The first lines of a Binance recording, from its snapshot on."""
    messages = []
    with gzip.open(path) as file:
        for line, _ in zip(file, range(lines), strict=False):
            stamp, _, text = line.partition(b" ")
            message = json.loads(text)
            message = message.get("data", message)
            messages.append((int(stamp) * (1_000 if len(stamp) == 16 else 1), message))
    snapshot = next(message for _, message in messages if "lastUpdateId" in message)
    last = snapshot["lastUpdateId"]
    prices = [Decimal(p) for side in ("bids", "asks") for p, _ in snapshot[side]]
    prices += [Decimal(p) for _, m in messages if m.get("e") == "depthUpdate" for side in "ba" for p, _ in m[side]]
    decimals = max(-int(p.normalize().as_tuple().exponent) for p in prices)
    grid = math.gcd(*(int(p.scaleb(decimals)) for p in prices))
    names = {"venue": "test", "symbol": "X", "price_decimals": decimals, "size_decimals": 8}
    instrument = Instrument(**names, tick=grid, grid=grid)

    def levels(message: Any, bids: str, asks: str) -> list[tuple[int, int, int]]:
        sides = ((message[bids], 0), (message[asks], ASK))
        return [(int(Decimal(q).scaleb(8)), instrument.ticks(p), flag) for side, flag in sides for p, q in side]

    log = Log()
    log.add(SNAPSHOT, levels(snapshot, "bids", "asks"), ids=(1000, last, 0))
    has_begun = False
    for local_ns, m in messages:
        kind = m.get("e")
        times = {"event_ns": m.get("E", 0) * 1_000_000, "local_ns": local_ns}
        if kind == "depthUpdate":
            has_begun = has_begun or m["u"] > last or ("pu" in m and m["u"] == last)
            if has_begun:
                log.add(DEPTH, levels(m, "b", "a"), **times, ids=(m["U"], m["u"], m.get("pu", 0)))
        elif kind == "trade" and has_begun:
            level = (int(Decimal(m["q"]).scaleb(8)), instrument.ticks(m["p"]), SELL if m["m"] else 0)
            log.add(TRADE, [level], **times, ids=(m["t"], 0, 0))
    return instrument, log.records()


RANDOM = Instrument(venue="test", symbol="R", price_decimals=2, size_decimals=1, tick=10, grid=5)
"""The instrument of random logs: prices about 100 on a grid of 0.05, a declared tick of two of them."""


def random_log(seed: int, count: int, *, asked: int = 12, pause_ms: int = 400) -> Records:
    """An epoch whose book is often thin, one-sided, crossed or known in part, whose time stands, jumps and returns."""
    rng = np.random.default_rng(seed)
    log = Log()
    mid = 2000
    first = [(int(rng.integers(1, 99)), mid - 1 - 2 * i, 0) for i in range(asked)]
    first += [(int(rng.integers(1, 99)), mid + 1 + 3 * i, ASK) for i in range(max(asked - 3, 1))]
    log.add(SNAPSHOT, first, ids=(asked, 100, 0))
    time = START_NS
    book: list[dict[int, int]] = [{tick: size for size, tick, flag in first if flag == side} for side in (0, 1)]
    for number in range(count):
        time += int(rng.choice([0, 0, 1, 20, pause_ms, 4 * pause_ms, -300])) * 1_000_000
        if rng.random() < 0.004:
            time += int(rng.choice([20, 70, 280, 330])) * SECOND
        stamps = {"event_ns": time, "local_ns": time + int(rng.integers(-2, 40)) * 1_000_000}
        if rng.random() < 0.4:
            tick = mid + int(rng.integers(-4, 5))
            size, flags = int(rng.integers(1, 60)), int(rng.integers(0, 2))
            flags |= UNSIGNED if number % 5 == 0 else 0
            log.add(TRADE, [(size, tick, flags)], **stamps, ids=(number, 0, 0))
            continue
        mid += int(rng.choice([-3, -1, 0, 0, 0, 1, 3]))
        changes = dict(_change(rng, book, mid) for _ in range(int(rng.integers(0, 7))))
        kind = rng.random()
        if kind < 0.02:  # one side goes
            side = int(rng.integers(0, 2))
            changes |= {(side, tick): 0 for tick in book[side]}
        elif kind < 0.9:  # mostly uncrossed
            changes |= {(0, tick): 0 for tick in book[0] if tick >= mid} | {
                (1, tick): 0 for tick in book[1] if tick <= mid
            }
            changes |= {(0, mid - int(rng.integers(1, 3))): 5, (1, mid + int(rng.integers(1, 3))): 7}
        for (side, tick), size in changes.items():
            book[side] = {t: s for t, s in (book[side] | {tick: size}).items() if s}
        levels = [(size, tick, side) for (side, tick), size in changes.items()]
        log.add(DEPTH, levels, **stamps, ids=(number, number, number - 1))
    return log.records()


def _change(rng: np.random.Generator, book: list[dict[int, int]], mid: int) -> tuple[tuple[int, int], int]:
    """A new or changed level near the mid, or the end of one."""
    side = int(rng.integers(0, 2))
    if book[side] and rng.random() < 0.3:
        return (side, int(rng.choice(list(book[side])))), 0
    distance = 1 + int(rng.integers(0, 25))
    return (side, mid - distance if side == 0 else mid + distance), int(rng.integers(1, 99))


def bids(*levels: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Levels of a message from (tick, size)."""
    return [(size, tick, 0) for tick, size in levels]


def asks(*levels: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Levels of a message from (tick, size)."""
    return [(size, tick, ASK) for tick, size in levels]


class Market(Log):
    """A log of ``RANDOM``, in seconds since its start; it begins with a snapshot of whole sides."""

    def __init__(self, snapshot: Any = (), *, asked: int = 0) -> None:
        super().__init__()
        self.add(SNAPSHOT, snapshot, ids=(asked, 1, 0))

    def depth(self, at_s: float, levels: Any = (), *, late_ms: int = 5) -> None:
        """A depth message."""
        event_ns = START_NS + round(at_s * 1e9)
        self.add(DEPTH, levels, event_ns=event_ns, local_ns=event_ns + late_ms * 1_000_000, ids=(2, 2, 1))

    def trade(self, at_s: float, tick: int, size: int, *, sold: bool = False) -> None:
        """A trade."""
        self.add(TRADE, [(size, tick, SELL if sold else 0)], event_ns=START_NS + round(at_s * 1e9))

    def table(self, **settings: Any) -> FeatureTable:
        """Every feature of the log."""
        return FeatureEngineering(RANDOM, **settings).transform(self.records())
