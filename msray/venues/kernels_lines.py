"""Lines of a recording, ``<local receive time> <JSON>``, cut without a Python step a line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.venues.kernels_text import Bytes

Counts = NDArray[np.int64]
U: Any = np.uintp
I64: Any = np.int64

NEW_LINE, RETURN, BLANK = 10, 13, 32
BLOCK = 32
LAST_NANOSECOND = 2**63 - 1


@kernel
def find_new_line(buffer: Bytes, p: int, length: int) -> int:
    """Place of the next line feed in ``buffer[p:length]``, or ``length``."""
    while p + BLOCK <= length:
        found = False
        for j in range(BLOCK):  # without a branch, so that the compiler compares them side by side
            found |= buffer[U(p + j)] == NEW_LINE
        if found:
            break
        p += BLOCK
    while p < length and buffer[U(p)] != NEW_LINE:
        p += 1
    return p


@kernel
def split_lines(buffer: Bytes, length: int, begin: Counts, end: Counts, local_ns: Counts) -> tuple[int, int]:
    """Find the whole lines in ``buffer[:length]`` and read their times.

    Line ``i`` gets its JSON at ``buffer[begin[i]:end[i]]`` and its receive time in ``local_ns[i]``: 13 digits are
    milliseconds, 16 microseconds, 19 nanoseconds. A line that does not start like this has ``begin == end`` and time 0.
    A carriage return at the end is no part of a line.

    Returns the number of lines, at most ``len(begin)``, and the number of bytes they took. What is left is the start of
    a line whose end has not been read yet; a file that does not end with a line feed wants one added.
    """
    lines, p = 0, 0
    while lines < begin.shape[0]:
        stop = find_new_line(buffer, p, length)
        if stop == length:
            break
        value, q = 0, p
        while q < stop and q - p < 19 and np.uint8(buffer[U(q)] - 48) <= 9:
            value = value * 10 + I64(buffer[U(q)]) - 48
            q += 1
        digits = q - p
        scale = 1_000_000 if digits == 13 else 1000 if digits == 16 else 1
        last = stop - 1 if buffer[U(stop - 1)] == RETURN and stop > p else stop
        is_time = (digits == 13 or digits == 16 or digits == 19) and 0 <= value <= LAST_NANOSECOND // scale
        if is_time and q + 1 < last and buffer[U(q)] == BLANK:
            begin[lines], end[lines], local_ns[lines] = q + 1, last, value * scale
        else:
            begin[lines], end[lines], local_ns[lines] = p, p, 0
        lines += 1
        p = stop + 1
    return lines, p
