"""A market with an edge that is known: the book leans, and the price follows."""

import functools

import numpy as np

from msray.backtest.tape import Tape, TapeRecorder
from msray.market import ASK, Instrument
from msray.prediction import CalibrationConfig, DetectionConfig, PredictionEngine, WatchConfig
from tests.backtest.made import depth, records, snapshot

MS, SECOND = 1_000_000, 1_000_000_000
INSTRUMENT = Instrument(venue="test", symbol="X", price_decimals=1, size_decimals=3, tick=1, grid=1)
QUIET_S, EVERY_S, LASTS_S = 300, 50, 15
STEPS = 10
"""Messages a second."""
WORDS = DetectionConfig(
    arl0=600,
    watches=(WatchConfig(name="imbalance", feature="imbalance_l5"),),
    calibration=CalibrationConfig(bars=QUIET_S - 20, delay_bars=5),
)


@functools.cache
def leaning_market(seed: int, *, follows: bool, episodes: int = 40) -> Tape:
    """A book that leans to one side now and then, for some seconds.

    Where the price ``follows``, it drifts two ticks a second to that side while the book leans. Else the same moves of
    the price come at other times: its increments, second by second, are shuffled.
    """
    rng = np.random.default_rng(seed)
    seconds = QUIET_S + EVERY_S * episodes
    lean = np.zeros(seconds, int)
    for episode in range(episodes):
        begin = QUIET_S + EVERY_S * episode
        lean[begin : begin + LASTS_S] = 1 if rng.random() < 0.5 else -1
    moves = rng.integers(-1, 2, (seconds, STEPS)) * (rng.random((seconds, STEPS)) < 0.1)
    moves[:, ::5] += 2 * lean[:, None]
    if not follows:
        moves = rng.permutation(moves)
    mids = 20_000 + np.cumsum(moves.ravel())
    messages = [snapshot(MS, _side(mids[0], -1, [5000] * 5), _side(mids[0], 1, [5000] * 5))]
    shown = (_side(mids[0], -1, [5000] * 5), _side(mids[0], 1, [5000] * 5))
    for step, mid in enumerate(mids):
        leans = lean[step // STEPS]
        sizes = [100 * rng.integers(30, 70, 5) * (4 if leans == side else 1) for side in (1, -1)]
        wanted = (_side(mid, -1, sizes[0]), _side(mid, 1, sizes[1]))
        changes = []
        for side, (old, new) in enumerate(zip(shown, wanted, strict=True)):
            changes += [(ASK * side, tick, 0) for tick in old if tick not in new]
            changes += [(ASK * side, tick, int(size)) for tick, size in new.items()]
        messages.append(depth((step + 1) * SECOND // STEPS, *changes))
        shown = wanted
    return _tape(records(*messages))


def leaning() -> Tape:
    """300 s that are quiet, then 600 s in which the price follows what the book leans to for 15 s."""
    return leaning_market(7, follows=True, episodes=12)


def _side(mid: int, sign: int, sizes) -> dict[int, int]:
    return {int(mid + sign * (level + 1)): int(size) for level, size in enumerate(sizes)}


def _tape(log) -> Tape:
    recorder = TapeRecorder(INSTRUMENT)
    PredictionEngine(INSTRUMENT, WORDS, sink=recorder.rows, log=recorder.folded).fold(log)
    return recorder.take()
