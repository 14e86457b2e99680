"""The detection arena of one instrument: samples, bars and watches, and the signals that come out of it."""

import numpy as np
from numpy.typing import NDArray

from msray.detectors import Calibration, new_watch
from msray.detectors import kernels as detector
from msray.errors import ConfigError, CorruptLogError
from msray.features import column
from msray.market import UNCALIBRATED, Signal, signal_id
from msray.prediction import kernels as k
from msray.prediction.calibration import CalibrationTask
from msray.prediction.config import DetectionConfig

_TRANSFORMS = {"none": k.IDENTITY, "abs": k.ABS, "sqrt": k.SQRT}
CARRY_LIMIT_BARS = 3600
"""Silence, in bars, over which values are carried on. A longer one starts features and detectors anew, and so does time
that goes back so far: one message from the future must not keep every later bar from being closed."""


class Detection:
    """Bars and watches of one instrument, in one arena.

    Parameters
    ----------
    instrument_id
        ``venue:SYMBOL``.
    config
        The user's words.
    calibration
        In force from the first bar, if any.
    """

    def __init__(self, instrument_id: str, config: DetectionConfig, calibration: Calibration | None) -> None:
        self.config = config
        self.calibration = calibration
        self._instrument_id = instrument_id
        self._words = config.words_digest()
        self._columns = [column(watch.feature) for watch in config.watches]
        if calibration is not None:
            check_calibration(calibration, instrument_id, config)
        watches = len(config.watches)
        bars = config.calibration.bars
        keep_at = k.HEADER + watches * k.SAMPLE_WORDS
        self._watch_at = keep_at + watches * bars
        self.arena = np.zeros(self._watch_at + watches * detector.WATCH_WORDS, np.int64)
        self.arena[k.BAR_NS] = config.bar_ms * 1_000_000
        self.arena[k.WATCHES], self.arena[k.WATCH_AT], self.arena[k.KEEP_AT] = watches, self._watch_at, keep_at
        self.arena[k.CARRY_LIMIT] = CARRY_LIMIT_BARS
        self.restart()

    def restart(self) -> None:
        """A new epoch begins: forget all but the calibration."""
        arena, config = self.arena, self.config
        arena[k.BAR], arena[k.CLOSED] = k.NOT_STARTED, -1
        arena[k.CROSSED_RUN] = arena[k.LAST_EVENT] = arena[k.LAST_ID] = 0
        samples = arena[k.HEADER : k.HEADER + len(config.watches) * k.SAMPLE_WORDS].reshape(-1, k.SAMPLE_WORDS)
        samples[:] = 0
        for row, watch, number in zip(samples, config.watches, self._columns, strict=True):
            row[k.COLUMN], row[k.AT_CLOSE] = number, watch.at == "close"
            row[k.TRANSFORM] = _TRANSFORMS[watch.transform]
            row[k.LAST : k.LAST + 1].view(np.float64)[0] = np.nan
        first = config.calibration.first_bar
        last = first + config.calibration.bars
        calibrates_itself = self.calibration is None and bool(config.watches)
        arena[k.KEEP_FIRST] = first if calibrates_itself else k.NEVER
        arena[k.KEEP_LAST] = last if calibrates_itself else k.NEVER
        arena[k.IN_FORCE] = last + config.calibration.delay_bars if calibrates_itself else k.NEVER
        self._write_watches()

    def install(self, calibration: Calibration) -> None:
        """Put a calibration in force from the next bar on, in this epoch and all later ones."""
        self.arena[k.IN_FORCE] = k.NEVER
        self.calibration = calibration
        self._write_watches()

    def restore(self, calibration: Calibration | None, arena: NDArray[np.int64]) -> None:
        """Take up an arena saved under the same configuration; CorruptLogError if it is of another layout."""
        if len(arena) != len(self.arena):
            raise CorruptLogError(f"detection state must have {len(self.arena)} words, got {len(arena)}")
        self.calibration = calibration
        self.arena = arena

    def task(self, epoch_id: int) -> CalibrationTask:
        """The bars kept in this epoch, as a calibration to be solved."""
        arena, config = self.arena, self.config
        at, bars = int(arena[k.KEEP_AT]), config.calibration.bars
        kept = arena[at : at + len(config.watches) * bars].view(np.float64).reshape(-1, bars)
        first_bar = int(arena[k.BAR] - arena[k.CLOSED] + arena[k.KEEP_FIRST])
        return CalibrationTask(
            instrument=self._instrument_id,
            detection=config,
            epoch_id=epoch_id,
            first_bar=first_bar,
            last_bar=first_bar + bars - 1,
            values=kept.copy(),
        )

    def signal(self, alarm: np.void) -> Signal:
        """A signal from an alarm of the kernel."""
        watch = self.config.watches[alarm["watch"]]
        digest = UNCALIBRATED if self.calibration is None else self.calibration.digest
        event_ns, event_id, direction = int(alarm["event_ns"]), int(alarm["event_id"]), int(alarm["direction"])
        instance = f"{watch.name}/{watch.detector}/{watch.feature}/{watch.at}/{watch.transform}/{self.config.bar_ms}"
        shares = (alarm["share_0"], alarm["share_1"], alarm["share_2"])
        return Signal(
            signal_id=signal_id(
                self._instrument_id, instance, self._words, digest, "depth", event_id, event_ns, direction
            ),
            instrument=self._instrument_id,
            signal_type=watch.name,
            detector=watch.detector,
            score=float(alarm["score"]),
            direction=direction,
            event_ns=event_ns,
            change_ns=min(int(alarm["change_bar"]) * int(self.arena[k.BAR_NS]), event_ns),
            size_sigma=float(alarm["size_sigma"]),
            event_kind="depth",
            event_id=event_id,
            calibration=digest,
            shares=dict(zip(detector.MEMBERS, map(float, shares), strict=True)) if watch.detector == "ensemble" else {},
            price=None if np.isnan(alarm["mid"]) else float(alarm["mid"]),
            features={watch.feature: float(alarm["value"])},
        )

    def _write_watches(self) -> None:
        for number, watch in enumerate(self.config.watches):
            new_watch(
                self.arena,
                self._watch_at + number * detector.WATCH_WORDS,
                detector=watch.detector,
                arl0=self.config.arl0_per_watch,
                calibration=None if self.calibration is None else self.calibration.watches[watch.name],
            )


def check_calibration(calibration: Calibration, instrument_id: str, config: DetectionConfig) -> None:
    """Whether a calibration is one for an instrument and these words.

    Raises
    ------
    ConfigError
        If it is not.
    """
    if calibration.instrument != instrument_id:
        raise ConfigError(f"calibration is for {calibration.instrument}, not for {instrument_id}")
    if calibration.words_digest != config.words_digest():
        raise ConfigError(
            f"calibration of {instrument_id} was made for other watches, bars or rates than those configured",
            hint="make it again with msray calibrate and the same configuration",
        )
