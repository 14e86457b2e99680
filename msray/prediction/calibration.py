"""A calibration in the making: the bars it is made from, ready to be solved in a thread."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.detectors import Calibration, WatchCalibration, calibrate
from msray.prediction.config import DetectionConfig, WatchConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTask:
    """Everything a calibration depends on, so that it comes out the same wherever it is solved.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    detection
        The user's words.
    epoch_id
        Update id of the snapshot that began the epoch.
    first_bar, last_bar
        Numbers of the first and last bar used, counted since 1970.
    values
        One row a watch, one column a bar.
    """

    instrument: str
    detection: DetectionConfig
    epoch_id: int
    first_bar: int
    last_bar: int
    values: NDArray[np.float64]

    @property
    def seed(self) -> bytes:
        """What seeds the simulation: a digest of where the bars come from, not of the bars."""
        words = f"{self.instrument}|{self.detection.words_digest()}|{self.epoch_id}|{self.first_bar}|{self.last_bar}"
        return hashlib.sha256(words.encode()).digest()

    @property
    def digest(self) -> str:
        """64 hexadecimal digits of all that decides what comes of it."""
        return hashlib.sha256(self.seed + np.ascontiguousarray(self.values).tobytes()).hexdigest()

    def solve(self, each: Callable[..., Iterable[WatchCalibration]] = map) -> Calibration:
        """Calibrate every watch; takes about half a second of one core for each, without the GIL.

        Parameters
        ----------
        each
            As ``map``; that of threads calibrates several at once.
        """
        detection = self.detection

        def calibrated(watch: WatchConfig, values: NDArray[np.float64]) -> WatchCalibration:
            seed = self.seed + watch.name.encode()
            return calibrate(values, detector=watch.detector, arl0=detection.arl0_per_watch, seed=seed)

        found = each(calibrated, detection.watches, self.values)
        watches = {watch.name: one for watch, one in zip(detection.watches, found, strict=True)}
        bar_ns = detection.bar_ms * 1_000_000
        return Calibration(
            instrument=self.instrument,
            words_digest=detection.words_digest(),
            first_ns=self.first_bar * bar_ns,
            last_ns=(self.last_bar + 1) * bar_ns,
            bars=self.values.shape[1],
            watches=watches,
        )
