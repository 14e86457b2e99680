"""The recorded chains that measurements and tests run on, as the product itself reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msray.book import BookSync, SyncLimits
from msray.feeds.recording import RecordingGroup, open_recordings
from msray.market import DEPTH, SNAPSHOT, Instrument, Records, concatenate
from msray.prediction import Arrived
from msray.venues import Decoder, Frames, find_venue

FILES = {
    "usdm BTC 2024": ["binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"],
    "usdm ETH 2024": ["binance_2024-08-08_multi_venue/usdm/ethusdt_20240808.gz"],
    "spot BTC 2024": [f"binance_2024-08-08_multi_venue/spot/btcusdt_2024080{day}.gz" for day in (8, 9)],
    "spot ETH 2024": [f"binance_2024-08-08_multi_venue/spot/ethusdt_2024080{day}.gz" for day in (8, 9)],
    "cm BTC 2024": [f"binance_2024-08-08_multi_venue/cm/btcusd_perp_2024080{day}.gz" for day in (8, 9)],
    "usdm BTC 2023": [f"binance_2023-04-04_usdm_spot/usdm/btcusdt_2023040{day}.dat.gz" for day in (4, 5)],
    "spot NEXO": [f"binance_spot_nexousdt_24h/nexousdt_202407{day}.dat.gz" for day in (23, 24)],
}
"""Name of each chain with a snapshot, and its files below the folder of recordings."""


@dataclass(frozen=True)
class Chain:
    """One instrument's recording.

    Attributes
    ----------
    name
        As in ``FILES``.
    instrument
        As inferred from it.
    log
        Its input log: SNAPSHOT, then DEPTH and TRADE.
    frames
        The bytes of its depth messages, as they were sent.
    """

    name: str
    instrument: Instrument
    log: Records
    frames: list[bytes]

    @property
    def depth(self) -> Records:
        """The depth messages of the log."""
        return Records(self.log.messages[self.log.messages["kind"] == DEPTH], self.log.levels)

    @property
    def snapshot(self) -> Records:
        """The snapshot that the log begins with."""
        return self.log[:1]


def chains(data: Path, names: list[str] | None = None) -> Iterator[Chain]:
    """The chains whose files are there."""
    for name in names or FILES:
        paths = [data / file for file in FILES[name]]
        if all(path.exists() for path in paths):
            yield _read(name, open_recordings(paths).groups[0])


def _read(name: str, group: RecordingGroup) -> Chain:
    instrument = group.instrument
    decoder = Decoder([instrument])
    sync = BookSync(instrument, find_venue(instrument.venue).rule, SyncLimits(audit_every_ns=0))
    parts: list[Records] = []
    frames: list[bytes] = []
    for event in group.events():
        assert isinstance(event, Arrived)
        frames += _depth_frames(event.frames)
        for part in decoder.decode(event.frames).parts:
            parts += [one.copy() for one in sync.feed(part)]
    log = concatenate(parts)
    assert log.messages["kind"][0] == SNAPSHOT
    return Chain(name, instrument, log, frames)


def _depth_frames(frames: Frames) -> list[bytes]:
    text = frames.buffer.tobytes()
    lines = (text[begin:end] for begin, end in zip(frames.begin.tolist(), frames.end.tolist(), strict=True))
    return [line for line in lines if b'"depthUpdate"' in line]


def level_count(records: Records) -> int:
    """Levels that messages own."""
    return int(np.sum(records.messages["end"] - records.messages["begin"]))
