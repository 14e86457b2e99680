"""The market of the demo: a simulator in a process of its own, and what it knows to be true."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msray.cli.http import get_json
from msray.evaluation import PlantedChange
from msray.feeds.listings import fetch_listings
from msray.market import Instrument
from msray.prediction import CalibrationConfig, DetectionConfig
from msray.prediction.warm_up import warm_up
from msray.simulator.process import simulating

SPEED = 4
INSTRUMENTS = ("binance_usdm:AAAUSDT", "binance_usdm:BBBUSDT", "binance_spot:CCCUSDT", "binance_coinm:DDDUSD_PERP")
CALIBRATION = CalibrationConfig(bars=600, delay_bars=300)
CHANGES = "first_s=100,every_s=28,jitter_s=3,last_s=14"
FAULTS = f"t=124s:gap@{INSTRUMENTS[0]},t=151s:gap@{INSTRUMENTS[2]},t=179s:disconnect@{INSTRUMENTS[1]}"
"""Between two changes, as a gap begins detection anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A market that is being played.

    Attributes
    ----------
    url
        Of the simulator.
    instruments
        All there are.
    detection
        What is looked for in it.
    opened_ns
        Exchange time at which it opens; 0 where it is a recording.
    """

    url: str
    instruments: tuple[Instrument, ...]
    detection: DetectionConfig
    opened_ns: int

    @property
    def judged_ns(self) -> int:
        """Exchange time at which the calibration of the first bars is in force, all books synced by then."""
        calibration = self.detection.calibration
        return self.opened_ns + (calibration.bars + calibration.delay_bars) * self.detection.bar_ms * 1_000_000

    def status(self) -> dict[str, object]:
        """How far it is."""
        return get_json(f"{self.url}/oracle/status")

    def changes(self) -> list[PlantedChange]:
        """What was planted so far."""
        return [
            PlantedChange(
                instrument=one["instrument"], kind=one["kind"], begin_ns=one["begin_ns"], end_ns=one["end_ns"]
            )
            for one in get_json(f"{self.url}/oracle/truth")["changes"]
        ]


@contextlib.contextmanager
def play(recording: Path | None, seed: int) -> Iterator[Market]:
    """Start a simulator; it ends with the context.

    Parameters
    ----------
    recording
        What to play instead of a made-up market.
    seed
        Of the made-up market.

    Raises
    ------
    UnavailableError
        If it does not start; it says why.
    """
    opened_ns = time.time_ns() // 1_000_000 * 1_000_000
    words = ["--synthetic", "--instruments", ",".join(INSTRUMENTS), "--changes", CHANGES, "--faults", FAULTS]
    words += ["--seed", str(seed), "--start-ns", str(opened_ns)]
    if recording is not None:
        words, opened_ns = ["--recording", str(recording)], 0
    with simulating(*words, "--speed", str(SPEED)) as listening:
        warm_up()  # compiles, once and beside the simulator, what the shard needs
        url = listening()
        names = tuple(one["instrument"] for one in get_json(f"{url}/oracle/status")["instruments"])
        detection = DetectionConfig() if recording else DetectionConfig(bar_ms=100, calibration=CALIBRATION)
        listings = asyncio.run(fetch_listings(names, endpoint=url))
        yield Market(url=url, instruments=listings.instruments, detection=detection, opened_ns=opened_ns)
