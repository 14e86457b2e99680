"""What comes out: a signal, and the id that is the same wherever it was computed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

UNCALIBRATED = "uncalibrated"
"""Stands where a calibration's digest would, as long as thresholds are those of independent normal bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One alarm of one detector on one instrument.

    Attributes
    ----------
    signal_id
        32 hexadecimal digits; see :func:`signal_id`.
    instrument
        ``venue:SYMBOL``.
    signal_type
        The watch that raised it: ``imbalance``, ``volatility``.
    detector
        Kind of detector: ``ensemble``, ``cusum``, ``page_hinkley``, ``focus``.
    score
        0 to 1; 0.5 exactly at the threshold.
    direction
        1: the watched value rose, -1: it fell, 0: no side.
    event_ns
        Exchange time of the record that completed the bar, nanoseconds UTC.
    change_ns
        Estimated time of the change itself, nanoseconds UTC; never after ``event_ns``.
    size_sigma
        Estimated size of the change, in standard deviations of a quiet bar.
    event_kind, event_id
        The record that raised it: ``depth`` and its update id, ``trade`` and its trade id.
    calibration
        Digest of the calibration in force, or ``"uncalibrated"``.
    shares
        What each member contributed to the score; sums to 1. Empty for a detector without members.
    price
        Mid price in quote units at the event, or None.
    features
        The watched values behind it.
    """

    signal_id: str
    instrument: str
    signal_type: str
    detector: str
    score: float
    direction: int
    event_ns: int
    change_ns: int
    size_sigma: float
    event_kind: str
    event_id: int
    calibration: str = UNCALIBRATED
    shares: Mapping[str, float] = field(default_factory=dict)
    price: float | None = None
    features: Mapping[str, float] = field(default_factory=dict)


def signal_id(*parts: str | int) -> str:
    """First 16 bytes of sha256 over the length-prefixed parts, in hexadecimal.

    Parameters
    ----------
    *parts
        For a detection: instrument, detector instance, digest of the user's words, calibration digest, event kind,
        event id, event time in ns, direction. For a submitted signal: its content or its idempotency key.

    Examples
    --------
    >>> signal_id("binance_usdm:BTCUSDT", 1) == signal_id("binance_usdm:BTCUSDT", "1")
    True
    >>> signal_id("ab", "c") == signal_id("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return digest.hexdigest()[:32]
