"""Records and lakes that tests make up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from msray.feeds.lake import part_writer
from msray.feeds.lake.part import Part, Source, find_parts
from msray.feeds.lake.writer import LakeWriter, WrittenDay
from msray.market import (
    DEPTH,
    GAP,
    LEVEL,
    MESSAGE,
    REQUEST,
    SNAPSHOT,
    TRADE,
    GapReason,
    Instrument,
    Records,
    concatenate,
)
from tests.instruments import SPOT
from tests.naive.exchange import record

DAY_NS = 86_400 * 10**9
FIRST_DAY = 19_900  # 2024-06-26
FILES = (Source("a.gz", 5, "0" * 64), Source("b.gz", 6, "1" * 64))


def random_records(seed: int, count: int) -> Records:
    """Records of all kinds, as far as they can be stored; they are no market."""
    rng = np.random.default_rng(seed)
    messages = np.zeros(count, MESSAGE)
    for name in ("event_ns", "trade_ns", "local_ns", "first_id", "last_id", "prev_id"):
        messages[name] = rng.integers(0, 2**62, count)
    messages["event_ns"] = FIRST_DAY * DAY_NS + rng.integers(0, DAY_NS, count)
    messages["kind"] = rng.choice([DEPTH, TRADE, SNAPSHOT, GAP, REQUEST], count)
    messages["prev_id"][messages["kind"] == GAP] = rng.choice(list(GapReason))
    sizes = {TRADE: 1, GAP: 0, REQUEST: 0}
    counts = np.array([sizes.get(int(kind), int(rng.integers(0, 5))) for kind in messages["kind"]], np.int64)
    messages["end"] = np.cumsum(counts)
    messages["begin"] = messages["end"] - counts
    levels = np.zeros(int(counts.sum()), LEVEL)
    levels["size"], levels["tick"] = rng.integers(0, 2**58, len(levels)), rng.integers(0, 2**31 - 2, len(levels))
    levels["flags"] = rng.integers(0, 4, len(levels))
    return Records(messages, levels)


def market(*, days: int = 3, a_day: int = 20, first_id: int = 1, skip: Sequence[int] = ()) -> list[Records]:
    """A snapshot, then a depth message an hour or so; update ids that are skipped leave a gap."""
    times = [FIRST_DAY * DAY_NS + (2 * i + 1) * DAY_NS // (2 * a_day) for i in range(days * a_day)]
    found = [record(SNAPSHOT, [(0, 100, 5), (1, 110, 5)], last_id=first_id, local_ns=times[0])]
    for number, at in enumerate(times, first_id + 1):
        stamps = {"event_ns": at, "trade_ns": at, "local_ns": at + 10**6}
        found.append(record(TRADE, [(0, 105, 1)], first_id=number, last_id=number, **stamps))
        if number not in skip:
            found.append(record(DEPTH, [(0, 99, number), (1, 111, 1)], first_id=number, last_id=number, **stamps))
    return found


def write_lake(
    lake: Path,
    parts: Sequence[Records],
    *,
    instrument: Instrument = SPOT,
    sources: Sequence[Source] = FILES,
    replace: bool = False,
) -> list[WrittenDay]:
    writer = LakeWriter(lake, instrument, sources, replace=replace)
    try:
        for records in parts:
            writer.append(records)
        writer.close()
    finally:
        writer.abort()
    return writer.days


def small_parts(monkeypatch: Any, messages: int = 8) -> None:
    """Let parts and row groups be full soon."""
    for name in ("PART_MESSAGES", "GROUP_MESSAGES"):
        monkeypatch.setattr(part_writer, name, messages if name == "PART_MESSAGES" else 3)


def heads(lake: Path) -> list[Part]:
    return find_parts([lake])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file, hidden ones too: its bytes and when it was written."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def plain(records: Sequence[Records]) -> list[Any]:
    """Messages with their own levels, as something that compares."""
    if not records:
        return []
    whole = concatenate(list(records))
    names = [name for name in MESSAGE.names or () if name not in ("begin", "end", "instrument")]
    rows = zip(whole.messages[names].tolist(), whole.messages[["begin", "end"]].tolist(), strict=True)
    return [(row, whole.levels[begin:end].tolist()) for row, (begin, end) in rows]
