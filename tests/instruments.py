"""Binance instruments with their real decimals."""

from msray.market import Instrument

USDM = Instrument(venue="binance_usdm", symbol="BTCUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
ETH = Instrument(venue="binance_usdm", symbol="ETHUSDT", price_decimals=2, size_decimals=3, tick=1, grid=1)
SPOT = Instrument(venue="binance_spot", symbol="BTCUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1)
COINM = Instrument(venue="binance_coinm", symbol="BTCUSD_PERP", price_decimals=1, size_decimals=0, tick=1, grid=1)
