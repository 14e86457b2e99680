"""The Binance chains of the recordings."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msray.market import Instrument
from msray.venues import SPARE_BYTES, Frames, infer_instrument, split_lines

_2024 = "binance_2024-08-08_multi_venue/"


@dataclass(frozen=True)
class Chain:
    """Recordings of one instrument, in order."""

    venue: str
    symbol: str
    files: tuple[str, ...]

    def paths(self, data_dir: Path) -> list[Path]:
        return [data_dir / file for file in self.files]

    def frames(self, data_dir: Path, lines_a_batch: int = 4096) -> Iterator[Frames]:
        """All lines, cut by the kernel."""
        for path in self.paths(data_dir):
            content = bytearray(gzip.decompress(path.read_bytes()))
            length = len(content)
            buffer = np.frombuffer(content + bytes(SPARE_BYTES), np.uint8)
            buffer.flags.writeable = True
            at = 0
            begin, end, local_ns = (np.zeros(lines_a_batch, np.int64) for _ in range(3))
            while at < length:
                lines, taken = split_lines(buffer[at:], length - at, begin, end, local_ns)
                assert lines
                yield Frames(buffer[at:], begin[:lines], end[:lines], local_ns[:lines])
                at += taken

    def lines(self, data_dir: Path) -> Iterator[bytes]:
        """All lines, cut by hand."""
        for path in self.paths(data_dir):
            with gzip.open(path) as file:
                yield from file

    def instrument(self, data_dir: Path) -> Instrument:
        return infer_instrument(self.venue, self.symbol, self.lines(data_dir))


CHAINS = {
    "usdm_btc_2024": Chain("binance_usdm", "BTCUSDT", (_2024 + "usdm/btcusdt_20240808.gz",)),
    "usdm_eth_2024": Chain("binance_usdm", "ETHUSDT", (_2024 + "usdm/ethusdt_20240808.gz",)),
    "spot_btc_2024": Chain(
        "binance_spot", "BTCUSDT", (_2024 + "spot/btcusdt_20240808.gz", _2024 + "spot/btcusdt_20240809.gz")
    ),
    "spot_eth_2024": Chain(
        "binance_spot", "ETHUSDT", (_2024 + "spot/ethusdt_20240808.gz", _2024 + "spot/ethusdt_20240809.gz")
    ),
    "coinm_btc_2024": Chain(
        "binance_coinm", "BTCUSD_PERP", (_2024 + "cm/btcusd_perp_20240808.gz", _2024 + "cm/btcusd_perp_20240809.gz")
    ),
    "usdm_btc_2023": Chain(
        "binance_usdm",
        "BTCUSDT",
        (
            "binance_2023-04-04_usdm_spot/usdm/btcusdt_20230404.dat.gz",
            "binance_2023-04-04_usdm_spot/usdm/btcusdt_20230405.dat.gz",
        ),
    ),
    "spot_nexo_2024": Chain(
        "binance_spot",
        "NEXOUSDT",
        (
            "binance_spot_nexousdt_24h/nexousdt_20240723.dat.gz",
            "binance_spot_nexousdt_24h/nexousdt_20240724.dat.gz",
        ),
    ),
}
"""Each begins with a snapshot."""
WITHOUT_SNAPSHOT = Chain("binance_spot", "BTCUSDT", ("binance_2023-04-04_usdm_spot/spot/btcusdt_20230405.dat.gz",))
ALL_CHAINS = {**CHAINS, "spot_btc_2023": WITHOUT_SNAPSHOT}
