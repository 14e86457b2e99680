"""After the warm-up no event waits for the compiler, whatever it brings."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from msray.feeds.raw_log import RawLogWriter
from msray.market import Instrument
from msray.prediction import Arrived, CalibrationConfig, DetectionConfig, LogEvent, WatchConfig, log_metadata
from msray.venues import Frames
from tests.feeds.clocks import ManualClock
from tests.prediction.made import BTC, ETH, SPOT, market_events, payloads_of

FEATURES = ("imbalance_l5", "return_1s", "trade_rate_1s", "depth_bid_l10")
DETECTORS = ("ensemble", "cusum", "page_hinkley", "focus")
WORDS = DetectionConfig(
    bar_ms=100,
    arl0=20,
    watches=tuple(
        WatchConfig(name=detector, feature=feature, detector=detector)  # type: ignore[arg-type]
        for feature, detector in zip(FEATURES, DETECTORS, strict=True)
    ),
    calibration=CalibrationConfig(first_bar=1, bars=60, delay_bars=1),
)

CHILD = """
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from msray.feeds.raw_log_reader import RawLog
from msray.prediction import Pipeline, read_log_metadata
from msray.prediction.warm_up import warm_up


def compiled():
    found = set()
    for name, module in list(sys.modules.items()):
        if name.startswith("msray."):
            for what in vars(module).values():
                if isinstance(what, Dispatcher):
                    found |= {(what.__module__, what.__name__, str(one)) for one in what.signatures}
    return found


warm_up()
warm = compiled()
for most_frames in (1, 100_000):
    log = RawLog([Path(sys.argv[1])])
    words, _ = read_log_metadata(log.metadata)
    pipeline = Pipeline(log.instruments, words, sink=lambda _: lambda rows: None)
    signals = [one for event in log.events(most_frames=most_frames) for one in pipeline.apply(event)]
    lanes = pipeline.lanes.values()
    assert len({one.detector for one in signals}) >= 2
    assert all(lane.engine.calibration is not None for lane in lanes)
    assert all(lane.quality().gaps and lane.quality().clock_offset_ms is not None for lane in lanes)
    assert sum(lane.quality().regrids for lane in lanes) == 1
    assert sum(lane.quality().audits for lane in lanes) >= 1
    assert sum(lane.quality().crossed for lane in lanes) >= 1
    assert pipeline.wants_snapshots(0) is not None
for one in sorted(compiled() - warm):
    print(*one)
"""


def edited(payload: bytes, **values: bytes) -> bytes:
    for key, value in values.items():
        payload = re.sub(
            rb'"%s":(\[.*?\]\]|\[\]|\d+)' % key.encode(), b'"%s":%s' % (key.encode(), value), payload, count=1
        )
    return payload


def everything() -> list[LogEvent]:
    """Gaps, audits, a crossed book, a finer grid, many new levels."""
    events = market_events((BTC, ETH, SPOT), seconds=60, lost=(8, 12), audited=(5, 20), seed=2)
    plain = [i for i, one in enumerate(events) if isinstance(one, Arrived) and one.frames.hint < 0]

    def change(at: int, **values: bytes) -> None:
        event = events[plain[at]]
        assert isinstance(event, Arrived)
        payloads = [edited(p, **values) if b"depthUpdate" in p else p for p in payloads_of(event)]
        events[plain[at]] = Arrived(event.venue, Frames.of(payloads, event.frames.local_ns[0]))

    spot = [at for at, i in enumerate(plain) if events[i].venue == SPOT.venue]  # type: ignore[union-attr]
    change(spot[200], b=b'[["12345.678","1.00000000"]]')
    wide = ",".join(f'["{price}.00","1.00000000"]' for price in range(1, 3000))
    change(spot[205], b=b"[%s]" % wide.encode())
    for i in range(3):
        change(spot[220] + 2 * i, a=b'[["1.00","1.00000000"]]')
    return events


@pytest.mark.timeout(300)  # with an empty cache, everything is
def test_after_it_nothing_is_compiled(tmp_path: Path) -> None:
    instruments: tuple[Instrument, ...] = (BTC, ETH, SPOT)
    writer = RawLogWriter(tmp_path, instruments, ManualClock(), metadata=log_metadata(WORDS, []))
    for event in everything():
        writer.append(event)
    writer.close()

    words = [sys.executable, "-c", CHILD, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=280)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
