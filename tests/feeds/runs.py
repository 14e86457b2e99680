"""Runs that were killed: what they logged, and what they had found when."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msray.detectors import Calibration
from msray.feeds import segment
from msray.feeds.raw_log import RawLogWriter
from msray.market import Signal
from msray.prediction import DetectionConfig, LogEvent, Pipeline, log_metadata
from tests.feeds.clocks import ManualClock
from tests.prediction.made import BTC, CALIBRATED, ETH, START_NS, OnceSolver, market_events, one_by_one

INSTRUMENTS = (BTC, ETH)


@functools.cache
def market() -> list[LogEvent]:
    """24 seconds, with a gap."""
    return list(one_by_one(market_events(INSTRUMENTS, seconds=24, lost=(17,), seed=3)))


@dataclass
class Run:
    """A live run that was killed: its log, and what it had found after so many bytes of it."""

    session: int
    found: list[tuple[Path, int, list[Signal]]] = field(default_factory=list)
    calibrations: dict[str, Calibration] = field(default_factory=dict)

    def signals(self, upto: Path | None = None, size: int = 0) -> list[str]:
        """Ids found by events that lie whole before a byte of a segment; all of them by default."""
        return [
            signal.signal_id
            for path, end, signals in self.found
            if upto is None or path.name < upto.name or (path == upto and end <= size)
            for signal in signals
        ]


def live(
    folder: Path,
    events: Sequence[LogEvent],
    *,
    now_ns: int = START_NS,
    words: DetectionConfig = CALIBRATED,
    calibrations: Sequence[Calibration] = (),
    **options: int,
) -> Run:
    """Log, then fold, event by event; nothing is closed in good order."""
    run, clock = Run(now_ns), ManualClock(now_ns)
    known = {one.instrument: one for one in calibrations}
    writer = RawLogWriter(folder, INSTRUMENTS, clock, metadata=log_metadata(words, calibrations), **options)
    pipeline = Pipeline(INSTRUMENTS, words, calibrations=known, solver=OnceSolver())
    for event in events:
        writer.append(event)
        path = segment.segment_paths(folder)[-1]
        run.found.append((path, path.stat().st_size, pipeline.apply(event)))
        clock._now_ns += 1
    writer.close()
    engines = {name: lane.engine for name, lane in pipeline.lanes.items()}
    run.calibrations = {name: one.calibration for name, one in engines.items() if one.calibration is not None}
    return run
