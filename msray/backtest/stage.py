"""``Stage``: the tapes of a grid of backtests, made ready once for all of them.

It is put into a cluster's memory once and read there by whoever runs a part of the grid. Nothing in it is changed, and
nothing of the size of a recording is made of it: a backtest of a fold plays the recording from an entrance just before
the fold's first signal until nothing more can happen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import BacktestConfig, check_funding
from msray.backtest.engine import BacktestingEngine
from msray.backtest.entrances import Entrances, grids_of, make_entrances, sent
from msray.backtest.folds import Fold, span_of
from msray.backtest.latency import measured_share
from msray.backtest.queue import check_tapes
from msray.backtest.quotes import is_quote
from msray.backtest.result import BacktestResult
from msray.backtest.strategy import Strategy
from msray.backtest.tape import Tape, TwoClocks, check_clocks
from msray.errors import UnknownNameError, UsageError
from msray.market import Instrument

Place = tuple[tuple[str, ...], Fold | None]
"""Ids of the instruments that are traded, and the fold whose signals are; None: all signals."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How one tape is gone through for a place.

    Attributes
    ----------
    begin
        First message that is played; 0, or one at which there is an entrance.
    ends
        Where to pause, and see whether anything more can happen: message numbers, rising, up to the tape's end.
    signalled
        Behind the last message that raised a signal of the fold.
    """

    begin: int
    ends: tuple[int, ...]
    signalled: int


@dataclass(frozen=True, slots=True)
class _Reel:
    """A tape with what is known of it."""

    tape: Tape
    grids: tuple[tuple[int, Instrument], ...]
    entrances: Entrances

    def before(self, begin: int) -> Tape:
        return self.entrances.before(begin, self.instrument(begin))

    def instrument(self, message: int) -> Instrument:
        """With the grid that is in force from a message on."""
        return next(instrument for at, instrument in reversed(self.grids) if at <= message)

    def parts(self, begin: int, end: int, fold: Fold | None) -> Iterator[Tape]:
        """The messages from one to another, cut where the grid changes, with the signals of the fold."""
        cuts = [begin, *(at for at, _ in self.grids if begin < at < end), end]
        return (self._part(first, behind, fold) for first, behind in pairwise(cuts) if first < behind)

    def _part(self, begin: int, end: int, fold: Fold | None) -> Tape:
        tape = self.tape
        rows = slice(*np.searchsorted(tape.row_message, (begin, end)).tolist())
        raised = range(*np.searchsorted(tape.signal_message, (begin, end)).tolist())
        mine = [at for at in raised if fold is None or fold[0] <= tape.signals[at].event_ns < fold[1]]
        return Tape(
            instrument=self.instrument(begin),
            records=tape.records[begin:end],
            row_message=tape.row_message[rows] - begin,
            bests=tape.bests[rows],
            values=tape.values[rows],
            columns=tape.columns,
            signals=tuple(tape.signals[at] for at in mine),
            signal_message=tape.signal_message[mine] - begin,
        )


class Stage:
    """Tapes, and how to go through them for each place of a grid.

    Parameters
    ----------
    tapes
        One an instrument, at least one.
    places
        What will be asked for.
    configs
        All that will be asked for; their words for the recorders' clocks are checked here.

    Attributes
    ----------
    span_ns
        From the first event to just behind the last, exchange time.

    Raises
    ------
    UsageError
        If there is no tape, two are of one instrument, an instrument has none, a fold has no length, messages were
        received before they were sent, latencies were measured at another time, funding is of no instrument here, or a
        queue is to be exact and a tape does not tell order by order.
    """

    def __init__(self, tapes: Sequence[Tape], places: Iterable[Place], configs: Iterable[BacktestConfig]) -> None:
        configs = list(configs)
        by_id = {tape.instrument.id: tape for tape in sorted(tapes, key=lambda tape: tape.instrument.id)}
        _check_tapes(tapes, by_id, configs)
        timed = {name: _Times(tape) for name, tape in by_id.items()}
        self.span_ns = span_of(tapes)
        for latency in {config.latency for config in configs}:
            measured_share(latency, *self.span_ns)
        for config in {config.funding: config for config in configs}.values():
            check_funding(config, by_id)
        self._ways: dict[Place, tuple[_Way, ...]] = {}
        for names, fold in dict.fromkeys(places):
            _check_place(names, fold, by_id)
            self._ways[names, fold] = _ways([timed[name] for name in names], fold)
        rows: dict[str, set[int]] = {name: set() for name in by_id}
        for (names, _), ways in self._ways.items():
            for name, way in zip(names, ways, strict=True):
                if way.begin:
                    rows[name].add(timed[name].row_before(way.begin))
        self._reels = {
            name: _Reel(tape, tuple(grids_of(tape)), make_entrances(tape, np.array(sorted(rows[name]), np.int64)))
            for name, tape in by_id.items()
        }

    @property
    def tapes(self) -> Mapping[str, Tape]:
        """The tapes, by instrument id."""
        return {name: reel.tape for name, reel in self._reels.items()}

    def play(self, place: Place, config: BacktestConfig, strategy: Strategy) -> tuple[BacktestResult, int]:
        """What a strategy that waits for signals does at a place, and the number of messages it was played.

        It is what :meth:`BacktestingEngine.run` gives of the whole tapes with the signals of the fold alone.

        Raises
        ------
        UsageError
            If the strategy does not wait for signals, but trades on rows: its folds would not end.
        """
        names, fold = place
        if fold is not None and strategy.wants_rows:
            raise UsageError("a fold needs a strategy that waits for signals, got one that is told of every row")
        engine = BacktestingEngine(config.for_some(names), strategy)
        reels, ways = [self._reels[name] for name in names], self._ways[place]
        engine.trade([reel.instrument(way.begin) for reel, way in zip(reels, ways, strict=True)])
        for reel, way in zip(reels, ways, strict=True):
            if way.begin:
                engine.feed(reel.before(way.begin))
        at = [way.begin for way in ways]
        for ends in zip(*(way.ends for way in ways), strict=True):
            for reel, begin, end in zip(reels, at, ends, strict=True):
                for part in reel.parts(begin, end, fold):
                    engine.feed(part)
            at = list(ends)
            engine.go_to(engine.settled_ns)
            if engine.is_at_rest and all(way.signalled <= end for way, end in zip(ways, ends, strict=True)):
                break
        return engine.finish(), sum(end - way.begin for way, end in zip(ways, at, strict=True))


class _Times:
    """When the messages of a tape came, as far as that needs no configuration.

    Nothing is known before all that was received before it (clocks are checked first), so the order of what is known is
    that of receipt by the recorder's own clock, or of sending where there is none, even between instruments.
    """

    def __init__(self, tape: Tape) -> None:
        local_ns = tape.records.messages["local_ns"]
        self.tape = tape
        self.is_received = bool((local_ns[tape.row_message] > 0).all())
        self.is_one_kind = self.is_received or not (local_ns > 0).any()
        self.at_ns = np.maximum.accumulate(local_ns if self.is_received else sent(tape.records))
        self._quoted = tape.row_message[is_quote(tape.bests)]
        self._event_ns = np.array([signal.event_ns for signal in tape.signals], np.int64)

    def signalled(self, fold: Fold) -> NDArray[np.int64]:
        """Messages that raised the signals of a fold."""
        mine: NDArray[np.bool_] = (fold[0] <= self._event_ns) & (self._event_ns < fold[1])
        return self.tape.signal_message[mine]

    def row_before(self, message: int) -> int:
        """The last row before a message that is a quote; -1 if there is none."""
        at = int(np.searchsorted(self._quoted, message))
        return int(np.searchsorted(self.tape.row_message, self._quoted[at - 1])) if at else -1

    def entrance(self, at_ns: int) -> int:
        """The message behind the last quote that is before a time; 0 if there is none."""
        row = self.row_before(int(np.searchsorted(self.at_ns, at_ns)))
        return int(self.tape.row_message[row]) + 1 if row >= 0 else 0


def _ways(timed: list[_Times], fold: Fold | None) -> tuple[_Way, ...]:
    if fold is None:
        return tuple(_Way(0, (len(one.at_ns),), len(one.at_ns)) for one in timed)
    signalled = [one.signalled(fold) for one in timed]
    firsts = [int(one.at_ns[mine].min()) for one, mine in zip(timed, signalled, strict=True) if len(mine)]
    begins = [0] * len(timed)
    if len(timed) == 1 or all(one.is_one_kind and one.is_received == timed[0].is_received for one in timed):
        begins = [one.entrance(min(firsts, default=fold[0])) for one in timed]
    last_ns = max(int(one.at_ns[-1]) if len(one.at_ns) else 0 for one in timed)
    pauses, step = [fold[1]], fold[1] - fold[0]
    while pauses[-1] < last_ns:
        pauses.append(pauses[-1] + step)
        step *= 2
    return tuple(
        _Way(
            begin,
            tuple(np.maximum(np.searchsorted(one.at_ns, [*pauses[:-1], last_ns], side="right"), begin).tolist()),
            int(mine.max()) + 1 if len(mine) else 0,
        )
        for one, begin, mine in zip(timed, begins, signalled, strict=True)
    )


def _check_tapes(tapes: Sequence[Tape], by_id: Mapping[str, Tape], configs: Iterable[BacktestConfig]) -> None:
    if not tapes:
        raise UsageError("tapes must hold at least one instrument, got none")
    if len(by_id) < len(tapes):
        raise UsageError(f"tapes must be one an instrument, got {len(tapes)} of {len(by_id)} instruments")
    configs = list(configs)
    for config in {config.queue.model: config for config in configs}.values():
        check_tapes(config, tapes)
    for config in {config.clock_correction_ms: config for config in configs}.values():
        clocks = {name: TwoClocks(config) for name in by_id}
        for name, tape in by_id.items():
            clocks[name].read(tape.records)
        check_clocks(clocks)


def _check_place(names: tuple[str, ...], fold: Fold | None, known: Mapping[str, Tape]) -> None:
    if not names:
        raise UsageError("instruments of a cell must name at least one, got none")
    for name in names:
        if name not in known:
            raise UnknownNameError("instrument", name, known)
    if fold is not None and not 0 <= fold[0] < fold[1]:
        raise UsageError(f"a fold must begin at 0 or later and end after its begin, got {fold[0]} to {fold[1]}")
