"""Exact readers of JSON text: the parts that the frame scanners are made of.

All take the bytes and a position, and answer a position: behind what was read, or one of the negative codes below. They
know no length: every loop stops at a byte that cannot belong to what it reads, and the zero bytes that a buffer must
end with are such bytes. Whether a frame ended where it should is for the caller to see. Escapes and bytes above 127 are
left to the slow path.
"""

from typing import Any

import numba.core.types as nbt
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import MAX_SIZE, MAX_TICK, Levels

Bytes = NDArray[np.uint8]

STRUCTURE = -1
"""Not the shape the scanner reads: malformed, or white space, or something nested."""
TEXT = -2
"""An escape, a control character or a byte above 127 in a string."""
NUMBER = -3
"""A number that is not plain digits, or longer than the scanner reads."""
OFF_GRID = -4
"""A price that is no multiple of the instrument's grid."""
RANGE = -5
"""A price, size, time or id that is out of range (a price of zero among them)."""
UNKNOWN_SYMBOL = -6
"""A symbol that no row of the table has."""
KEYS = -7
"""A key that is read is missing, doubled, or belongs to another market."""
EVENT = -8
"""An event that the scanner does not know."""
FULL = -9
"""The table of levels is full."""
BARE_SNAPSHOT = -10
"""A REST snapshot, which does not say whose it is."""
TOO_LONG = -11
"""More than ``MAX_FRAME_BYTES``; not looked at."""

MAX_FRAME_BYTES = 1 << 20
"""Longest frame that is looked at."""
SPARE_BYTES = 64
"""Zero bytes that a buffer must end with, behind the last frame."""
MICROSECONDS_FROM = 10**15
"""Times from here on are microseconds, below milliseconds; no time of 64 bits of nanoseconds can be meant both ways."""
LAST_MILLISECOND, LAST_MICROSECOND = (2**63 - 1) // 10**6, (2**63 - 1) // 10**3

QUOTE, COMMA, MINUS, POINT, ZERO, COLON = 34, 44, 45, 46, 48, 58
OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN, CLOSE = 91, 92, 93, 123, 125
MOST_DIGITS = 18

# Machine integers; what the compiler does with them is not for the type checker to follow.
U: Any = np.uintp
U64: Any = np.uint64
I64: Any = np.int64
ZEROS, ABOVE_NINE, HIGH_BITS = U64(0x3030303030303030), U64(0x7676767676767676), U64(0x8080808080808080)
POWERS = np.array([10**i for i in range(19)])


def _eight_bytes(context: Any, buffer: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.bitcast(builder.gep(array.data, [args[1]]), ir.IntType(64).as_pointer())
        return builder.load(place, align=1)

    return nbt.uint64(buffer, nbt.uintp), generate


def _low_zeros(context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return nbt.int64(nbt.uint64), generate


eight_bytes: Any = intrinsic(_eight_bytes)
"""Eight bytes from any place as one number, the first byte lowest (little-endian machines only)."""
low_zeros: Any = intrinsic(_low_zeros)
"""Number of zero bits below the lowest one; 64 for zero."""


@kernel
def has_spare_bytes(buffer: Bytes) -> bool:
    """Whether the buffer ends with the zero bytes that every reader relies on."""
    size = buffer.shape[0]
    if size < SPARE_BYTES:
        return False
    for j in range(size - SPARE_BYTES, size):
        if buffer[U(j)] != 0:
            return False
    return True


@kernel
def nanoseconds(value: int) -> int:
    """Nanoseconds of a time in milliseconds or microseconds (told apart by size); -1 where 64 bits cannot hold them."""
    if value >= MICROSECONDS_FROM:
        return value * 1000 if value <= LAST_MICROSECOND else -1
    return value * 1_000_000 if value <= LAST_MILLISECOND else -1


@kernel
def skip_string(buffer: Bytes, p: int) -> int:
    """Behind the string whose opening quote is at ``p``."""
    p += 1
    while True:
        c = buffer[U(p)]
        if c == QUOTE:
            return p + 1
        if c < 32 or c > 127 or c == BACKSLASH:
            return TEXT
        p += 1


@kernel
def read_word(buffer: Bytes, p: int) -> tuple[int, int, int, int]:
    """The string whose opening quote is at ``p``, as integers that can be compared whole.

    Returns the first eight bytes, the last eight of the others, all bytes or-ed together (above 127: not ASCII) and the
    position behind. No byte is zero, so a text of less than eight bytes has a head that no other text has, and one of
    up to 15 bytes has such a pair of head and tail.
    """
    p += 1
    head, tail, bits, end = 0, 0, 0, p + 8
    while True:
        c = I64(buffer[U(p)])
        if c == QUOTE:
            return head, tail, bits, p + 1
        if c < 32 or c == BACKSLASH:
            return 0, 0, bits, TEXT
        if p < end:
            head = head << 8 | c
        else:
            tail = tail << 8 | c
        bits |= c
        p += 1


@kernel
def _skip_digits(buffer: Bytes, p: int) -> int:
    while np.uint8(buffer[U(p)] - ZERO) <= 9:
        p += 1
    return p


@kernel
def _skip_number(buffer: Bytes, p: int) -> int:
    """Behind a JSON number of any form."""
    if buffer[U(p)] == MINUS:
        p += 1
    q = _skip_digits(buffer, p)
    if q == p or (q - p > 1 and buffer[U(p)] == ZERO):
        return STRUCTURE
    if buffer[U(q)] == POINT:
        p = q + 1
        q = _skip_digits(buffer, p)
        if q == p:
            return STRUCTURE
    if buffer[U(q)] | 32 == 101:  # e, E
        p = q + 1
        if buffer[U(p)] == MINUS or buffer[U(p)] == 43:
            p += 1
        q = _skip_digits(buffer, p)
        if q == p:
            return STRUCTURE
    return q


@kernel
def read_literal(buffer: Bytes, p: int) -> int:
    """Behind ``true``, ``false`` or ``null``; the first letter tells which."""
    c = buffer[U(p)]
    b, d, e = buffer[U(p + 1)], buffer[U(p + 2)], buffer[U(p + 3)]
    if c == 116 and b == 114 and d == 117 and e == 101:
        return p + 4
    if c == 102 and b == 97 and d == 108 and e == 115 and buffer[U(p + 4)] == 101:
        return p + 5
    if c == 110 and b == 117 and d == 108 and e == 108:
        return p + 4
    return STRUCTURE


@kernel
def skip_scalar(buffer: Bytes, p: int) -> int:
    """Behind a string, number or literal; what is nested is for the slow path."""
    c = buffer[U(p)]
    if c == QUOTE:
        return skip_string(buffer, p)
    if c == MINUS or np.uint8(c - ZERO) <= 9:
        return _skip_number(buffer, p)
    return read_literal(buffer, p)


@kernel
def read_count(buffer: Bytes, p: int) -> tuple[int, int]:
    """A bare whole number of at most 18 digits, and the position behind it."""
    value, start = 0, p
    while True:
        c = I64(buffer[U(p)]) - ZERO
        if U64(c) > U64(9):
            break
        value = value * 10 + c
        p += 1
    digits = p - start
    if digits == 0 or digits > MOST_DIGITS or (digits > 1 and buffer[U(start)] == ZERO):
        return 0, NUMBER
    return value, p


@kernel
def count_digits(digits: Any) -> int:
    """How many of eight bytes, each already less ``"0"``, are digits before the first that is none."""
    count: int = low_zeros(((digits + ABOVE_NINE) | digits) & HIGH_BITS) >> 3
    return count


@kernel
def eight_digits(digits: Any) -> int:
    """The number that eight digits make, the first of them lowest.

    Pairs, then fours, then all eight are joined by one multiplication each (Lemire,
    "SWAR explained: parsing eight digits", 2022).
    """
    pairs = (digits * U64(2561)) >> U64(8)
    fours = ((pairs & U64(0x00FF00FF00FF00FF)) * U64(6553601)) >> U64(16)
    value: int = I64(((fours & U64(0x0000FFFF0000FFFF)) * U64(42949672960001)) >> U64(32))
    return value


@kernel
def read_decimal(buffer: Bytes, p: int, decimals: int) -> tuple[int, int]:
    """A quoted decimal as an integer of ``10**-decimals``, and the position behind the closing quote.

    ``OFF_GRID`` where it has more decimals than that.
    """
    if buffer[U(p)] != QUOTE:
        return 0, STRUCTURE
    p += 1
    value, start = 0, p
    while True:
        c = I64(buffer[U(p)]) - ZERO
        if U64(c) > U64(9):
            break
        value = value * 10 + c
        p += 1
    digits = p - start
    if digits == 0 or digits + decimals > MOST_DIGITS or (digits > 1 and buffer[U(start)] == ZERO):
        return 0, NUMBER
    left = decimals
    if c == POINT - ZERO:
        p += 1
        start = p
        while True:
            c = I64(buffer[U(p)]) - ZERO
            if U64(c) > U64(9):
                break
            if left > 0:
                value = value * 10 + c
                left -= 1
            elif c != 0:
                return 0, OFF_GRID
            p += 1
        if p == start or p - start > MOST_DIGITS:
            return 0, NUMBER
    if c != QUOTE - ZERO:
        return 0, NUMBER
    while left > 0:
        value *= 10
        left -= 1
    return value, p + 1


@kernel
def read_levels(
    buffer: Bytes, p: int, price_decimals: int, grid: int, size_decimals: int, side: int, levels: Levels, n: int
) -> tuple[int, int, int]:
    """Levels ``[["price","size"],...]`` at ``p`` into ``levels[n:]``.

    Returns the position behind, the number of levels then used, and the highest tick among them.

    The two numbers are read eight digits at a time, here and not in a function of their own: a call a number costs half
    as much again as reading it. What does not fit that (long parts, few decimals) goes through :func:`read_decimal`.
    """
    highest = 0
    if buffer[U(p)] != OPEN_LIST:
        return STRUCTURE, n, highest
    p += 1
    if buffer[U(p)] == CLOSE_LIST:
        return p + 1, n, highest
    capacity = levels.shape[0]
    while True:
        if buffer[U(p)] != OPEN_LIST:
            return STRUCTURE, n, highest
        p += 1
        price, size = 0, 0
        for part in range(2):
            decimals = size_decimals if part else price_decimals
            digits = eight_bytes(buffer, U(p + 1)) ^ ZEROS
            count = count_digits(digits)
            whole = digits << U64(64 - 8 * count)
            is_plain = count > 0 and buffer[U(p)] == QUOTE and (count == 1 or digits & U64(255) != 0)
            q = p + 1 + count
            digits = eight_bytes(buffer, U(q + 1)) ^ ZEROS
            places = count_digits(digits)
            if (
                is_plain
                and buffer[U(q)] == POINT
                and buffer[U(q + 1 + places)] == QUOTE
                and places >= decimals
                and decimals > 0
                and (places == decimals or digits << U64(64 - 8 * places) >> U64(64 - 8 * (places - decimals)) == 0)
            ):
                size = eight_digits(whole) * POWERS[U(decimals)] + eight_digits(digits << U64(64 - 8 * decimals))
                p = q + 2 + places
            elif is_plain and buffer[U(q)] == QUOTE and decimals <= 10:
                size = eight_digits(whole) * POWERS[U(decimals)]
                p = q + 1
            else:
                size, p = read_decimal(buffer, p, decimals)
                if p < 0:
                    return RANGE if p == OFF_GRID and part else p, n, highest
            if part == 0:
                price = size
                if buffer[U(p)] != COMMA:
                    return STRUCTURE, n, highest
                p += 1
        if buffer[U(p)] != CLOSE_LIST:
            return STRUCTURE, n, highest
        tick = price
        if grid != 1:
            tick = I64(U64(price) // U64(grid))
            if tick * grid != price:
                return OFF_GRID, n, highest
        if tick == 0 or tick > MAX_TICK or size > MAX_SIZE:
            return RANGE, n, highest
        if n >= capacity:
            return FULL, n, highest
        level = levels[U(n)]
        level.size = size
        level.tick = np.int32(tick)
        level.flags = np.int32(side)
        highest = max(highest, tick)
        n += 1
        c = buffer[U(p + 1)]
        p += 2
        if c == CLOSE_LIST:
            return p, n, highest
        if c != COMMA:
            return STRUCTURE, n, highest


@kernel
def skip_levels(buffer: Bytes, p: int, end: int) -> int:
    """Behind a list of levels that is to be read later, when it is known whose they are.

    It goes by brackets. What :func:`read_levels` accepts has its first ``]]`` at its end, so both end at one place.
    """
    if buffer[U(p + 1)] == CLOSE_LIST:
        return p + 2
    while p < end:
        if buffer[U(p)] == CLOSE_LIST and buffer[U(p + 1)] == CLOSE_LIST:
            return p + 2
        p += 1
    return STRUCTURE
