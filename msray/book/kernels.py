"""An exact L2 book of unlimited depth in one ``int64`` arena.

Prices are ticks 0 to ``2**31 - 2``. A side is a directory of *blocks* (64 pages, made on demand), a block is 64 *pages*
(made on demand), a page is the sizes of 64 neighbouring ticks. Every directory and block entry is a pair of words:
where the thing lies, and a bitmap of what is occupied in it; above the directory one more bitmap says which blocks
exist. So "the next occupied tick" is at most four count-zero instructions, the book never moves a window and has no far
path.

Arena::

    header | block bitmap, bid, ask | directory, bid, ask: (block, page bitmap)
           | blocks: 64 x (page, occupancy) | pages: 64 sizes

Block and page number 0 mean "none". Free ones are chained through their first word.

When storage runs out inside a message, ``apply`` says so; the caller grows the arena (``depth.py``) and makes the same
call again, which goes on at the level where the first one stopped.

No book is uncrossed here: the venue's own sequence is exact, and removing "crossed" levels inside a message is not.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

import numba.core.types as nbt
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import DEPTH, EDGE, Levels, Messages

Arena = NDArray[Any]

BEST_BID, BEST_ASK = 0, 1
BID_EDGE, ASK_EDGE = 2, 3
BLOCKS_PER_SIDE, BITMAP_WORDS = 4, 5
BITMAP_AT, DIRECTORY_AT, BLOCKS_AT, PAGES_AT = 6, 7, 8, 9
BLOCK_CAPACITY, BLOCKS_USED, BLOCK_FREE = 10, 11, 12
PAGE_CAPACITY, PAGES_USED, PAGE_FREE = 13, 14, 15
UNKNOWN_DELETES, CHANGES, APPLIED = 16, 17, 18
HEADER = 64

BLOCK_WORDS = 128
PAGE_WORDS = 64
NO_BID = -1
NO_ASK = 2**31 - 1

# Machine integers; what the compiler does with them is not for the type checker to follow.
U: Any = np.uintp
U64: Any = np.uint64
I64: Any = np.int64
ONE: Any = np.uint64(1)
ALL: Any = np.uint64(0xFFFFFFFFFFFFFFFF)
NIL: Any = np.uint64(0)


def _lowest_bit(context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return nbt.int64(nbt.uint64), generate


def _highest_bit(context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zeros = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 1))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return nbt.int64(nbt.uint64), generate


lowest_bit: Any = intrinsic(_lowest_bit)
"""Position of the lowest set bit of a ``uint64`` that is not 0."""
highest_bit: Any = intrinsic(_highest_bit)
"""Position of the highest set bit of a ``uint64`` that is not 0."""


@kernel
def at_or_below(book: Arena, side: int, tick: int) -> int:
    """Highest occupied tick of a side that is at most ``tick``; ``NO_BID`` if there is none."""
    if tick < 0:
        return NO_BID
    q = tick >> 12
    n = book[BLOCKS_PER_SIDE]
    directory = book[DIRECTORY_AT] + 2 * side * n
    if q >= n:
        q = n - 1
        r = I64(63)
        low = I64(63)
    else:
        r = (tick >> 6) & 63
        low = tick & 63
    entry = U(directory + 2 * q)
    block = book[entry]
    if block != 0:
        base = book[BLOCKS_AT] + block * BLOCK_WORDS
        word = U64(book[U(base + 2 * r + 1)]) & (ALL >> U64(63 - low))
        if word != NIL:
            return (q << 12) + (r << 6) + highest_bit(word)
        word = U64(book[entry + U(1)]) & ((ONE << U64(r)) - ONE)
        if word != NIL:
            r = highest_bit(word)
            return (q << 12) + (r << 6) + highest_bit(U64(book[U(base + 2 * r + 1)]))
    bitmap = book[BITMAP_AT] + side * book[BITMAP_WORDS]
    x = q >> 6
    word = U64(book[U(bitmap + x)]) & ((ONE << U64(q & 63)) - ONE)
    while word == NIL:
        if x == 0:
            return NO_BID
        x -= 1
        word = U64(book[U(bitmap + x)])
    q = (x << 6) + highest_bit(word)
    entry = U(directory + 2 * q)
    r = highest_bit(U64(book[entry + U(1)]))
    base = book[BLOCKS_AT] + book[entry] * BLOCK_WORDS
    return (q << 12) + (r << 6) + highest_bit(U64(book[U(base + 2 * r + 1)]))


@kernel
def at_or_above(book: Arena, side: int, tick: int) -> int:
    """Lowest occupied tick of a side that is at least ``tick``; ``NO_ASK`` if there is none."""
    if tick < 0:
        tick = 0
    q = tick >> 12
    n = book[BLOCKS_PER_SIDE]
    if q >= n:
        return NO_ASK
    directory = book[DIRECTORY_AT] + 2 * side * n
    r = (tick >> 6) & 63
    entry = U(directory + 2 * q)
    block = book[entry]
    if block != 0:
        base = book[BLOCKS_AT] + block * BLOCK_WORDS
        low = U64(tick & 63)
        word = (U64(book[U(base + 2 * r + 1)]) >> low) << low
        if word != NIL:
            return (q << 12) + (r << 6) + lowest_bit(word)
        if r < 63:
            word = U64(book[entry + U(1)]) & (ALL << U64(r + 1))
            if word != NIL:
                r = lowest_bit(word)
                return (q << 12) + (r << 6) + lowest_bit(U64(book[U(base + 2 * r + 1)]))
    bitmap = book[BITMAP_AT] + side * book[BITMAP_WORDS]
    words = book[BITMAP_WORDS]
    q += 1
    x = q >> 6
    if x >= words:
        return NO_ASK
    word = U64(book[U(bitmap + x)]) & (ALL << U64(q & 63))
    while word == NIL:
        x += 1
        if x >= words:
            return NO_ASK
        word = U64(book[U(bitmap + x)])
    q = (x << 6) + lowest_bit(word)
    entry = U(directory + 2 * q)
    r = lowest_bit(U64(book[entry + U(1)]))
    base = book[BLOCKS_AT] + book[entry] * BLOCK_WORDS
    return (q << 12) + (r << 6) + lowest_bit(U64(book[U(base + 2 * r + 1)]))


@kernel
def size_at(book: Arena, side: int, tick: int) -> int:
    """Size resting at a tick of a side, 0 if none."""
    q = tick >> 12
    if tick < 0 or q >= book[BLOCKS_PER_SIDE]:
        return 0
    block = book[U(book[DIRECTORY_AT] + 2 * (side * book[BLOCKS_PER_SIDE] + q))]
    if block == 0:
        return 0
    page = book[U(book[BLOCKS_AT] + block * BLOCK_WORDS + 2 * ((tick >> 6) & 63))]
    if page == 0:
        return 0
    return I64(book[U(book[PAGES_AT] + (page << 6) + (tick & 63))])


@kernel
def apply(book: Arena, levels: Levels, begin: int, end: int) -> bool:
    """Set levels ``begin`` to ``end``, one message.

    Returns False when storage ran out: grow the arena and make the same call again, it goes on where this one stopped.
    """
    best_bid = book[BEST_BID]
    best_ask = book[BEST_ASK]
    n = book[BLOCKS_PER_SIDE]
    directory = book[DIRECTORY_AT]
    blocks = book[BLOCKS_AT]
    pages = book[PAGES_AT]
    unknown = 0
    start = begin + book[APPLIED]
    i = start
    while i < end:
        level = levels[i]
        tick = I64(level.tick)
        size = level.size
        flags = level.flags
        side = I64(flags & 1)
        q = tick >> 12
        if U64(q) >= U64(n):
            break
        entry = U(directory + 2 * (side * n + q))
        r = (tick >> 6) & 63
        bit = ONE << U64(tick & 63)
        block = book[entry]
        if size != 0:
            slot = U(blocks + block * BLOCK_WORDS + 2 * r)
            page = book[slot] if block != 0 else I64(0)
            if page == 0:
                page = book[PAGE_FREE]
                if page == 0 and book[PAGES_USED] == book[PAGE_CAPACITY]:
                    break
                if block == 0:
                    block = book[BLOCK_FREE]
                    if block != 0:
                        book[BLOCK_FREE] = book[U(blocks + block * BLOCK_WORDS)]
                        book[U(blocks + block * BLOCK_WORDS)] = 0
                    elif book[BLOCKS_USED] < book[BLOCK_CAPACITY]:
                        block = book[BLOCKS_USED]
                        book[BLOCKS_USED] = block + 1
                    else:
                        break
                    book[entry] = block
                    slot = U(blocks + block * BLOCK_WORDS + 2 * r)
                    word_at = U(book[BITMAP_AT] + side * book[BITMAP_WORDS] + (q >> 6))
                    book[word_at] = I64(U64(book[word_at]) | (ONE << U64(q & 63)))
                if page != 0:
                    book[PAGE_FREE] = book[U(pages + (page << 6))]
                    book[U(pages + (page << 6))] = 0
                else:
                    page = book[PAGES_USED]
                    book[PAGES_USED] = page + 1
                book[slot] = page
                book[entry + U(1)] = I64(U64(book[entry + U(1)]) | (ONE << U64(r)))
            book[U(pages + (page << 6) + (tick & 63))] = size
            book[slot + U(1)] = I64(U64(book[slot + U(1)]) | bit)
            if side == 0:
                if tick > best_bid:
                    best_bid = tick
            elif tick < best_ask:
                best_ask = tick
        elif block == 0:
            unknown += 1
        else:
            slot = U(blocks + block * BLOCK_WORDS + 2 * r)
            word = U64(book[slot + U(1)])
            if word & bit == NIL:
                unknown += 1
            else:
                page = book[slot]
                word &= ~bit
                book[slot + U(1)] = I64(word)
                book[U(pages + (page << 6) + (tick & 63))] = 0
                if word == NIL:
                    book[slot] = 0
                    book[U(pages + (page << 6))] = book[PAGE_FREE]
                    book[PAGE_FREE] = page
                    in_block = U64(book[entry + U(1)]) & ~(ONE << U64(r))
                    book[entry + U(1)] = I64(in_block)
                    if in_block == NIL:
                        book[entry] = 0
                        book[U(blocks + block * BLOCK_WORDS)] = book[BLOCK_FREE]
                        book[BLOCK_FREE] = block
                        word_at = U(book[BITMAP_AT] + side * book[BITMAP_WORDS] + (q >> 6))
                        book[word_at] = I64(U64(book[word_at]) & ~(ONE << U64(q & 63)))
                if side == 0:
                    if tick == best_bid:
                        best_bid = at_or_below(book, 0, tick)
                elif tick == best_ask:
                    best_ask = at_or_above(book, 1, tick)
        if flags & EDGE:
            if side == 0:
                book[BID_EDGE] = tick if size != 0 else NO_BID
            else:
                book[ASK_EDGE] = tick if size != 0 else NO_ASK
        i += 1
    book[BEST_BID] = best_bid
    book[BEST_ASK] = best_ask
    book[UNKNOWN_DELETES] += unknown
    book[CHANGES] += i - start
    book[APPLIED] = 0 if i == end else i - begin
    return i == end


@kernel
def top(book: Arena, n: int, out: Arena, at: int) -> None:
    """Write the best ``n`` covered levels of both sides, best first, to ``out[at:]``.

    Layout: ``n`` bid ticks, ``n`` bid sizes, ``n`` ask ticks, ``n`` ask sizes, number of bids, number of asks. Words
    behind a side's number keep what they held.
    """
    pages = book[PAGES_AT]
    blocks = book[BLOCKS_AT]
    k = 0
    tick = book[BEST_BID]
    edge = book[BID_EDGE]
    while k < n and tick >= edge and tick >= 0:
        entry = U(book[DIRECTORY_AT] + 2 * (tick >> 12))
        slot = U(blocks + book[entry] * BLOCK_WORDS + 2 * ((tick >> 6) & 63))
        page = pages + (book[slot] << 6)
        word = U64(book[slot + U(1)]) & (ALL >> U64(63 - (tick & 63)))
        base = (tick >> 6) << 6
        while word != NIL and k < n:
            low = highest_bit(word)
            word ^= ONE << U64(low)
            if base + low < edge:
                break
            out[U(at + k)] = base + low
            out[U(at + n + k)] = book[U(page + low)]
            k += 1
        if k < n:
            tick = at_or_below(book, 0, base - 1)
    out[U(at + 4 * n)] = k
    k = 0
    tick = book[BEST_ASK]
    edge = book[ASK_EDGE]
    while k < n and tick <= edge and tick < NO_ASK:
        entry = U(book[DIRECTORY_AT] + 2 * (book[BLOCKS_PER_SIDE] + (tick >> 12)))
        slot = U(blocks + book[entry] * BLOCK_WORDS + 2 * ((tick >> 6) & 63))
        page = pages + (book[slot] << 6)
        word = (U64(book[slot + U(1)]) >> U64(tick & 63)) << U64(tick & 63)
        base = (tick >> 6) << 6
        while word != NIL and k < n:
            low = lowest_bit(word)
            word &= word - ONE
            if base + low > edge:
                break
            out[U(at + 2 * n + k)] = base + low
            out[U(at + 3 * n + k)] = book[U(page + low)]
            k += 1
        if k < n:
            tick = at_or_above(book, 1, base + 64)
    out[U(at + 4 * n + 1)] = k


@kernel
def collect(book: Arena, side: int, out: Levels) -> int:
    """Write the levels of a side, best first, into ``out`` until it is full; returns their number."""
    count = 0
    tick = book[BEST_BID] if side == 0 else book[BEST_ASK]
    while count < out.shape[0] and tick >= 0 and tick != NO_ASK:
        level = out[count]
        level.tick = np.int32(tick)
        level.size = size_at(book, side, tick)
        level.flags = np.int32(side)
        count += 1
        tick = at_or_below(book, 0, tick - 1) if side == 0 else at_or_above(book, 1, tick + 1)
    return count


@kernel
def replay(book: Arena, messages: Messages, levels: Levels, begin: int, bests: Arena) -> int:
    """Apply depth messages from ``begin`` on; other kinds are passed over.

    Parameters
    ----------
    bests
        ``(n, 4)``, a row a message: best bid tick, size, best ask tick, size after it. Of length 0: not wanted.

    Returns the index reached; short of all of them, grow the arena and go on from there.
    """
    for m in range(begin, messages.shape[0]):
        message = messages[m]
        if message.kind != DEPTH:
            continue
        if not apply(book, levels, message.begin, message.end):
            return m
        if bests.shape[0] > 0:
            bests[m, 0] = book[BEST_BID]
            bests[m, 1] = size_at(book, 0, book[BEST_BID])
            bests[m, 2] = book[BEST_ASK]
            bests[m, 3] = size_at(book, 1, book[BEST_ASK])
    return messages.shape[0]
