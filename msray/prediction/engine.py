"""``PredictionEngine``: the pure fold of one instrument. ``engine(log) = signals``, id for id, wherever it runs."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from msray.book import L2Book
from msray.detectors import Calibration
from msray.errors import CorruptLogError
from msray.features import grow, new_state, regrid, reset
from msray.features import kernels as feature
from msray.market import DEPTH, GAP, REFRESH, REGRID, SNAPSHOT, TRADE, Instrument, Messages, Records, Signal
from msray.prediction import kernels as k
from msray.prediction.calibration import CalibrationTask
from msray.prediction.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from msray.prediction.config import DetectionConfig
from msray.prediction.detection import Detection
from msray.prediction.solver import Solver, SpotSolver

AUDITED_LEVELS = 100
"""Best levels a side that a fresh snapshot is compared with."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What the engine computed for some depth messages; valid until the sink returns.

    Attributes
    ----------
    instrument
        With the grid that ``bests`` are in.
    epoch_id
        Update id of the snapshot that began their epoch.
    messages
        The depth messages, in order.
    bests
        ``(n, 4)``: best bid tick, size, best ask tick, size after each; -1 and 2**31-1 where a side is empty.
    values
        ``(n, 65)``: feature rows in catalogue order; ``(n, 132)`` for a :class:`LevelSink`.
    stretch
        Another number wherever features began anew: at a snapshot, and where time jumped.
    """

    instrument: Instrument
    epoch_id: int
    messages: Messages
    bests: NDArray[np.int64]
    values: NDArray[np.float64]
    stretch: int = 0


RowSink = Callable[[Rows], None]


@dataclass(frozen=True, slots=True)
class LevelSink:
    """A row sink for which the levels family is computed too: networks read it, detectors do not.

    Attributes
    ----------
    take
        Gets the rows.
    """

    take: RowSink

    def __call__(self, rows: Rows) -> None:
        """Hand them on."""
        self.take(rows)


LogSink = Callable[[Instrument, Records, list[Signal]], None]
"""Told of records that have been folded, with the grid that they ended with and the signals that they raised."""


@dataclass(slots=True)
class EngineCounts:
    """What happened so far; all of it grows only."""

    depth_messages: int = 0
    epochs: int = 0
    time_jumps: int = 0
    audit_differences: int = 0
    signals: int = 0


class PredictionEngine:
    """The fold of one instrument's input log.

    Parameters
    ----------
    instrument
        Whose log it is.
    detection
        The user's words: bars, watches, false-alarm rate.
    calibration
        In force from the first bar. Without one, the engine calibrates itself on the bars that ``detection`` names, and
        its signals say ``uncalibrated`` until then.
    solver
        Computes calibrations; by default on the spot.
    sink
        Takes every feature row; by default nobody does. With a :class:`LevelSink` they have the levels family too.
    log
        Takes the input log as it is folded, after the rows of each part.

    Notes
    -----
    The fold reads exchange time and ids only. A GAP or a new SNAPSHOT resets everything but the calibration, so every
    epoch is an independent fold and any cut of the log into calls gives the same signals.
    """

    def __init__(
        self,
        instrument: Instrument,
        detection: DetectionConfig,
        *,
        calibration: Calibration | None = None,
        solver: Solver | None = None,
        sink: RowSink | None = None,
        log: LogSink | None = None,
    ) -> None:
        self.instrument = instrument
        self.book = L2Book(instrument)
        self.counts = EngineCounts()
        self.is_synced = False
        self.epoch_id = 0
        self.calibration_task: CalibrationTask | None = None
        levels = isinstance(sink, LevelSink)
        self._features = new_state(instrument, levels=levels)
        self._detection = Detection(instrument.id, detection, calibration)
        self._solver = solver or SpotSolver()
        self._sink = sink
        self._log = log
        self._alarms = np.zeros(64 + len(detection.watches), k.ALARM)
        self._bests = np.zeros((0, 4), np.int64)
        self._rows = np.zeros((0, feature.COLUMNS + feature.LEVEL_COLUMNS * levels))

    @property
    def calibration(self) -> Calibration | None:
        """The calibration in force."""
        return self._detection.calibration

    @property
    def crossed(self) -> int:
        """Depth messages after which the book was crossed."""
        return int(self._detection.arena[k.CROSSED])

    @property
    def stays_crossed(self) -> bool:
        """Whether the book was crossed after each of the last three depth messages: the caller declares a gap then."""
        return int(self._detection.arena[k.CROSSED_RUN]) >= k.CROSSED_LIMIT

    @property
    def closed_bars(self) -> int:
        """Bars closed in this epoch, the partial one at its beginning not counted."""
        return max(int(self._detection.arena[k.CLOSED]), 0)

    @property
    def level_changes(self) -> int:
        """Levels applied by depth messages."""
        return int(self._detection.arena[k.CHANGES])

    @property
    def row(self) -> NDArray[np.float64]:
        """Newest feature row (a copy, 65 values in catalogue order)."""
        at = feature.ROW
        return self._features[at : at + feature.COLUMNS].view(np.float64).copy()

    @property
    def row_event_ns(self) -> int:
        """Exchange time of the newest row, 0 before the first of an epoch."""
        return int(self._detection.arena[k.LAST_EVENT])

    def count_on(self, other: "PredictionEngine") -> None:
        """Take over what another engine counted."""
        self.counts = other.counts
        for word in (k.CROSSED, k.CHANGES):
            self._detection.arena[word] = other._detection.arena[word]

    def fold(self, records: Records) -> tuple[list[Signal], int]:
        """Fold records of the input log.

        Parameters
        ----------
        records
            SNAPSHOT, DEPTH, TRADE, GAP, REFRESH and REGRID records of this instrument, in order.

        Returns
        -------
        signals
            What the detectors found.
        folded
            Number of records folded. Behind the third depth message running that left the book crossed none is:
            :attr:`stays_crossed` says so, and the caller declares a gap there.
        """
        signals: list[Signal] = []
        messages, at = records.messages, 0
        while at < len(messages):
            if not self.is_synced or messages["kind"][at] > TRADE:
                self._take(records, at)
                at += 1
                continue
            at = self._run(records, at, signals)
            stop = int(self._detection.arena[k.STOP])
            if stop == k.BOOK_CROSSED:
                break
            self._resolve(stop, records, at)
        self.counts.signals += len(signals)
        if self._log is not None:
            self._log(self.instrument, records[:at], signals)
        return signals, at

    def checkpoint(self) -> bytes:
        """The whole state, to :meth:`restore` later: folding on gives the same signals as no break at all."""
        return write_checkpoint(
            Checkpoint(
                instrument=self.instrument,
                config_digest=self._detection.config.whole_digest(),
                is_synced=self.is_synced,
                epoch_id=self.epoch_id,
                counts=asdict(self.counts),
                calibration=None if self.calibration is None else self.calibration.to_json(),
                book=self.book.arena.tobytes(),
                features=self._features.tobytes(),
                detection=self._detection.arena.tobytes(),
            )
        )

    def restore(self, data: bytes) -> None:
        """Take up a checkpoint of the same instrument and the same words.

        Raises
        ------
        CorruptLogError
            If the bytes are damaged, or of another version, instrument or configuration, or if one engine computes the
            levels family and the other does not.
        """
        saved = read_checkpoint(data, self.instrument.id, self._detection.config.whole_digest())
        features = np.frombuffer(saved.features, np.int64).copy()
        if features[feature.HAS_LEVELS] != self._features[feature.HAS_LEVELS]:
            raise CorruptLogError("checkpoint must hold the levels family if and only if the engine computes it")
        calibration = None if saved.calibration is None else Calibration.from_json(saved.calibration)
        self._detection.restore(calibration, np.frombuffer(saved.detection, np.int64).copy())
        self.instrument = saved.instrument
        self.is_synced, self.epoch_id = saved.is_synced, saved.epoch_id
        self.counts = EngineCounts(**saved.counts)
        self.book = L2Book(saved.instrument)
        self.book.arena = np.frombuffer(saved.book, np.int64).copy()
        self._features = features
        self.calibration_task = None

    def _run(self, records: Records, at: int, signals: list[Signal]) -> int:
        """One call of the kernel; its outputs to where they belong."""
        messages, arena = records.messages, self._detection.arena
        if self._sink is not None and len(self._rows) < len(messages):
            self._bests = np.zeros((len(messages), 4), np.int64)
            self._rows = np.zeros((len(messages), self._rows.shape[1]))
        reached = int(
            k.fold(
                self.book.arena,
                self._features,
                arena,
                messages,
                records.levels,
                at,
                self._bests,
                self._rows,
                self._alarms,
            )
        )
        rows = int(arena[k.ROWS])
        self.counts.depth_messages += rows
        for alarm in self._alarms[: arena[k.ALARMS]]:
            signals.append(self._detection.signal(alarm))
        if self._sink is not None and rows:
            done = messages[at:reached]
            depth = done[done["kind"] == DEPTH]
            stretch = self.counts.epochs + self.counts.time_jumps
            self._sink(Rows(self.instrument, self.epoch_id, depth, self._bests[:rows], self._rows[:rows], stretch))
        return reached

    def _resolve(self, stop: int, records: Records, at: int) -> None:
        """Do what the kernel stopped for."""
        if stop == k.BOOK_FULL:
            message = records.messages[at]
            self.book.make_room(records.levels, int(message["begin"]), int(message["end"]))
        elif stop == k.FEATURES_FULL:
            self._features = grow(self._features)
        elif stop == k.BARS_KEPT:
            self.calibration_task = self._detection.task(self.epoch_id)
            self._solver.begin(self.calibration_task)
        elif stop == k.CALIBRATION_DUE:
            task = self.calibration_task or self._detection.task(self.epoch_id)
            self._detection.install(self._solver.finish(task))
            self.calibration_task = None
        elif stop == k.TIME_JUMP:
            self.counts.time_jumps += 1
            self._restart()

    def _take(self, records: Records, at: int) -> None:
        """A record that is not a depth message or a trade of a synced book."""
        message = records.messages[at]
        kind = message["kind"]
        levels = records.levels[message["begin"] : message["end"]]
        if kind == SNAPSHOT:
            self.book.load(levels, int(message["first_id"]))
            self.is_synced = True
            self.epoch_id = int(message["last_id"])
            self.counts.epochs += 1
            self._restart()
        elif kind == REFRESH and self.is_synced:
            self._refresh(levels, int(message["first_id"]))
        elif kind == GAP:
            self.is_synced = False
            self.book.clear()
            self._restart()
        elif kind == REGRID:
            factor = int(message["prev_id"])
            self.instrument = self.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
            self.book.regrid(self.instrument, factor)
            regrid(self._features, self.instrument, factor)

    def _refresh(self, levels: NDArray[np.void], asked: int) -> None:
        before = self.book.levels(limit=AUDITED_LEVELS)
        self.book.load(levels, asked)
        after = self.book.levels(limit=AUDITED_LEVELS)
        self.counts.audit_differences += len(set(before.tolist()) ^ set(after.tolist()))

    def _restart(self) -> None:
        """A new epoch: features and detectors forget all but the calibration."""
        reset(self._features)
        self._detection.restart()
        self.calibration_task = None
