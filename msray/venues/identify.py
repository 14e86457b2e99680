"""What a recording does not say: venue and symbol, by the shape of messages; decimals and ticks, by their prices."""

import heapq
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from msray.errors import FeedError, MessageError, UsageError
from msray.market import DEPTH, SNAPSHOT, Instrument, check_id
from msray.venues.catalog import find_venue
from msray.venues.exact import EXACT_DECIMALS, RefusedError, decimals_needed, exact_units
from msray.venues.wire import QUOTE_KEYS, WireLevel, read_frame, unwrap

FIRST_DEPTH_MESSAGES = 64
"""Depth messages that an instrument is inferred from where there is no snapshot."""
MOST_MESSAGES = 20_000
"""Messages among which a snapshot is looked for."""

_STAMP = re.compile(rb"[0-9]{13,19} ")
_COIN_MARGINED = re.compile(r"[A-Z0-9]+USD_(PERP|[0-9]{6})")


def identify(lines: Iterable[bytes]) -> tuple[str, str]:
    """Venue and symbol of a recording, from the first message that tells both.

    ``ps`` or ``pair`` is COIN-M, ``pu`` USD-M; else a depth message is spot. Trades and quotes differ in other fields.

    Parameters
    ----------
    lines
        Messages of one instrument, with or without a receive time in front. Those that cannot be read are passed over.

    Raises
    ------
    FeedError
        If no message tells.
    """
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007  (the count is wanted behind the loop)
        try:
            message, _, _ = unwrap(without_time(line))
        except RefusedError:
            continue
        venue = venue_of(message)
        symbol = message.get("s", message.get("symbol"))
        if venue is not None and isinstance(symbol, str):
            return venue, symbol
    raise FeedError(f"venue must be told by a message's shape, got none in {count} messages", hint="name it: --venue")


def check_symbol(venue: str, symbol: str) -> None:
    """Refuse a symbol that can name no instrument: it is the message that is wrong, not who reads it.

    Raises
    ------
    MessageError
        If it is none.
    """
    try:
        check_id(f"{venue}:{symbol}")
    except UsageError as error:
        raise MessageError(str(error)) from error


def without_time(line: bytes) -> bytes:
    """The JSON of a recording's line."""
    stamp = _STAMP.match(line)
    return line[stamp.end() :] if stamp else line


def venue_of(message: Mapping[str, Any]) -> str | None:
    """Name of the venue that sends messages of this shape; None where several do."""
    event = message.get("e")
    if "ps" in message or "pair" in message:
        return "binance_coinm"
    if "pu" in message:
        return "binance_usdm"
    if "lastUpdateId" in message:
        return "binance_usdm" if "E" in message else "binance_spot"
    if event == "depthUpdate" or (event is None and message.keys() >= QUOTE_KEYS):
        return "binance_spot"
    if event == "bookTicker":
        return "binance_usdm"
    if event in ("trade", "aggTrade"):
        if "M" in message:
            return "binance_spot"
        is_coin_margined = _COIN_MARGINED.fullmatch(str(message.get("s")))
        return "binance_coinm" if is_coin_margined else "binance_usdm"
    return None


def infer_instrument(venue: str, symbol: str, frames: Iterable[bytes]) -> Instrument:
    """What an instrument's numbers must be, from what it sends.

    Parameters
    ----------
    venue, symbol
        Whose messages these are.
    frames
        Messages with or without a receive time in front: the first snapshot among them, else the first depth messages.

    Returns
    -------
    Instrument
        With ``is_inferred``. ``tick`` is the greatest common divisor of the two best prices a side (of a snapshot;
        else of all prices), ``grid`` that of all prices, ``price_decimals`` as few as the grid needs,
        ``size_decimals`` those of the size strings.

    Raises
    ------
    UnknownNameError
        If the venue is not known.
    FeedError
        If no message has a price level, a price is zero or no plain decimal, or the symbol names no instrument.
    """
    is_futures = find_venue(venue).is_futures
    check_symbol(venue, symbol)
    levels: list[WireLevel] = []
    depth_messages = 0
    for frame in islice(frames, MOST_MESSAGES):
        is_snapshot = b'"lastUpdateId"' in frame
        if not is_snapshot and depth_messages == FIRST_DEPTH_MESSAGES:
            continue
        try:
            message = read_frame(without_time(frame), is_futures=is_futures)
        except RefusedError:
            continue
        if message is None or message.symbol not in (None, symbol) or not message.levels:
            continue
        if message.kind == SNAPSHOT:
            return _inferred(venue, symbol, message.levels, _touch(message.levels))
        if message.kind == DEPTH:
            levels += message.levels
            depth_messages += 1
    if not levels:
        raise FeedError(f"ticks of {venue}:{symbol} must be inferred from a snapshot or a depth message, got none")
    return _inferred(venue, symbol, levels, levels)


def infer_from_trades(venue: str, symbol: str, trades: Iterable[tuple[str, str]]) -> Instrument:
    """What an instrument's numbers must be, from prices and sizes of trades; see :func:`infer_instrument`.

    Raises
    ------
    FeedError
        If there are none, a price is zero or no plain decimal, or the symbol names no instrument.
    """
    check_symbol(venue, symbol)
    levels = [(0, price, size) for price, size in trades]
    if not levels:
        raise FeedError(f"ticks of {venue}:{symbol} must be inferred from trades, got none")
    return _inferred(venue, symbol, levels, levels)


def infer_from_levels(venue: str, symbol: str, levels: Sequence[WireLevel]) -> Instrument:
    """What an instrument's numbers must be, from levels of both sides; see :func:`infer_instrument`.

    Raises
    ------
    FeedError
        If there are none, a price is zero or no plain decimal, or the symbol names no instrument.
    """
    check_symbol(venue, symbol)
    if not levels:
        raise FeedError(f"ticks of {venue}:{symbol} must be inferred from price levels, got none")
    return _inferred(venue, symbol, levels, _touch(levels))


def _touch(levels: Sequence[WireLevel]) -> list[WireLevel]:
    """The two best levels of each side."""
    sides: list[list[WireLevel]] = [[], []]
    for level in levels:
        sides[level[0]].append(level)
    bids = heapq.nlargest(2, sides[0], key=_price)
    return bids + heapq.nsmallest(2, sides[1], key=_price)


def _inferred(venue: str, symbol: str, levels: Sequence[WireLevel], near: Sequence[WireLevel]) -> Instrument:
    prices = [_price(level) for level in levels]
    grid = math.gcd(*prices)
    decimals = decimals_needed(grid)
    unit = 10 ** (EXACT_DECIMALS - decimals)
    return Instrument(
        venue=venue,
        symbol=symbol,
        price_decimals=decimals,
        size_decimals=max(len(size.partition(".")[2]) for _, _, size in levels),
        tick=math.gcd(*map(_price, near)) // unit,
        grid=grid // unit,
        is_inferred=True,
    )


def _price(level: WireLevel) -> int:
    price = exact_units(level[1], "price")
    if not price:
        raise MessageError(f"price must be positive, got {level[1]}")
    return price
