"""Recordings through live detection: a simulator plays them, a shard on Ray detects, its raw log says what it found."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msray.cli.http import get_json
from msray.cli.live import LOOK_S, is_over
from msray.cli.output import Output
from msray.cli.replay import words_for
from msray.cli.taped import Recorded
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.market import Signal
    from msray.on_ray.live import LivePlan

MOST_INSTRUMENTS = 32
"""They are in one shard, and so in one raw log."""


def live_signals(out: Output, recorded: Recorded, speed: str, address: str | None) -> "list[Signal]":
    """The signals that live detection finds in recordings that are played to it.

    Parameters
    ----------
    out
        Where is said what goes on.
    recorded
        What is played, and the words for the detectors.
    speed
        How many times as fast as it was.
    address
        A Ray cluster of one machine, this one; by default one that ends with this.

    Raises
    ------
    UsageError
        If there are too many instruments, or live detection runs on that cluster already.
    FeedError
        If the recordings are not Binance's.
    """
    from msray.cli.calibrations import remembering
    from msray.feeds.replay import drive, open_replay
    from msray.prediction import Pipeline
    from msray.simulator.process import simulating

    venue = [] if recorded.venue is None else ["--venue", recorded.venue]
    with tempfile.TemporaryDirectory(prefix="msray-rehearsal-") as name:
        folder = Path(name)
        words = ["--recording", *map(str, recorded.paths), *venue]
        with simulating(*words, "--speed", speed, "--one-socket") as listening:
            out.note(f"live detection of what is played at {speed}: starting")
            _detect(_plan(listening(), recorded, folder), listening(), address)
        opened = open_replay(list((folder / "raw_log").iterdir()))  # one shard, one log
        detection, known = words_for(opened, None, None)
        pipeline = Pipeline(opened.instruments, detection, calibrations=known, solver=remembering())
        return drive(opened, pipeline).signals


def _plan(url: str, recorded: Recorded, folder: Path) -> "LivePlan":
    from pydantic import SecretStr

    from msray.feeds.listings import fetch_listings
    from msray.on_ray.live import LivePlan

    names: Sequence[str] = [one["instrument"] for one in get_json(f"{url}/oracle/status")["instruments"]]
    if len(names) > MOST_INSTRUMENTS:
        raise UsageError(f"recordings must be of {MOST_INSTRUMENTS} instruments at most, got {len(names)}")
    detection, known = words_for(recorded.open(), recorded.config, recorded.calibration)
    return LivePlan(
        instruments=asyncio.run(fetch_listings(names, endpoint=url)).instruments,
        ledger_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
        detection=detection,
        calibrations=tuple(known.values()),
        endpoint=url,
        one_socket=True,
        symbols_per_shard=MOST_INSTRUMENTS,
        raw_log=folder / "raw_log",
    )


def _detect(plan: "LivePlan", endpoint: str, address: str | None) -> None:
    """Until everything has been played."""
    from msray.on_ray import live, running

    with _cluster(address) as is_ours:
        live.start_live(plan)
        try:
            running.wait_until_synced(is_over=lambda: is_over(endpoint))
            while not is_over(endpoint):
                time.sleep(LOOK_S)
        finally:
            running.stop_live(ends_cluster=is_ours)


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[bool]:
    """The one named, or one of this process's own; says which."""
    from msray.on_ray import session

    if address is None:
        session.start_local()
    else:
        session.join(address)
    try:
        yield address is None
    finally:
        session.leave()
