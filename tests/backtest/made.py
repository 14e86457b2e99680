"""Small markets, made by hand or by chance."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from msray.backtest.tape import Tape
from msray.book import L2Book
from msray.market import (
    ASK,
    DEPTH,
    EDGE,
    GAP,
    LEVEL,
    MESSAGE,
    REGRID,
    SELL,
    SNAPSHOT,
    TRADE,
    Instrument,
    Records,
    Signal,
)

INSTRUMENT = Instrument(venue="test", symbol="X", price_decimals=1, size_decimals=0, tick=1, grid=1)


def records(*messages: tuple) -> Records:
    """Records of messages (kind, exchange ns, [(side, tick, size), ...]); a trade has one level."""
    table = np.zeros(len(messages), MESSAGE)
    levels: list[tuple[int, int, int]] = []
    for number, (kind, at_ns, changes, *grid) in enumerate(messages):
        row = table[number]
        row["kind"], row["event_ns"], row["local_ns"], row["last_id"] = kind, at_ns, at_ns, number + 1
        for decimals, step, factor in grid:
            row["first_id"], row["last_id"], row["prev_id"] = decimals, step, factor
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


def regrid(at_ns: int, factor: int, decimals: int) -> tuple:
    """The grid becomes finer by ``factor``: one unit of so many decimals."""
    return (REGRID, at_ns, [], (decimals, 1, factor))


def random_messages(rng: np.random.Generator, count: int, *, edges: bool = False) -> list[tuple]:
    """A snapshot, then depth and trades around 100, one each 10 ns; now and then the book is crossed or one-sided.

    With ``edges`` levels go out of sight and come back.
    """
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
        if edges and rng.random() < 0.5:
            side, tick = next(iter(changes))
            changes[side | EDGE, tick] = changes.pop((side, tick))
        found.append(depth(10 * number, *((side, tick, size) for (side, tick), size in changes.items())))
    return found


def tape(log: Records, signals=(), instrument: Instrument = INSTRUMENT, columns=()) -> Tape:
    """The tape of a log, its rows from a book of our own; ``signals`` are (message number, signal)."""
    book = L2Book(instrument)
    rows, bests = [], []
    for number, message in enumerate(log.messages):
        levels = log.levels[message["begin"] : message["end"]]
        if message["kind"] == SNAPSHOT:
            book.load(levels, 0)
        elif message["kind"] == REGRID:
            decimals, step, factor = message["first_id"], message["last_id"], message["prev_id"]
            book.regrid(book.instrument.regridded(int(decimals), int(step)), int(factor))
        elif message["kind"] == DEPTH:
            book.apply(levels)
            best = book.best()
            rows.append(number)
            bests.append(
                (
                    -1 if best.bid_tick is None else best.bid_tick,
                    best.bid_size,
                    2**31 - 1 if best.ask_tick is None else best.ask_tick,
                    best.ask_size,
                )
            )
    return Tape(
        instrument=instrument,
        records=log,
        row_message=np.array(rows, np.int64),
        bests=np.array(bests, np.int64).reshape(-1, 4),
        values=np.zeros((len(rows), 0)),
        columns=(),
        signals=tuple(signal for _, signal in signals),
        signal_message=np.array([number for number, _ in signals], np.int64),
    )


def pieces(whole: Tape, cuts: Sequence[int]) -> list[Tape]:
    """A tape cut before the messages of these numbers."""
    found = []
    for begin, end in pairwise([0, *cuts, len(whole.records)]):
        rows = (whole.row_message >= begin) & (whole.row_message < end)
        raised = (whole.signal_message >= begin) & (whole.signal_message < end)
        found.append(
            replace(
                whole,
                records=whole.records[begin:end].copy(),
                row_message=whole.row_message[rows] - begin,
                bests=whole.bests[rows],
                values=whole.values[rows],
                signals=tuple(signal for signal, mine in zip(whole.signals, raised, strict=True) if mine),
                signal_message=whole.signal_message[raised] - begin,
            )
        )
    return found


def signal(event_ns: int, direction: int = 1, signal_type: str = "imbalance", score: float = 0.9, instrument="test:X"):
    return Signal(
        signal_id=f"{event_ns:032d}",
        instrument=instrument,
        signal_type=signal_type,
        detector="ensemble",
        score=score,
        direction=direction,
        event_ns=event_ns,
        change_ns=event_ns,
        size_sigma=1.0,
        event_kind="depth",
        event_id=1,
    )


def times(log: Records, scale_ns: int) -> Records:
    """The same log with every time multiplied."""
    messages = log.messages.copy()
    for name in ("event_ns", "local_ns"):
        messages[name] *= scale_ns
    return Records(messages, log.levels)
