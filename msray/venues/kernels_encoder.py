"""Price levels as JSON text: ``["61800.20","2.909"],...``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import Levels, Messages

Words = NDArray[Any]
Text = NDArray[Any]

GRID, PRICE_DECIMALS, PRICE_ZEROS, SIZE_DECIMALS, SIZE_ZEROS = range(5)
FORMAT_WORDS = 5
MOST_TEXT = 96
"""Bytes that the text of a level takes at most: two numbers of 19 digits, a point and 18 zeros, and 6 signs more."""

U: Any = np.uintp
QUOTE, COMMA, POINT, OPEN, CLOSE, ZERO = 34, 44, 46, 91, 93, 48


@kernel
def write_decimal(text: Text, at: int, units: int, decimals: int, zeros: int) -> int:
    """Write ``units * 10**-decimals`` at ``at``, with so many zeros behind it; returns where it ends."""
    scale = 1
    for _ in range(decimals):
        scale *= 10
    whole = units // scale
    part = units % scale
    digits = 1
    rest = whole // 10
    while rest:
        digits += 1
        rest //= 10
    for i in range(digits - 1, -1, -1):
        text[U(at + i)] = ZERO + whole % 10
        whole //= 10
    at += digits
    if decimals + zeros == 0:
        return at
    text[U(at)] = POINT
    at += 1
    for i in range(decimals - 1, -1, -1):
        text[U(at + i)] = ZERO + part % 10
        part //= 10
    at += decimals
    for i in range(zeros):
        text[U(at + i)] = ZERO
    return at + zeros


@kernel
def write_levels(numbers: Words, messages: Messages, levels: Levels, text: Text, spans: Words) -> None:
    """Write the levels of messages, each message's bids, then its asks.

    Parameters
    ----------
    numbers
        The format: grid; price decimals of a grid unit and zeros behind; size decimals and zeros behind.
    messages, levels
        What to write.
    text
        At least ``MOST_TEXT`` bytes a level.
    spans
        Three words a message come out: begin of its bids, begin of its asks, their end. Levels end with a comma each.
    """
    at = 0
    for m in range(messages.shape[0]):
        message = messages[m]
        for side in range(2):
            spans[U(3 * m + side)] = at
            for i in range(message.begin, message.end):
                level = levels[i]
                if (level.flags & 1) != side:
                    continue
                text[U(at)] = OPEN
                text[U(at + 1)] = QUOTE
                price = level.tick * numbers[GRID]
                at = write_decimal(text, at + 2, price, numbers[PRICE_DECIMALS], numbers[PRICE_ZEROS])
                text[U(at)] = QUOTE
                text[U(at + 1)] = COMMA
                text[U(at + 2)] = QUOTE
                at = write_decimal(text, at + 3, level.size, numbers[SIZE_DECIMALS], numbers[SIZE_ZEROS])
                text[U(at)] = QUOTE
                text[U(at + 1)] = CLOSE
                text[U(at + 2)] = COMMA
                at += 3
        spans[U(3 * m + 2)] = at
