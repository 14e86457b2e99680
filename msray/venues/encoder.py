"""Records to JSON as Binance writes it: what a venue would have sent. The way back is ``Decoder``.

Sources: "WebSocket Market Data Streams" (*Diff. Depth Stream*, *Trade Streams*), "Rest API" (*Order book*, *Exchange
information*), the same pages of USD-M and COIN-M futures, and the real messages in the recordings.
"""

from typing import Any

import msgspec
import numpy as np

from msray.market import DEPTH, MESSAGE, SELL, SNAPSHOT, Instrument, Levels, Records
from msray.venues import kernels_encoder as k
from msray.venues.binance_futures import BINANCE_COINM
from msray.venues.binance_spot import BINANCE_SPOT

MessageRow = tuple[int, int, int, int, int, int, int, int, int, int]
"""A row of ``MESSAGE`` as ``tolist()`` gives it: kind, instrument, 3 times, first, last, previous id, begin, end."""

_SPOT_DECIMALS = 8
_QUOTES = ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "USD")
_MS = 1_000_000


class Encoder:
    """JSON of one instrument, in the shape and with the decimals of its venue.

    Parameters
    ----------
    instrument
        Whose numbers these are.
    price_digits, size_digits
        Decimals of the strings on the wire, at least those of the instrument; 8 on spot where not given, else the
        instrument's own.
    """

    def __init__(self, instrument: Instrument, price_digits: int = 0, size_digits: int = 0) -> None:
        least = _SPOT_DECIMALS if instrument.venue == BINANCE_SPOT.name else 0
        self.instrument = instrument
        self.price_digits = max(price_digits, instrument.price_decimals, least)
        self.size_digits = max(size_digits, instrument.size_decimals, least)
        symbol, pair = _quoted(instrument.symbol), _quoted(_pair(instrument))
        self._symbol = f'"s":{symbol}'
        self._book_symbol = f'"s":{symbol},"ps":{pair}' if instrument.venue == BINANCE_COINM.name else self._symbol
        self._snapshot_symbol = f',"symbol":{symbol},"pair":{pair}' if instrument.venue == BINANCE_COINM.name else ""

    def messages(self, records: Records) -> list[bytes]:
        """DEPTH as ``depthUpdate``, TRADE as ``trade`` (futures: ``aggTrade``), SNAPSHOT as an answer; in order."""
        payloads: list[bytes] = []
        for row, sides in zip(records.messages.tolist(), self._sides(self.instrument, records), strict=True):
            if row[0] == DEPTH:
                payloads.append(self._depth(row, *sides))
            elif row[0] == SNAPSHOT:
                payloads.append(self._answer(row[6], row[2], *sides))
            else:
                payloads.append(self._trade(row, *records.levels[row[8]].tolist()))
        return payloads

    def snapshot(self, instrument: Instrument, update_id: int, event_ns: int, levels: Levels) -> bytes:
        """Answer of ``GET depth``.

        Parameters
        ----------
        instrument
            The one on whose grid the levels are; its grid may have become finer.
        update_id
            ``lastUpdateId``.
        event_ns
            Exchange time of the last change.
        levels
            Bids, best first, then asks, best first.
        """
        row = np.zeros(1, MESSAGE)
        row["kind"], row["end"] = SNAPSHOT, len(levels)
        return self._answer(update_id, event_ns, *self._sides(instrument, Records(row, levels))[0])

    def _answer(self, update_id: int, event_ns: int, bids: str, asks: str) -> bytes:
        at = "" if self.instrument.venue == BINANCE_SPOT.name else f',"E":{event_ns // _MS},"T":{event_ns // _MS}'
        return f'{{"lastUpdateId":{update_id}{at}{self._snapshot_symbol},"bids":[{bids}],"asks":[{asks}]}}'.encode()

    def _depth(self, row: MessageRow, bids: str, asks: str) -> bytes:
        _, _, event_ns, trade_ns, _, first, last, previous, _, _ = row
        is_spot = self.instrument.venue == BINANCE_SPOT.name
        times = f'"E":{event_ns // _MS}' + ("" if is_spot else f',"T":{(trade_ns or event_ns) // _MS}')
        ids = f'"U":{first},"u":{last}' + ("" if is_spot else f',"pu":{previous}')
        return f'{{"e":"depthUpdate",{times},{self._book_symbol},{ids},"b":[{bids}],"a":[{asks}]}}'.encode()

    def _trade(self, row: MessageRow, size: int, tick: int, flags: int) -> bytes:
        at, traded, trade_id = row[2] // _MS, (row[3] or row[2]) // _MS, row[5]
        price = _decimal(tick * self.instrument.grid, self.instrument.price_decimals, self.price_digits)
        number = f'"p":"{price}","q":"{_decimal(size, self.instrument.size_decimals, self.size_digits)}"'
        maker = f'"T":{traded},"m":{"true" if flags & SELL else "false"}'
        if self.instrument.venue == BINANCE_SPOT.name:
            return f'{{"e":"trade","E":{at},{self._symbol},"t":{trade_id},{number},{maker},"M":true}}'.encode()
        ids = f'"a":{trade_id},{number},"f":{trade_id},"l":{trade_id}'
        return f'{{"e":"aggTrade","E":{at},{self._symbol},{ids},{maker}}}'.encode()

    def _sides(self, instrument: Instrument, records: Records) -> list[tuple[str, str]]:
        """Levels of each message as JSON: bids and asks."""
        numbers = np.zeros(k.FORMAT_WORDS, np.int64)
        numbers[k.GRID] = instrument.grid
        # A finer grid may need more decimals than the venue's strings ever had.
        numbers[k.PRICE_DECIMALS] = instrument.price_decimals
        numbers[k.PRICE_ZEROS] = max(0, self.price_digits - instrument.price_decimals)
        numbers[k.SIZE_DECIMALS] = instrument.size_decimals
        numbers[k.SIZE_ZEROS] = self.size_digits - instrument.size_decimals
        text = np.zeros(k.MOST_TEXT * len(records.levels), np.uint8)
        spans = np.zeros(3 * len(records), np.int64)
        k.write_levels(numbers, records.messages, records.levels, text, spans)
        whole = text[: spans[-1] if len(spans) else 0].tobytes().decode("ascii")
        return [
            (whole[begin : max(begin, middle - 1)], whole[middle : max(middle, end - 1)])
            for begin, middle, end in spans.reshape(-1, 3).tolist()
        ]

    def symbol(self) -> dict[str, Any]:
        """The instrument's entry in ``exchangeInfo``."""
        instrument = self.instrument
        base, quote = _assets(instrument)
        step = _decimal(1, instrument.size_decimals, self.size_digits)
        largest = _decimal(9_000_000, 0, self.size_digits)
        tick = _decimal(instrument.tick, instrument.price_decimals, self.price_digits)
        entry: dict[str, Any] = {"symbol": instrument.symbol, "baseAsset": base, "quoteAsset": quote}
        if instrument.venue == BINANCE_SPOT.name:
            entry |= {"status": "TRADING", "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8}
        else:
            entry |= {"pair": _pair(instrument), "contractType": "PERPETUAL"}
            entry |= {"contractStatus" if instrument.venue == BINANCE_COINM.name else "status": "TRADING"}
            entry |= {"pricePrecision": self.price_digits, "quantityPrecision": self.size_digits}
            entry |= {"baseAssetPrecision": 8, "quotePrecision": 8}
        prices = {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": largest, "tickSize": tick}
        sizes = {"filterType": "LOT_SIZE", "minQty": step, "maxQty": largest, "stepSize": step}
        return entry | {"filters": [prices, sizes]}


def _decimal(units: int, decimals: int, digits: int) -> str:
    """``units * 10**-decimals`` with exactly so many digits behind the point, at least ``decimals``."""
    text = str(units * 10 ** (digits - decimals)).zfill(digits + 1)
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _pair(instrument: Instrument) -> str:
    return instrument.symbol.partition("_")[0]


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _assets(instrument: Instrument) -> tuple[str, str]:
    pair = _pair(instrument)
    for quote in _QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], quote
    return pair, ""
