"""Folds of a recording: windows of time, each a market of its own that a strategy meets with nothing in its hands.

A window begins with the book as it stood and ends at its last message; what is held then is valued at the mid. A fold's
last signals are not told: what they lead to could end behind the fold. So no two folds share a message, and nothing of
the part that is held out is in any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import MS, SECOND, BacktestConfig
from msray.backtest.entrances import grids_of, make_entrances
from msray.backtest.quotes import is_quote
from msray.backtest.tape import Tape, TapeRecorder, TwoClocks
from msray.backtest.variants import BINS
from msray.detectors import Calibration
from msray.errors import UsageError
from msray.market import GAP, SNAPSHOT, Signal, concatenate
from msray.prediction import DetectionConfig, PredictionEngine
from msray.tuning.config import TuneConfig

Times = NDArray[np.int64]
PIECE = 4096
"""Messages that detectors are handed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A piece of local time, the time at which things are known, nanoseconds UTC.

    Attributes
    ----------
    begin_ns, end_ns
        What is played: from the first on, before the second.
    told_ns
        Signals from here on are not told.
    bins
        First and behind the last of the equal pieces of the recording (``BINS``) whose returns it gives.
    """

    begin_ns: int
    told_ns: int
    end_ns: int
    bins: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How a recording is cut.

    Attributes
    ----------
    edges_ns
        Of the equal pieces of its time, ``BINS + 1`` of them.
    folds
        What trials are tried on, in the order of time.
    held_out
        What no trial sees.
    """

    edges_ns: tuple[int, ...]
    folds: tuple[Window, ...]
    held_out: Window

    @property
    def held_out_s(self) -> float:
        """Length of the part that is held out, in seconds."""
        return (self.held_out.end_ns - self.held_out.begin_ns) / SECOND

    @property
    def purge_ns(self) -> int:
        """Length of the end of each fold whose signals are not told."""
        return self.folds[0].end_ns - self.folds[0].told_ns


def make_windows(begin_ns: int, end_ns: int, config: TuneConfig, *, purge_ns: int) -> Windows:
    """Cut the time of a recording into folds and a part that is held out.

    Parameters
    ----------
    begin_ns, end_ns
        First and last time at which anything was known.
    config
        How many folds, how much is held out, how long nothing is played behind a fold.
    purge_ns
        So long before the end of a fold no signal is told.

    Raises
    ------
    UsageError
        If the recording is too short: a fold would tell of no signal.

    Examples
    --------
    >>> cut = make_windows(0, 160_000, TuneConfig(folds=2), purge_ns=4000)
    >>> [(fold.begin_ns, fold.told_ns, fold.end_ns) for fold in cut.folds], cut.held_out.begin_ns
    ([(0, 60000, 64000), (64000, 124000, 128000)], 128000)
    """
    end_ns += 1
    edges = [begin_ns + (end_ns - begin_ns) * number // BINS for number in range(BINS + 1)]
    last = round(BINS * (1.0 - config.held_out))
    embargo_ns = round(config.embargo_seconds * SECOND)
    bounds = [last * number // config.folds for number in range(config.folds + 1)]
    folds = [
        Window(
            begin_ns=edges[first] + (embargo_ns if first else 0),
            told_ns=edges[behind] - purge_ns,
            end_ns=edges[behind],
            bins=(first, behind),
        )
        for first, behind in pairwise(bounds)
    ]
    held_out = Window(begin_ns=edges[last] + embargo_ns, told_ns=end_ns, end_ns=end_ns, bins=(last, BINS))
    shortest = min(folds, key=lambda fold: fold.told_ns - fold.begin_ns)
    if shortest.told_ns <= shortest.begin_ns or held_out.begin_ns >= end_ns:
        least_s = (embargo_ns + purge_ns) / SECOND
        raise UsageError(
            f"folds must be longer than {least_s:g} s, their embargo and the longest a signal can lead to, got "
            f"{(edges[last] - begin_ns) / SECOND / config.folds:g} s: {config.folds} folds of "
            f"{(end_ns - begin_ns) / SECOND:g} s less the {config.held_out:g} of it that is held out",
            hint="take fewer folds, a shorter backtest.max_holding_seconds, or longer recordings",
        )
    return Windows(edges_ns=tuple(edges), folds=tuple(folds), held_out=held_out)


def longest_ns(config: BacktestConfig) -> int:
    """From a signal to the end of what it leads to, at the longest: on its way, held, on its way again."""
    way_ms = config.compute_ms + 2 * (config.latency.entry_ms + config.latency.response_ms + config.latency.jitter_ms)
    return round(config.max_holding_seconds * SECOND + way_ms * MS)


def known_times(tape: Tape, config: BacktestConfig) -> Times:
    """When each message of a tape was known."""
    return TwoClocks(config).read(tape.records)[1]


def known_span(tapes: Sequence[Tape], config: BacktestConfig) -> tuple[int, int]:
    """First and last time at which anything of some tapes was known.

    Raises
    ------
    UsageError
        If they hold no message.
    """
    times = [known for known in (known_times(tape, config) for tape in tapes) if len(known)]
    if not times:
        raise UsageError("recordings must hold a message, got none")
    return min(int(known[0]) for known in times), max(int(known[-1]) for known in times)


def cut_before(tape: Tape, config: BacktestConfig, end_ns: int) -> Tape:
    """What of a tape was known before a time."""
    end = int(np.searchsorted(known_times(tape, config), end_ns))
    rows, raised = np.searchsorted(tape.row_message, end), np.searchsorted(tape.signal_message, end)
    return replace(
        tape,
        records=tape.records[:end].copy(),
        row_message=tape.row_message[:rows],
        bests=tape.bests[:rows],
        values=tape.values[:rows],
        signals=tape.signals[:raised],
        signal_message=tape.signal_message[:raised],
    )


def with_signals(tape: Tape, signals: Sequence[Signal], messages: Times) -> Tape:
    """The same tape with other signals, and the numbers of the messages that raised them."""
    return replace(tape, signals=tuple(signals), signal_message=messages)


@dataclass(frozen=True, slots=True)
class _Way:
    """From the message behind the last quote before a window to its end; what was before it takes so many messages."""

    row: int
    begin: int
    end: int
    before: int


class Cutter:
    """One instrument's tape, cut by windows.

    Parameters
    ----------
    tape
        From its first message on.
    config
        Its clocks.
    windows
        All that will be asked for.
    """

    def __init__(self, tape: Tape, config: BacktestConfig, windows: Sequence[Window]) -> None:
        self._tape = tape
        self._known_ns = known_times(tape, config)
        self._ways = [self._way(window) for window in windows]
        self._windows = windows

    def tapes(self) -> list[Tape]:
        """Each window as a tape of its own, a copy."""
        rows = np.unique(np.array([way.row for way in self._ways if way.before], np.int64))
        entrances = make_entrances(self._tape, rows)
        found = []
        for number, way in enumerate(self._ways):
            part = self._part(way)
            if way.before:
                told = entrances.before(way.begin, part.instrument)
                part = replace(
                    part,
                    records=concatenate([told.records, part.records]),
                    row_message=np.concatenate([told.row_message, part.row_message + way.before]),
                    bests=np.concatenate([told.bests, part.bests]),
                    values=np.concatenate([told.values, part.values]),
                )
            signals, messages = self.heard(number, self._tape.signals, self._tape.signal_message)
            found.append(replace(part, signals=signals, signal_message=messages))
        return found

    def heard(self, number: int, signals: Sequence[Signal], messages: Times) -> tuple[tuple[Signal, ...], Times]:
        """Those of some signals that are told in a window, and the messages of its tape that raised them.

        Parameters
        ----------
        number
            Of the window.
        signals, messages
            In the order in which they were raised, and the numbers of the whole tape's messages that did.
        """
        way, window = self._ways[number], self._windows[number]
        known_ns = self._known_ns[messages]
        mine = np.flatnonzero((window.begin_ns <= known_ns) & (known_ns < window.told_ns) & (messages < way.end))
        return tuple(signals[at] for at in mine.tolist()), messages[mine] - way.begin + way.before

    def _way(self, window: Window) -> _Way:
        begin, end = np.searchsorted(self._known_ns, (window.begin_ns, window.end_ns)).tolist()
        quotes = np.flatnonzero(is_quote(self._tape.bests) & (self._tape.row_message < begin))
        if not len(quotes):
            return _Way(-1, 0, end, 0)
        row = int(quotes[-1])
        return _Way(row, int(self._tape.row_message[row]) + 1, end, 2)

    def _part(self, way: _Way) -> Tape:
        tape = self._tape
        rows = slice(*np.searchsorted(tape.row_message, (way.begin, way.end)).tolist())
        instrument = next(one for at, one in reversed(grids_of(tape)) if at <= way.begin)
        return replace(
            tape,
            instrument=instrument,
            records=tape.records[way.begin : way.end].copy(),
            row_message=tape.row_message[rows] - way.begin,
            bests=tape.bests[rows],
            values=tape.values[rows],
        )


def detect(
    tape: Tape, words: DetectionConfig, calibration: Calibration | None = None
) -> tuple[tuple[Signal, ...], Times]:
    """What detectors with other words find on a tape, and the numbers of the messages that raised it.

    Notes
    -----
    The tape's records are the input log, and the fold of that is the definition: these are the signals that the replay
    of the recording gives with the same words.
    """
    messages = tape.records.messages
    epochs = np.flatnonzero(np.isin(messages["kind"], (SNAPSHOT, GAP)))
    cuts = np.unique(np.concatenate([epochs, np.arange(0, len(messages), PIECE)])).tolist()
    recorder = TapeRecorder(tape.instrument)
    engine = PredictionEngine(tape.instrument, words, calibration=calibration, log=recorder.folded)
    for begin, end in pairwise([*cuts, len(messages)]):
        piece = tape.records[begin:end].copy()  # one that may be written, so that kernels meet the type that they know
        while len(piece):  # a crossed book stops the fold; a gap was written behind it, so there is but one turn
            piece = piece[max(engine.fold(piece)[1], 1) :]
    found = recorder.take()
    return found.signals, found.signal_message
