"""The fused fold of one instrument: record by record through book, features, bars and detectors.

Detection arena::

    header | per watch: what to sample, what the open bar holds so far | values of the calibration bars | watch sections

A bar of exchange time is closed by the first depth message at or after its end. Its value is the mean, or the last, of
the feature rows inside it; a bar without rows carries the last value on. The bar in which an epoch begins is partial
and never used. Bars are numbered since 1970, so that a number is a time.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.book import kernels as book
from msray.compiled import kernel
from msray.detectors import kernels as detector
from msray.features import kernels as feature
from msray.market import DEPTH, TRADE, Levels, Messages
from msray.stats.kernels import get_float, put_float

Arena = NDArray[Any]

BAR_NS, BAR, CLOSED, WATCHES, WATCH_AT = 0, 1, 2, 3, 4
KEEP_FIRST, KEEP_LAST, KEEP_AT, IN_FORCE = 5, 6, 7, 8
CROSSED_RUN, CROSSED, ROWS, CARRY_LIMIT, STOP = 9, 10, 11, 12, 14
LAST_EVENT, LAST_ID, ALARMS, CHANGES = 15, 16, 17, 18
HEADER = 32

COLUMN, AT_CLOSE, TRANSFORM, SUM, COUNT, LAST = range(6)
SAMPLE_WORDS = 8
IDENTITY, ABS, SQRT = 0, 1, 2

DONE, BOOK_FULL, FEATURES_FULL, ALARMS_FULL, BOOK_CROSSED, SPECIAL, BARS_KEPT, CALIBRATION_DUE, TIME_JUMP = range(9)

NOT_STARTED = -1
NEVER = 2**62
CROSSED_LIMIT = 3

ALARM = np.dtype(
    [
        ("watch", "i4"),
        ("direction", "i4"),
        ("event_ns", "i8"),
        ("event_id", "i8"),
        ("change_bar", "i8"),
        ("score", "f8"),
        ("size_sigma", "f8"),
        ("value", "f8"),
        ("mid", "f8"),
        ("share_0", "f8"),
        ("share_1", "f8"),
        ("share_2", "f8"),
    ]
)
"""One alarm as the kernel leaves it; the engine makes a Signal of it."""


@kernel
def _sample(detection: Arena, features: Arena) -> None:
    """Add the newest feature row to the open bar."""
    at = HEADER
    for _ in range(detection[WATCHES]):
        value = get_float(features, feature.ROW + detection[at + COLUMN])
        if not math.isnan(value):
            if detection[at + TRANSFORM] == ABS:
                value = abs(value)
            elif detection[at + TRANSFORM] == SQRT:
                value = math.sqrt(value) if value > 0.0 else 0.0
            put_float(detection, at + SUM, get_float(detection, at + SUM) + value)
            detection[at + COUNT] += 1
        put_float(detection, at + LAST, value)
        at += SAMPLE_WORDS


@kernel
def _bar_value(detection: Arena, at: int) -> float:
    """Value of the bar that ends now for the sample at ``at``; then nothing is in the next one yet."""
    last = get_float(detection, at + LAST)
    count = detection[at + COUNT]
    value = last if detection[at + AT_CLOSE] == 1 or count == 0 else get_float(detection, at + SUM) / count
    detection[at + COUNT] = 0
    put_float(detection, at + SUM, 0.0)
    return value


@kernel
def _close_bar(detection: Arena, features: Arena, message: Any, alarms: Any, count: int) -> int:
    """Close the open bar: hand its values to the watches. Returns the number of alarms written so far."""
    closed = detection[CLOSED]
    bar = detection[BAR]
    keep = detection[KEEP_FIRST] <= closed < detection[KEEP_LAST]
    for w in range(detection[WATCHES]):
        value = _bar_value(detection, HEADER + w * SAMPLE_WORDS)
        if closed < 0:
            continue
        if keep:
            span = detection[KEEP_LAST] - detection[KEEP_FIRST]
            put_float(detection, detection[KEEP_AT] + w * span + closed - detection[KEEP_FIRST], value)
        at = detection[WATCH_AT] + w * detector.WATCH_WORDS
        if detector.watch_update(detection, at, bar, value) != 0:
            alarm = alarms[count]
            alarm.watch = w
            alarm.direction = detection[at + detector.ALARM_DIRECTION]
            alarm.event_ns = message.event_ns
            alarm.event_id = message.last_id
            alarm.change_bar = detection[at + detector.ALARM_CHANGE_BAR]
            alarm.score = get_float(detection, at + detector.ALARM_SCORE)
            alarm.size_sigma = get_float(detection, at + detector.ALARM_SIZE)
            alarm.value = value
            alarm.mid = get_float(features, feature.ROW)
            alarm.share_0 = get_float(detection, at + detector.ALARM_SHARES)
            alarm.share_1 = get_float(detection, at + detector.ALARM_SHARES + 1)
            alarm.share_2 = get_float(detection, at + detector.ALARM_SHARES + 2)
            count += 1
    detection[CLOSED] = closed + 1
    detection[BAR] = bar + 1
    return count


@kernel
def fold(
    ladder: Arena,
    features: Arena,
    detection: Arena,
    messages: Messages,
    levels: Levels,
    begin: int,
    bests: Any,
    rows: Any,
    alarms: Any,
) -> int:
    """Fold messages from ``begin`` on.

    Parameters
    ----------
    ladder, features, detection
        The three arenas of the instrument.
    bests
        ``(n, 4)`` int64, or of length 0: best bid tick, size, best ask tick, size after each DEPTH.
    rows
        ``(n, 65)`` float64, or ``(n, 132)`` with levels, or of length 0: the feature row after each DEPTH.
    alarms
        ``ALARM`` rows; ``detection[ROWS]`` and the return value say how many outputs were written.

    Returns the index of the first message that is not folded yet; ``detection[STOP]`` says why: DONE, or what the
    engine has to do before it calls again. ``rows`` and ``bests`` are written from index 0 on in each call,
    ``detection[ROWS]`` counts them. The number of alarms is in ``detection[ALARMS]``.
    """
    written = 0
    count = 0
    stop = DONE
    bar_ns = detection[BAR_NS]
    room = alarms.shape[0] - detection[WATCHES]
    i = begin
    while i < messages.shape[0]:
        message = messages[i]
        if message.kind == DEPTH:
            bar = message.event_ns // bar_ns
            if detection[BAR] == NOT_STARTED:
                detection[BAR] = bar
            if abs(bar - detection[BAR]) > detection[CARRY_LIMIT]:
                stop = TIME_JUMP
                break
            while detection[BAR] < bar:
                if count > room:
                    stop = ALARMS_FULL
                    break
                if detection[CLOSED] == detection[IN_FORCE]:
                    stop = CALIBRATION_DUE
                    break
                count = _close_bar(detection, features, message, alarms, count)
                if detection[CLOSED] == detection[KEEP_LAST]:
                    stop = BARS_KEPT
                    break
            if stop != DONE:
                break
            done = feature.step(ladder, features, messages, levels, i)
            if done != 0:
                stop = BOOK_FULL if done == 1 else FEATURES_FULL
                break
            _sample(detection, features)
            detection[LAST_EVENT] = message.event_ns
            detection[LAST_ID] = message.last_id
            detection[CHANGES] += message.end - message.begin
            if bests.shape[0] > 0:
                bid = ladder[book.BEST_BID]
                ask = ladder[book.BEST_ASK]
                bests[written, 0] = bid
                bests[written, 1] = book.size_at(ladder, 0, bid)
                bests[written, 2] = ask
                bests[written, 3] = book.size_at(ladder, 1, ask)
            if rows.shape[0] > 0:
                for c in range(feature.COLUMNS):
                    rows[written, c] = get_float(features, feature.ROW + c)
                if rows.shape[1] > feature.COLUMNS:
                    feature.put_levels(features, rows, written)
            written += 1
            i += 1
            if ladder[book.BEST_BID] >= ladder[book.BEST_ASK]:
                detection[CROSSED] += 1
                detection[CROSSED_RUN] += 1
                if detection[CROSSED_RUN] >= CROSSED_LIMIT:
                    stop = BOOK_CROSSED
                    break
            else:
                detection[CROSSED_RUN] = 0
        elif message.kind == TRADE:
            if feature.step(ladder, features, messages, levels, i) != 0:
                stop = FEATURES_FULL
                break
            i += 1
        else:
            stop = SPECIAL
            break
    detection[ROWS] = written
    detection[ALARMS] = count
    detection[STOP] = stop
    return i
