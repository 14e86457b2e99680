"""What a venue says besides its markets, and WebSocket frames around it all.

Sources: "WebSocket Market Data Streams", "Rest API" (*Exchange information*), and RFC 6455.
"""

import struct
from collections.abc import Iterable
from typing import Any

import msgspec

SPOT, USDM, COINM = "binance_spot", "binance_usdm", "binance_coinm"


def text_frame(payload: bytes) -> bytes:
    """An unmasked, final text frame (RFC 6455, 5.2): what a server sends."""
    return _frame(0x81, payload)


def ping_frame(payload: bytes) -> bytes:
    """A ping; at most 125 bytes of payload."""
    return _frame(0x89, payload)


def pong_frame(payload: bytes) -> bytes:
    """A pong; at most 125 bytes of payload."""
    return _frame(0x8A, payload)


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65536:
        return struct.pack(">BBH", first, 126, length) + payload
    return struct.pack(">BBQ", first, 127, length) + payload


def shutdown_notice(now_ms: int) -> bytes:
    """``serverShutdown``: the connection is about to end."""
    return msgspec.json.encode({"e": "serverShutdown", "E": now_ms})


def exchange_info(symbols: Iterable[dict[str, Any]], *, weight_limit: int, now_ms: int) -> bytes:
    """Answer of ``GET exchangeInfo``."""
    rate = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit}
    head = {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [rate], "exchangeFilters": []}
    return msgspec.json.encode(head | {"symbols": list(symbols)})


def error(code: int, message: str) -> bytes:
    """Body of a refused REST request."""
    return msgspec.json.encode({"code": code, "msg": message})
