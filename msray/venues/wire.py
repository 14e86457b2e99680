"""The slow path: one frame, judged by typed structs. It reads what the scanner would not, or says what is wrong.

It is strict where the scanner is: every required field there and of its type (no float, no null, no string in place of
a number), no key that is read twice, no NaN, text in UTF-8. It is patient where JSON is: white space, escapes, any
order of keys, unknown fields of any form.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from msray.market import DEPTH, SNAPSHOT, TRADE
from msray.venues.exact import Reason, RefusedError, shown
from msray.venues.kernels_text import LAST_MICROSECOND, LAST_MILLISECOND, MAX_FRAME_BYTES, MICROSECONDS_FROM

OTHER_EVENTS = frozenset(
    {
        "1dTicker",
        "1hTicker",
        "24hrMiniTicker",
        "24hrTicker",
        "4hTicker",
        "assetIndexUpdate",
        "avgPrice",
        "bookTicker",
        "compositeIndex",
        "continuous_kline",
        "contractInfo",
        "forceOrder",
        "indexPriceUpdate",
        "kline",
        "markPriceUpdate",
        "referencePrice",
        "serverShutdown",
        "tradingSession",
    }
)
"""Events of the market streams that are of no use to a book."""

QUOTE_KEYS = frozenset("usbBaA")
"""Keys by which a spot ``bookTicker`` is known: it names no event."""

SNAPSHOT_LIMITS = (5, 10, 20, 50, 100, 500, 1000, 5000)
"""Levels a side that the venue offers for a snapshot."""

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Levels = list[tuple[str, str]]
WireLevel = tuple[int, str, str]
"""Flags, price and size of a level, as the venue wrote them."""
_WirePart = TypeVar("_WirePart", bound=msgspec.Struct)


class DepthPart(msgspec.Struct):
    """``depthUpdate``, the fields that are read."""

    s: str
    E: Number
    U: Number
    u: Number
    b: Levels
    a: Levels
    T: Number | UnsetType = UNSET
    pu: Number | UnsetType = UNSET


class TradePart(msgspec.Struct):
    """``trade``."""

    s: str
    E: Number
    T: Number
    t: Number
    p: str
    q: str
    m: bool


class AggregatePart(msgspec.Struct):
    """``aggTrade``."""

    s: str
    E: Number
    T: Number
    a: Number
    p: str
    q: str
    m: bool


class SnapshotPart(msgspec.Struct):
    """A REST depth snapshot."""

    lastUpdateId: Number  # noqa: N815
    bids: Levels
    asks: Levels
    E: Number = 0
    T: Number = 0
    symbol: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMessage:
    """One message as the venue wrote it: prices and sizes still decimal strings.

    Attributes
    ----------
    kind
        DEPTH, TRADE or SNAPSHOT.
    symbol
        Whose it is; None where a snapshot does not say.
    event_ns, trade_ns, first_id, last_id, prev_id
        As in ``MESSAGE``.
    levels
        Flags, price and size of each level: bids, then asks.
    """

    kind: int
    symbol: str | None
    event_ns: int
    trade_ns: int
    first_id: int
    last_id: int
    prev_id: int
    levels: list[WireLevel]


def unwrap(frame: bytes) -> tuple[dict[str, Any], bool, frozenset[str]]:
    """The message inside a frame, whether it was in the combined wrapper, and the keys that stood in it twice.

    Raises
    ------
    RefusedError
        If it is no JSON object of a size that is read, or a wrapper that holds none.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise RefusedError(Reason.TOO_LONG, f"frame must be at most {MAX_FRAME_BYTES} bytes, got {len(frame)}")
    if not frame:
        raise RefusedError(Reason.EMPTY, "frame must not be empty")
    document, twice = _parse(frame)
    if "data" not in document:
        return document, False, twice
    if twice & {"data", "stream"}:
        raise _doubled(twice)
    stream, message = document.get("stream"), document["data"]
    if not isinstance(stream, str) or not isinstance(message, dict):
        raise RefusedError(
            Reason.FIELD,
            f"combined frame must have a string stream and an object data, got {shown(stream)} and {shown(message)}",
        )
    return message, True, twice


def _parse(frame: bytes) -> tuple[dict[str, Any], frozenset[str]]:
    """The document, and every key that stood twice in one object."""
    twice: set[str] = set()

    def take(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = Counter(key for key, _ in pairs)
            twice.update(key for key, count in keys.items() if count > 1)
        return found

    try:
        text = frame.decode()
        document = json.loads(text, object_pairs_hook=take, parse_int=_whole, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise RefusedError(Reason.JSON, f"frame must be JSON in UTF-8, got {shown(frame)}: {error}") from error
    if not isinstance(document, dict):
        raise RefusedError(Reason.JSON, f"frame must be a JSON object, got {shown(document)}")
    return document, frozenset(twice)


def _doubled(keys: Iterable[str]) -> RefusedError:
    return RefusedError(Reason.DUPLICATE_KEY, f"key must stand there once, got twice: {', '.join(sorted(keys))}")


def read_frame(frame: bytes, *, is_futures: bool) -> WireMessage | None:
    """Judge one frame.

    Parameters
    ----------
    frame
        The bytes of one message, in a combined wrapper or not.
    is_futures
        Whether it comes from a futures market, whose depth messages must have ``T`` and ``pu``; spot's must not have
        ``pu``.

    Returns
    -------
    WireMessage or None
        None where the frame is known and of no use to a book: quotes, mark prices, answers to a subscription.

    Raises
    ------
    RefusedError
        If it is anything else, with the field, the value and the range.
    """
    message, is_wrapped, twice = unwrap(frame)
    event = message.get("e")
    if "e" in twice:
        raise _doubled({"e"})
    if "lastUpdateId" in message:
        if is_wrapped or "e" in message:
            raise RefusedError(
                Reason.EVENT,
                "partial book depth is not read, got lastUpdateId in a stream",
                hint="use the diff depth stream",
            )
        return _snapshot(_typed(message, SnapshotPart, twice))
    if event == "depthUpdate":
        return _depth(_typed(message, DepthPart, twice), is_futures=is_futures)
    if event == "trade":
        trade = _typed(message, TradePart, twice)
        return _trade(trade, trade.t)
    if event == "aggTrade":
        aggregate = _typed(message, AggregatePart, twice)
        return _trade(aggregate, aggregate.a)
    if isinstance(event, str) and event in OTHER_EVENTS:
        return None
    if "e" not in message and (message.keys() >= QUOTE_KEYS or (not is_wrapped and message.keys() >= {"result", "id"})):
        return None
    _refuse_event(message, event)


def levels_asked(longest: int) -> int:
    """Levels a side that a snapshot was limited to, from its longer side: 0 (the whole book) where no limit fits.

    A whole book that happens to be as long as a limit counts as cut: less is then taken for known, never more.
    """
    return longest if longest in SNAPSHOT_LIMITS else 0


def _refuse_event(message: Mapping[str, Any], event: object) -> NoReturn:
    if "e" in message:
        raise RefusedError(Reason.EVENT, f"e must name a known event, got {shown(event)}")
    if "error" in message or message.keys() >= {"code", "msg"}:
        raise RefusedError(Reason.VENUE_ERROR, f"venue answers with an error: {shown(message.get('error', message))}")
    raise RefusedError(Reason.EVENT, f"frame must name an event, got the keys {shown(sorted(message))}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int | Decimal:
    """A whole number; one that no field could hold is let through in a form that no field takes."""
    return int(text) if len(text) <= 20 else Decimal(text)


def _typed(message: dict[str, Any], part: type[_WirePart], twice: frozenset[str]) -> _WirePart:
    """The message's fields, checked; the error names path and value."""
    if doubled := twice.intersection(part.__struct_fields__):
        raise _doubled(doubled)
    try:
        return msgspec.convert(message, part, strict=True)
    except msgspec.ValidationError as error:
        value: Any = message
        path = str(error).rpartition("`$")[2].rstrip("`") if "`$" in str(error) else ""
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            value = value[name] if name else value[int(index)]
        got = f", got {shown(value)}" if path else ""
        raise RefusedError(Reason.FIELD, f"{message.get('e', 'snapshot')}: {error}{got}") from error


def _depth(part: DepthPart, *, is_futures: bool) -> WireMessage:
    if is_futures and (part.pu is UNSET or part.T is UNSET):
        raise RefusedError(Reason.FIELD, "depthUpdate of a futures market must have pu and T, got none")
    if not is_futures and part.pu is not UNSET:
        raise RefusedError(Reason.FIELD, f"depthUpdate of a spot market must not have pu, got {part.pu}")
    if part.u < part.U:
        raise RefusedError(Reason.RANGE, f"U must be at most u, got {part.U} and {part.u}")
    return WireMessage(
        kind=DEPTH,
        symbol=part.s,
        event_ns=_time_ns(part.E, "E"),
        trade_ns=0 if part.T is UNSET else _time_ns(part.T, "T"),
        first_id=part.U,
        last_id=part.u,
        prev_id=-1 if part.pu is UNSET else part.pu,
        levels=_both_sides(part.b, part.a),
    )


def _trade(part: TradePart | AggregatePart, trade_id: int) -> WireMessage:
    return WireMessage(
        kind=TRADE,
        symbol=part.s,
        event_ns=_time_ns(part.E, "E"),
        trade_ns=_time_ns(part.T, "T"),
        first_id=trade_id,
        last_id=trade_id,
        prev_id=-1,
        levels=[(int(part.m), part.p, part.q)],
    )


def _snapshot(part: SnapshotPart) -> WireMessage:
    return WireMessage(
        kind=SNAPSHOT,
        symbol=None if part.symbol is UNSET else part.symbol,
        event_ns=_time_ns(part.E, "E"),
        trade_ns=_time_ns(part.T, "T"),
        first_id=levels_asked(max(len(part.bids), len(part.asks))),
        last_id=part.lastUpdateId,
        prev_id=-1,
        levels=_both_sides(part.bids, part.asks),
    )


def _both_sides(bids: Levels, asks: Levels) -> list[WireLevel]:
    return [(0, price, size) for price, size in bids] + [(1, price, size) for price, size in asks]


def _time_ns(value: int, name: str) -> int:
    """Nanoseconds of a time in milliseconds or microseconds, told apart by size."""
    if value >= MICROSECONDS_FROM and value <= LAST_MICROSECOND:
        return value * 1000
    if value <= LAST_MILLISECOND:
        return value * 1_000_000
    raise RefusedError(
        Reason.RANGE,
        f"{name} must be milliseconds up to {LAST_MILLISECOND} or microseconds from {MICROSECONDS_FROM} "
        f"to {LAST_MICROSECOND}, got {value}",
    )
