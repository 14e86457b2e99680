"""The seven Binance chains of the recordings, and frames made by hand."""

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
WITHOUT_SNAPSHOT = Chain("binance_spot", "BTCUSDT", ("binance_2023-04-04_usdm_spot/spot/btcusdt_20230405.dat.gz",))

SPOT = Instrument(venue="binance_spot", symbol="BTCUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1)
USDM = Instrument(venue="binance_usdm", symbol="BTCUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
COINM = Instrument(venue="binance_coinm", symbol="BTCUSD_PERP", price_decimals=1, size_decimals=0, tick=1, grid=1)

SPOT_DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,'
    b'"u":50093239202,"b":[["61737.63000000","0.00000000"],["61730.17000000","1.25000000"]],'
    b'"a":[["61837.64000000","1.54698000"]]}}'
)
SPOT_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",'
    b'"q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
SPOT_TICKER = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
    b'"a":"61837.64000000","A":"1.54698000"}}'
)
SPOT_SNAPSHOT = (
    b'{"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"]],"asks":[["61837.64000000","1.54698000"]]}'
)
USDM_DEPTH = (
    b'{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,'
    b'"pu":5123107831937,"b":[["58710.20","0.014"],["61496.50","0.010"]],"a":[["61510.90","0.000"]]}'
)
USDM_TRADE = (
    b'{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",'
    b'"X":"MARKET","m":false}'
)
USDM_AGGREGATE = (
    b'{"e":"aggTrade","E":1723161256322,"a":2310000001,"s":"BTCUSDT","p":"61800.30","q":"0.006","f":5266583935,'
    b'"l":5266583936,"T":1723161256321,"m":true}'
)
COINM_DEPTH = (
    b'{"e":"depthUpdate","E":1723161257440,"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631260,'
    b'"u":1007198631565,"pu":1007198631198,"b":[["61773.6","1001"]],"a":[]}'
)
COINM_SNAPSHOT = (
    b'{"lastUpdateId":1007198635033,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP","pair":"BTCUSD",'
    b'"bids":[["61804.7","35"],["61802.0","8"]],"asks":[["61804.8","1645"]]}'
)
MARK_PRICE = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1680652800010,"s":"BTCUSDT","p":"28155.10000000",'
    b'"P":"28141.47600845","i":"28165.04857143","r":"0.00002760","T":1680652800000}}'
)
ANSWER = b'{"result":null,"id":1}'
