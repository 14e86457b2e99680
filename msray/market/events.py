"""The one record layout, from socket to disk: a table of messages over a table of levels.

A *message* is one row of ``MESSAGE`` (64 bytes, one cache line). Its price levels are the rows ``begin`` to ``end`` of
a ``LEVEL`` table (16 bytes each). Every driver - live socket, replay, tests - moves exactly this.

==========  ==========================================================================================
kind        what the row means; what its ids hold
==========  ==========================================================================================
OTHER       known to the venue, of no use to the book (a quote ticker, an answer to a subscription)
DEPTH       absolute sizes of changed levels; first, last and previous update id of the venue, the last of these only
            where the venue links its messages by it
TRADE       one trade, its price and size are one level; ``first_id`` is the trade's id
SNAPSHOT    a whole book: a new epoch; ``last_id`` its update id, ``first_id`` the levels asked for a side (0: all)
REFRESH     a fresh whole book for the same epoch, at exactly the id the book has; ids as in SNAPSHOT
GAP         the book is unknown until the next SNAPSHOT; ``prev_id`` says why (``GapReason``)
REGRID      prices need a finer grid: ``first_id`` new price decimals, ``last_id`` new grid, ``prev_id`` factor
REQUEST     a snapshot was asked for at ``local_ns``; only where what arrived is stored
==========  ==========================================================================================

Where a venue tells order by order, the level that one order changed, or was executed at, has the flag ``ORDER``, and
``prev_id`` of its DEPTH or TRADE message says since when that order stands there: the ``last_id`` of the DEPTH message
that added it. Negative: that is not known, but by the message of this id, without its sign, it stood there.

Times are nanoseconds since 1970 UTC, 0 where the venue gives none. Sizes are integers at the instrument's size
decimals, prices are ticks of its grid (:class:`~msray.market.instrument.Instrument` alone converts).
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from msray.market import kernels

OTHER, DEPTH, TRADE, SNAPSHOT, GAP, REFRESH, REGRID, REQUEST = range(8)

ASK = 1
"""Level flag: the level rests on the ask side (book messages)."""
EDGE = 2
"""Level flag: nothing beyond this level is known from now on; of size 0: the side is known to its end (DEPTH)."""
SELL = 1
"""Level flag: the seller was the aggressor (trades)."""
UNSIGNED = 2
"""Level flag: nobody says who was the aggressor (trades)."""
ORDER = 4
"""Level flag: one order made this change, or was executed; ``prev_id`` of the message says since when it stands."""

MESSAGE = np.dtype(
    [
        ("kind", "i4"),
        ("instrument", "i4"),
        ("event_ns", "i8"),
        ("trade_ns", "i8"),
        ("local_ns", "i8"),
        ("first_id", "i8"),
        ("last_id", "i8"),
        ("prev_id", "i8"),
        ("begin", "i4"),
        ("end", "i4"),
    ]
)
LEVEL = np.dtype([("size", "i8"), ("tick", "i4"), ("flags", "i4")])

Messages = NDArray[np.void]
Levels = NDArray[np.void]

MAX_TICK = 2**31 - 2
"""Largest price in ticks that a level can hold."""
MAX_SIZE = 2**58
"""Largest size, at the instrument's decimals, that is taken from a venue."""


class GapReason(IntEnum):
    """Why a book became unknown."""

    SEQUENCE = 1
    DISCONNECTED = 2
    CROSSED = 3
    CLOSED = 4
    """The market closed: a day ended, or trading was halted. What follows may number its trades anew."""
    BEGAN = 5
    """Recording began: what was before is not known, nor how its trades were numbered."""


@dataclass(frozen=True, slots=True)
class Records:
    """A batch of messages with the levels they point into.

    Attributes
    ----------
    messages
        Array of ``MESSAGE``, in the order in which they arrived.
    levels
        Array of ``LEVEL``; message ``m`` owns ``levels[m["begin"]:m["end"]]``.
    """

    messages: Messages
    levels: Levels

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, rows: slice) -> "Records":
        return Records(self.messages[rows], self.levels)

    def copy(self) -> "Records":
        """The same records, owning only the levels they point to, in message order."""
        messages = self.messages.copy()
        levels = np.empty(int((messages["end"] - messages["begin"]).sum()), LEVEL)
        kernels.gather_levels(self.messages, self.levels, messages, levels)
        return Records(messages, levels)

    def read_only(self) -> "Records":
        """The same records, which cannot be changed through these; kernels see one type, whoever owns the memory."""
        messages, levels = self.messages.view(), self.levels.view()
        messages.flags.writeable = levels.flags.writeable = False
        return Records(messages, levels)

    def by_instrument(self, instruments: int) -> list[tuple[int, "Records"]]:
        """The records of each of so many instruments that has any, in the order in which they arrived."""
        if len(self) == 0:
            return []
        messages, ends = np.empty_like(self.messages), np.empty(instruments, np.int64)
        kernels.group(self.messages, messages, ends)
        bounds = [0, *ends.tolist()]
        return [
            (number, Records(messages[begin:end], self.levels))
            for number, (begin, end) in enumerate(pairwise(bounds))
            if begin < end
        ]


def concatenate(parts: list[Records]) -> Records:
    """Join batches into one, levels moved behind each other.

    Parameters
    ----------
    parts
        At least one batch.

    Returns
    -------
    Records
        All messages in order, pointing into one level table.
    """
    if len(parts) == 1:
        return parts[0]
    messages = np.concatenate([part.messages for part in parts])
    start, offset = 0, 0
    for part in parts:
        rows = messages[start : start + len(part)]
        rows["begin"] += offset
        rows["end"] += offset
        start += len(part)
        offset += len(part.levels)
    return Records(messages, np.concatenate([part.levels for part in parts]))
