"""Binance messages read as anybody would: json, Decimal, one field after the other. Strict, and slow."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from msray.market import DEPTH, SNAPSHOT, TRADE

MOST_BYTES = 1 << 20
LIMITS = (5, 10, 20, 50, 100, 500, 1000, 5000)
NO_BOOK = {
    "bookTicker", "markPriceUpdate", "24hrTicker", "24hrMiniTicker", "1hTicker", "4hTicker", "1dTicker", "kline",
    "continuous_kline", "avgPrice", "forceOrder", "indexPriceUpdate", "compositeIndex", "assetIndexUpdate",
    "contractInfo", "tradingSession", "referencePrice", "serverShutdown",
}  # fmt: skip


class NaiveRefusalError(Exception):
    """What this reader does not take."""


@dataclass
class NaiveMessage:
    kind: int
    symbol: str | None
    event_ns: int
    trade_ns: int
    first_id: int
    last_id: int
    prev_id: int
    levels: list[tuple[int, Decimal, Decimal]]


def naive_decode(frame: bytes, *, is_futures: bool) -> NaiveMessage | None:
    """One message, or None where it has nothing for a book."""
    require(0 < len(frame) <= MOST_BYTES, "length")
    doubled: set[str] = set()

    def pairs_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for i, (key, _) in enumerate(pairs):
            if key in [other for other, _ in pairs[:i]]:
                doubled.add(key)
        return dict(pairs)

    def no_number(text: str) -> None:
        raise NaiveRefusalError(text)

    try:
        message = json.loads(
            frame.decode("utf-8"), object_pairs_hook=pairs_of, parse_int=int_of, parse_constant=no_number
        )
    except (ValueError, RecursionError) as error:
        raise NaiveRefusalError("json") from error
    require(type(message) is dict, "object")
    is_wrapped = "data" in message
    if is_wrapped:
        require(type(message.get("stream")) is str and type(message["data"]) is dict, "wrapper")
        require(not doubled & {"data", "stream"}, "doubled")
        message = message["data"]
    require("e" not in doubled, "doubled")
    if "lastUpdateId" in message:
        require(not is_wrapped and "e" not in message, "partial depth")
        return naive_snapshot(message, doubled)
    event = message.get("e")
    if event == "depthUpdate":
        return naive_depth(message, doubled, is_futures)
    if event in ("trade", "aggTrade"):
        return naive_trade(message, doubled, "t" if event == "trade" else "a")
    if type(event) is str and event in NO_BOOK:
        return None
    require("e" not in message, "event")
    is_ticker = all(key in message for key in "usbBaA")
    is_answer = not is_wrapped and "result" in message and "id" in message
    require(is_ticker or is_answer, "event")
    return None


def naive_depth(message: dict[str, Any], doubled: set[str], is_futures: bool) -> NaiveMessage:
    require(not doubled & {"E", "T", "s", "U", "u", "pu", "b", "a"}, "doubled")
    require(type(message.get("s")) is str, "s")
    first, last = count_of(message, "U"), count_of(message, "u")
    require(first <= last, "ids")
    require(not is_futures or ("pu" in message and "T" in message), "futures")
    require(is_futures or "pu" not in message, "spot")
    return NaiveMessage(
        DEPTH,
        message["s"],
        time_of(message, "E"),
        time_of(message, "T") if "T" in message else 0,
        first,
        last,
        count_of(message, "pu") if "pu" in message else -1,
        side_of(message, "b", 0) + side_of(message, "a", 1),
    )


def naive_trade(message: dict[str, Any], doubled: set[str], id_key: str) -> NaiveMessage:
    require(not doubled & {"E", "T", "s", "p", "q", "m", id_key}, "doubled")
    require(type(message.get("s")) is str and type(message.get("m")) is bool, "s, m")
    price, size = decimal_of(message.get("p")), decimal_of(message.get("q"))
    require(price > 0 and size > 0, "zero")
    trade_id = count_of(message, id_key)
    times = time_of(message, "E"), time_of(message, "T")
    return NaiveMessage(TRADE, message["s"], *times, trade_id, trade_id, -1, [(int(message["m"]), price, size)])


def naive_snapshot(message: dict[str, Any], doubled: set[str]) -> NaiveMessage:
    require(not doubled & {"E", "T", "symbol", "lastUpdateId", "bids", "asks"}, "doubled")
    symbol = message.get("symbol")
    require(type(symbol) is str if "symbol" in message else True, "symbol")
    event = time_of(message, "E") if "E" in message else 0
    trade = time_of(message, "T") if "T" in message else 0
    bids, asks = side_of(message, "bids", 0), side_of(message, "asks", 1)
    longest = max(len(bids), len(asks))
    asked = longest if longest in LIMITS else 0
    return NaiveMessage(SNAPSHOT, symbol, event, trade, asked, count_of(message, "lastUpdateId"), -1, bids + asks)


def side_of(message: dict[str, Any], key: str, flag: int) -> list[tuple[int, Decimal, Decimal]]:
    side = message.get(key)
    require(type(side) is list, key)
    levels = []
    for level in side:
        require(type(level) is list and len(level) == 2, key)
        price, size = decimal_of(level[0]), decimal_of(level[1])
        require(price > 0, "zero")
        levels.append((flag, price, size))
    return levels


def decimal_of(text: Any) -> Decimal:
    require(type(text) is str, "decimal")
    return plain_decimal(text)


@lru_cache(maxsize=1 << 18)
def plain_decimal(text: str) -> Decimal:
    require(re.fullmatch(r"(0|[1-9][0-9]{0,17})([.][0-9]{1,18})?", text) is not None, "decimal")
    return Decimal(text)


def count_of(message: dict[str, Any], key: str) -> int:
    value = message.get(key)
    require(type(value) is int and 0 <= value < 2**63, key)
    return int(value)


def time_of(message: dict[str, Any], key: str) -> int:
    value = count_of(message, key)
    nanoseconds = value * (1_000 if value >= 10**15 else 1_000_000)
    require(nanoseconds < 2**63, key)
    return nanoseconds


def int_of(text: str) -> int:
    return int(text) if len(text) < 1000 else 10**999


def require(holds: bool, what: str) -> None:
    if not holds:
        raise NaiveRefusalError(what)
