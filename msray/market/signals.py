"""What comes out: signals and predictions, and the id that is the same wherever it was computed."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a trained model expects of one instrument, behind one row.

    Attributes
    ----------
    prediction_id
        :func:`signal_id` of instrument, digest, event id and event time.
    instrument
        ``venue:SYMBOL``.
    model
        ``NAME:VERSION``.
    digest
        Of that model.
    event_ns
        Exchange time of the row behind which it was made, nanoseconds UTC.
    event_id
        Update id of that depth message.
    price
        Mid price in quote units then, or None.
    horizons
        Rows ahead; what follows has an entry for each.
    chances
        Of down, flat and up; they sum to 1.
    directions
        What is decided: -1 down, 0 flat, 1 up.
    is_sure
        Whether every other class is excluded, by conformal sets that have followed what came in this stretch; never
        where the model has none.
    votes
        What each member holds most likely, by its name; one that has nothing to say yet is not there.
    """

    prediction_id: str
    instrument: str
    model: str
    digest: str
    event_ns: int
    event_id: int
    price: float | None
    horizons: tuple[int, ...]
    chances: tuple[tuple[float, float, float], ...]
    directions: tuple[int, ...]
    is_sure: tuple[bool, ...]
    votes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionScore:
    """What came of the latest predictions of a model at one horizon, beside what needs no model.

    What rests on no prediction at all is None.

    Attributes
    ----------
    model, digest
        As in :class:`Prediction`.
    horizon
        Rows ahead.
    rows
        Predictions whose horizon is complete, the latest only.
    accuracy
        Share of them that came true, flat being a class like the others.
    base_rate
        Accuracy of always saying the class that came most often: what majority would have been worth.
    persistence, mean_reversion
        Accuracy of saying that what has just happened goes on, or is undone.
    moved_coverage, moved_accuracy, moved_base_rate
        Of those where the price moved; flat is wrong there.
    committed_coverage, committed_accuracy, committed_base_rate
        Of those where the price moved and a direction had been named.
    sure_coverage, sure_accuracy
        Of those that were sure.
    ece
        Expected calibration error of the likeliest class, over 15 bins of equal width.
    step_seconds
        Time that a row takes the model, on average since it is served here.
    """

    model: str
    digest: str
    horizon: int
    rows: int
    accuracy: float | None
    base_rate: float | None
    persistence: float | None
    mean_reversion: float | None
    moved_coverage: float | None
    moved_accuracy: float | None
    moved_base_rate: float | None
    committed_coverage: float | None
    committed_accuracy: float | None
    committed_base_rate: float | None
    sure_coverage: float | None
    sure_accuracy: float | None
    ece: float | None
    step_seconds: float | None = None


def signal_id(*parts: str | int) -> str:
    """First 16 bytes of sha256 over the length-prefixed parts, in hexadecimal.

    Parameters
    ----------
    *parts
        For a detection: instrument, detector instance, digest of the user's words, calibration digest, event kind,
        event id, event time in ns, direction. For a prediction: instrument, digest of the model, event id, event time.
        For a submitted signal: its content or its idempotency key.

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
