"""Binance spot.

How to manage a local order book correctly (Binance Spot API docs, "WebSocket Streams for Binance", as of 2026-07):

1. Open a WebSocket connection to ``<symbol>@depth``.
2. Buffer the events received from the stream. Note the ``U`` of the first event you received.
3. Get a depth snapshot from ``/api/v3/depth?symbol=<SYMBOL>&limit=5000``.
4. If the ``lastUpdateId`` from the snapshot is strictly less than the ``U`` from step 2, go back to step 3.
5. In the buffered events, discard any event where ``u`` is <= ``lastUpdateId`` of the snapshot. The first buffered
   event should now have ``lastUpdateId`` within its ``[U;u]`` range.
6. Set your local order book to the snapshot. Its update id is ``lastUpdateId``.
7. Apply the update procedure to all buffered events, and then to all subsequent events received:
   if the event's ``u`` is less than the update id of your local book, ignore the event; if its ``U`` is greater than
   that update id + 1, you have missed some events: discard your local order book and restart from the beginning.
   Normally, ``U`` of the next event equals ``u`` + 1 of the previous. A quantity is absolute; 0 removes the level.

Read word for word, step 5 would refuse a first event with ``U = lastUpdateId + 1``, which nothing is missing before;
the book accepts ``U <= lastUpdateId + 1 <= u``. An older text of step 7 left out the "+ 1", and readers written to it
resynchronise for ever.
"""

from msray.book import SequenceRule
from msray.venues.kernels_symbol import SPOT
from msray.venues.venue import Venue

BINANCE_SPOT = Venue(
    name="binance_spot",
    market=SPOT,
    rule=SequenceRule.CONTIGUOUS,
    rest_url="https://api.binance.com",
    depth_path="/api/v3/depth",
    exchange_info_path="/api/v3/exchangeInfo",
    depth_url="wss://stream.binance.com:9443",
    trade_url="wss://stream.binance.com:9443",
    depth_channel="depth@100ms",
    trade_channel="trade",
    snapshot_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
    weight_per_minute=6000,
    ping_every_s=20,
    pong_within_s=60,
    connection_life_s=86_400,
    messages_per_s=5,
    streams_per_connection=1024,
    connects_per_5_min=300,
)
"""Binance spot; limits from the docs' "Limits", "General WSS information" and "Websocket Limits"."""
