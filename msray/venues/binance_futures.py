"""Binance USD-M and COIN-M futures.

How to manage a local order book correctly (Binance Derivatives docs, "Diff. Book Depth Streams" and the page of that
name, the same text for both markets):

1. Open a stream to ``<symbol>@depth``.
2. Buffer the events you receive from the stream. For the same price, the latest received update covers the previous
   one.
3. Get a depth snapshot from ``/fapi/v1/depth?symbol=<SYMBOL>&limit=1000`` (``/dapi/v1/depth`` for COIN-M).
4. Drop any event where ``u`` is < ``lastUpdateId`` in the snapshot.
5. The first processed event should have ``U`` <= ``lastUpdateId`` **AND** ``u`` >= ``lastUpdateId``.
6. While listening to the stream, each new event's ``pu`` should be equal to the previous event's ``u``, otherwise
   initialize the process from step 3.
7. The data in each event is the **absolute** quantity for a price level.
8. If the quantity is 0, **remove** the price level.
9. Receiving an event that removes a price level that is not in your local order book can happen and is normal.

Ids are shared between symbols and jump, so ``lastUpdateId`` can fall between ``pu`` and ``U``. Nothing is lost then,
though step 5 word for word refuses it; the book accepts ``pu <= lastUpdateId`` too.

Since 2026-04-23 USD-M streams are split by kind over ``/public`` (depth) and ``/market`` (``aggTrade``): two
connections, whose order is a race. ``trade`` is in the recordings and is read, but futures docs list only
``aggTrade``, so that is what is asked for. COIN-M has one address for all.
"""

from msray.book import SequenceRule
from msray.venues.kernels_symbol import COINM, USDM
from msray.venues.venue import Venue

_WEIGHTS = ((50, 2), (100, 5), (500, 10), (1000, 20))

BINANCE_USDM = Venue(
    name="binance_usdm",
    market=USDM,
    rule=SequenceRule.LINKED,
    rest_url="https://fapi.binance.com",
    depth_path="/fapi/v1/depth",
    exchange_info_path="/fapi/v1/exchangeInfo",
    depth_url="wss://fstream.binance.com/public",
    trade_url="wss://fstream.binance.com/market",
    depth_channel="depth@0ms",
    trade_channel="aggTrade",
    snapshot_weights=_WEIGHTS,
    weight_per_minute=2400,
    ping_every_s=180,
    pong_within_s=600,
    connection_life_s=86_400,
    messages_per_s=10,
    streams_per_connection=1024,
    connects_per_5_min=None,
)
"""Binance USD-M futures; ``exchangeInfo`` states the weight a minute that is in force."""

BINANCE_COINM = Venue(
    name="binance_coinm",
    market=COINM,
    rule=SequenceRule.LINKED,
    rest_url="https://dapi.binance.com",
    depth_path="/dapi/v1/depth",
    exchange_info_path="/dapi/v1/exchangeInfo",
    depth_url="wss://dstream.binance.com",
    trade_url="wss://dstream.binance.com",
    depth_channel="depth@0ms",
    trade_channel="aggTrade",
    snapshot_weights=_WEIGHTS,
    weight_per_minute=2400,
    ping_every_s=180,
    pong_within_s=600,
    connection_life_s=86_400,
    messages_per_s=10,
    streams_per_connection=1024,
    connects_per_5_min=None,
)
"""Binance COIN-M futures; sizes are contracts."""
