"""Compiles every kernel that an order meets, so that no event waits for the compiler."""

from functools import cache

import numpy as np

from msray.backtest.exchange import SimulatedVenue
from msray.backtest.quotes import Quotes
from msray.market import ASK, DEPTH, LEVEL, MESSAGE, SNAPSHOT, TRADE, Instrument, OrderKind, Records, Side

_INSTRUMENT = Instrument(venue="binance_spot", symbol="WARMUP", price_decimals=0, size_decimals=0, tick=1, grid=1)


@cache
def warm_up_orders() -> None:
    """Trade a little in a market of four messages; once a process."""
    messages = np.zeros(4, MESSAGE)
    messages["kind"] = SNAPSHOT, DEPTH, TRADE, SNAPSHOT
    messages["begin"], messages["end"] = (0, 2, 3, 4), (2, 3, 4, 6)
    levels = np.array([(5, 9, 0), (5, 11, ASK), (6, 9, 0), (3, 9, 0), (5, 9, 0), (5, 11, ASK)], LEVEL)
    exchange_ns = np.arange(4, dtype=np.int64)
    venue = SimulatedVenue(_INSTRUMENT)
    venue.feed(Records(messages, levels), exchange_ns)
    venue.place(0, 1, Side.BUY, OrderKind.LIMIT, 9, 1)
    venue.place(0, 2, Side.BUY, OrderKind.MARKET, 0, 1)
    venue.quiet_until(1)
    while len(venue.advance(5)):
        pass
    quotes = Quotes()
    quotes.feed(_INSTRUMENT, exchange_ns[:1], np.array([[9, 5, 11, 5]]), np.zeros((1, 0)))
    quotes.next_touch(Side.BUY, 0, 10**18)
