"""Book, wire, features and detectors on the recorded chains, beside what users have today.

Every chain is checked in the same run: best price and size after every message and full depth at the end equal those
of two dicts, and the peers' books are held against it.

    python jobs/measure_book.py [--json] [--runs 7] [--data FOLDER]
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from book_peers import loaded, measure_peers
from chains import Chain, chains, level_count
from figures import Figure, arguments, median_seconds, report

from msray.book import L2Book
from msray.features import NETWORK_COLUMNS, FeatureEngineering
from msray.market import ASK
from msray.prediction import CalibrationConfig, DetectionConfig, PredictionEngine
from msray.venues import Decoder, Frames

BATCH = 64


def main() -> int:
    """Measure every chain that is there."""
    options = arguments(__doc__).parse_args()
    figures: list[Figure] = []
    for chain in chains(options.data):
        _check(chain)
        figures += [*_book(chain, options.runs), *_wire(chain, options.runs), *_fold(chain, options.runs)]
    if not figures:
        sys.stderr.write(f"no recordings in {options.data}: set MSRAY_DATA\n")
    return report(figures, as_json=options.json)


def _check(chain: Chain) -> None:
    """The book against two dicts of integers."""
    book, depth = loaded(chain), chain.depth
    sides: list[dict[int, int]] = [{}, {}]
    for level in book.levels().tolist():
        sides[level[2] & ASK][level[1]] = level[0]
    bests = np.zeros((len(depth), 4), np.int64)
    book.replay(depth, bests)
    rows = depth.levels.tolist()
    for row, (begin, end) in enumerate(depth.messages[["begin", "end"]].tolist()):
        for size, tick, flags in rows[begin:end]:
            if size:
                sides[flags & ASK][tick] = size
            else:
                sides[flags & ASK].pop(tick, None)
        bid, ask = max(sides[0]), min(sides[1])
        if bests[row].tolist() != [bid, sides[0][bid], ask, sides[1][ask]]:
            raise SystemExit(f"{chain.name}: wrong best after message {row}")
    found = [{tick: size for size, tick, _ in book.levels(side).tolist()} for side in (0, ASK)]
    if found != sides:
        raise SystemExit(f"{chain.name}: wrong depth at the end")


def _book(chain: Chain, runs: int) -> list[Figure]:
    depth, messages, changes = chain.depth, len(chain.depth), level_count(chain.depth)
    bests = np.zeros((messages, 4), np.int64)
    seconds = median_seconds(lambda book: book.replay(depth, bests), lambda: loaded(chain), runs)
    each = 9.5 if chain.name == "spot BTC 2024" else 7.0
    goal = (30 * messages + each * changes) / changes
    peers = measure_peers(chain, runs)
    own = Figure(
        name=f"{chain.name}: book",
        value=seconds / changes * 1e9,
        unit="ns a change",
        goal=round(goal, 1),
        beside={name: peer["seconds"] / changes * 1e9 for name, peer in peers.items()},
        how=f"{messages} messages, {changes} changes, best after each message, fresh book at full depth, "
        f"median of {runs}, CPU; beside: " + ("; ".join(peer["how"] for peer in peers.values()) or "no peer"),
    )
    return [own, *_times(own, {"order_book": 30, "hftbacktest": 5, "hftbacktest with its two books": 5})]


def _times(own: Figure, goals: dict[str, float]) -> list[Figure]:
    """How many times a peer's figure is ours, for each peer that is there."""
    return [
        Figure(
            name=f"{own.name}, {peer} over ours",
            value=own.beside[peer] / own.value,
            unit="x",
            op=">=",
            goal=goal,
            how=own.how,
        )
        for peer, goal in goals.items()
        if peer in own.beside
    ]


def _wire(chain: Chain, runs: int) -> list[Figure]:
    messages = len(chain.frames)
    batches = [Frames.of(chain.frames[i : i + BATCH], local_ns=1) for i in range(0, messages, BATCH)]
    levels = sum(level_count(part) for b in batches for part in Decoder([chain.instrument]).decode(b).parts)

    def work(made: tuple[Decoder, L2Book]) -> None:
        decoder, book = made
        for batch in batches:
            for part in decoder.decode(batch).parts:
                book.replay(part)

    seconds = median_seconds(work, lambda: (Decoder([chain.instrument]), loaded(chain)), runs)
    per_level = 36 if "spot" in chain.name else 20
    least = 1.8 if levels >= 8 * messages else 1.2
    own = Figure(
        name=f"{chain.name}: wire to book",
        value=seconds / messages * 1e6,
        unit="us a message",
        goal=round((0.7 * messages + per_level / 1000 * levels) / messages, 2),
        beside=_orjson(chain, runs),
        how=f"{messages} frames, {levels} levels, {BATCH} a call; median of {runs}, CPU",
    )
    return [own, *_times(own, {"orjson.loads alone": least})]


def _orjson(chain: Chain, runs: int) -> dict[str, float]:
    try:
        import orjson
    except ImportError:
        return {}

    def work(loads: Callable[[bytes], Any]) -> None:
        for frame in chain.frames:
            loads(frame)

    seconds = median_seconds(work, lambda: orjson.loads, runs)
    return {"orjson.loads alone": seconds / len(chain.frames) * 1e6}


def _fold(chain: Chain, runs: int) -> list[Figure]:
    depth, log = chain.depth, chain.log
    messages = len(depth)
    book = median_seconds(lambda made: made.replay(depth), lambda: loaded(chain), runs)

    def features(engineering: FeatureEngineering) -> None:
        engineering.transform(log)

    def engine(made: PredictionEngine) -> None:
        made.fold(log)

    rows = median_seconds(features, lambda: FeatureEngineering(chain.instrument), runs)
    wide = median_seconds(features, lambda: FeatureEngineering(chain.instrument, NETWORK_COLUMNS), runs)
    detection = DetectionConfig(calibration=CalibrationConfig(bars=100_000))
    whole = median_seconds(engine, lambda: _engine(chain, detection), runs)
    trades = len(log) - messages - 1
    how = f"{messages} depth messages and {trades} trades, median of {runs}, CPU; book alone subtracted"
    folded = _engine(chain, detection)
    folded.fold(log)
    return [
        Figure(
            name=f"{chain.name}: all features",
            value=(rows - book) / messages * 1e6,
            unit="us a message",
            goal=0.5,
            how=how,
        ),
        Figure(
            name=f"{chain.name}: all features and the levels of networks",
            value=(wide - book) / messages * 1e6,
            unit="us a message",
            goal=1.0,
            beside={"all features": (rows - book) / messages * 1e6},
            how=how,
        ),
        Figure(
            name=f"{chain.name}: features and default ensemble",
            value=(whole - book) / messages * 1e6,
            unit="us a message",
            goal=1.5,
            how=f"{how}, {folded.closed_bars} bars, no self-calibration",
        ),
    ]


def _engine(chain: Chain, detection: DetectionConfig) -> PredictionEngine:
    return PredictionEngine(chain.instrument, detection)


if __name__ == "__main__":
    sys.exit(main())
