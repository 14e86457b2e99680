"""Signals to test ledgers with."""

from typing import Any

from msray.market import Signal, signal_id
from tests.clocks import SECOND, START_NS

BTC, ETH = "binance_usdm:BTCUSDT", "binance_usdm:ETHUSDT"


def a_signal(number: int = 0, **changes: Any) -> Signal:
    """The signal of a number."""
    words: dict[str, Any] = {
        "signal_id": signal_id("example", number),
        "instrument": BTC,
        "signal_type": "imbalance",
        "detector": "ensemble",
        "score": 0.75,
        "direction": 1,
        "event_ns": START_NS + number,
        "change_ns": START_NS - SECOND,
        "size_sigma": 3.25,
        "event_kind": "depth",
        "event_id": 1000 + number,
        "calibration": "0123456789abcdef",
        "shares": {"cusum": 0.5, "focus": 0.5},
        "price": 61_000.5,
        "features": {"imbalance_l5": 0.1 + 0.2},
    }
    return Signal(**(words | changes))


def some_signals(count: int, first: int = 0, **changes: Any) -> list[Signal]:
    """Signals of consecutive numbers."""
    return [a_signal(number, **changes) for number in range(first, first + count)]
