"""Which instruments a scanner reads for, and the words it compares whole."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.venues.kernels_text import Bytes

SYMBOL = np.dtype(
    [
        ("head", "i8"),
        ("tail", "i8"),
        ("grid", "i8"),
        ("highest", "i8"),
        ("length", "i4"),
        ("market", "i4"),
        ("price_decimals", "i4"),
        ("size_decimals", "i4"),
        ("text", "u1", (256,)),
    ]
)
"""One row an instrument: its symbol (the whole text; ``head`` and ``tail`` as ``read_word`` reads it), its market, its
numbers, and the highest tick seen so far, which a finer grid must still hold."""

SPOT, USDM, COINM = range(3)
"""Market of a row of ``SYMBOL``."""

Symbols = NDArray[np.void]
U: Any = np.uintp


def word(text: str) -> tuple[int, int]:
    """The two numbers that ``read_word`` finds for a text."""
    head = tail = 0
    for i, byte in enumerate(text.encode()):
        if i < 8:
            head = head << 8 | byte
        else:
            tail = (tail << 8 | byte) & 0xFFFFFFFFFFFFFFFF
    signed = [x - (1 << 64) if x >> 63 else x for x in (head, tail)]
    return signed[0], signed[1]


@kernel
def find_symbol(buffer: Bytes, start: int, length: int, head: int, tail: int, symbols: Symbols) -> int:
    """Row of the symbol whose text is at ``start``, or -1."""
    for row in range(symbols.shape[0]):
        symbol = symbols[U(row)]
        if symbol.head == head and symbol.tail == tail and symbol.length == length:
            same = True
            for j in range(8, length - 8):  # head and tail are the others
                same &= symbol.text[U(j)] == buffer[U(start + j)]
            if same:
                return row
    return -1
