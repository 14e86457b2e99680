"""The truth: the exact book of an instrument, now and after each of its last depth messages."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from msray.book import BookSync, L2Book, SequenceRule, SyncLimits
from msray.errors import UnavailableError, UsageError
from msray.market import DEPTH, GAP, REGRID, SNAPSHOT, Instrument, Levels, Records
from msray.venues import Decoder, Frames

HISTORY = 2_000
"""Depth messages that the past reaches back."""

_BATCH = 256


@dataclass(frozen=True, slots=True)
class BookView:
    """A book at one update id.

    Attributes
    ----------
    instrument
        The one on whose grid the levels are.
    update_id
        Last id of the depth message it stands behind.
    event_ns
        Exchange time of that message.
    levels
        Bids, best first, then asks, best first.
    """

    instrument: Instrument
    update_id: int
    event_ns: int
    levels: Levels

    def side(self, side: int, limit: int | None = None) -> Levels:
        """The best levels of a side, all by default."""
        own: Levels = self.levels[(self.levels["flags"] & 1) == side]
        return own[:limit]

    def cut(self, limit: int) -> Levels:
        """At most so many levels a side."""
        return np.concatenate([self.side(0, limit), self.side(1, limit)])


class UnknownIdError(UsageError):
    """The past does not reach to an update id, or no depth message ended there.

    Parameters
    ----------
    update_id
        What was asked for.
    first, last
        The ids it reaches from and to.
    """

    code = "unknown_id"

    def __init__(self, update_id: int, first: int, last: int) -> None:
        super().__init__(f"id must be the last id of a depth message from {first} to {last}, got {update_id}")
        self.first = first
        self.last = last


class TrueBook:
    """The exact book of one instrument, now and after each of the last depth messages.

    Messages are taken as they are on the wire and read many at a time: a book that nobody asks for costs a microsecond
    or two a message.

    Parameters
    ----------
    instrument
        Whose book it is.
    rule
        How its venue numbers depth messages.
    history
        Depth messages that the past reaches back, at least.
    """

    def __init__(self, instrument: Instrument, rule: SequenceRule, history: int = HISTORY) -> None:
        self._decoder = Decoder([instrument])
        self._sync = BookSync(instrument, rule, SyncLimits(audit_every_ns=0, buffer_messages=10_000))
        self._history = history
        self._waiting: list[bytes] = []
        self._base: L2Book | None = None
        self._base_id = self._base_ns = 0
        self._parts: deque[Records] = deque()
        self._kept = 0

    def take(self, message: bytes) -> None:
        """Take a depth message, as JSON."""
        self._waiting.append(message)
        if len(self._waiting) >= _BATCH:
            self._settle()

    def restart(self, snapshot: bytes) -> None:
        """Take a snapshot, as JSON; it makes a book where none is known."""
        self._settle()
        if self._sync.is_synced:
            return
        for records in self._decode([snapshot]):
            for at in range(len(records)):
                one = records[at : at + 1]
                if one.messages["kind"][0] == SNAPSHOT:
                    self._load(one)
                self._feed(one)

    @property
    def has_joined(self) -> bool:
        """Whether depth messages have ever followed a snapshot."""
        self._settle()
        return self._sync.counts.snapshots > 0

    def ids(self) -> list[int]:
        """Update ids that can be asked for, oldest first; none as long as there is no book."""
        self._settle()
        if self._base is None:
            return []
        depths = (part.messages[part.messages["kind"] == DEPTH] for part in self._parts)
        return [self._base_id, *(last_id for depth in depths for last_id in depth["last_id"].tolist())]

    def view(self, update_id: int | None = None) -> BookView:
        """The book after the depth message that ends at an id, by default now.

        Raises
        ------
        UnavailableError
            As long as there is no book.
        UnknownIdError
            If the past does not reach there, or no message ended there.
        """
        ids = self.ids()
        if self._base is None:
            raise UnavailableError(f"no book of {self._sync.instrument.id}: no snapshot has come")
        if update_id is None:
            update_id = ids[-1]
        elif update_id not in ids:
            raise UnknownIdError(update_id, ids[0], ids[-1])
        book = L2Book(self._base.instrument)
        book.arena = self._base.arena.copy()
        event_ns = self._base_ns
        if update_id != self._base_id:
            for part in self._parts:
                at, event_ns = _forward(book, part, update_id)
                if at == update_id:
                    break
        return BookView(book.instrument, update_id, event_ns, book.levels())

    def _settle(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for records in self._decode(waiting):
                self._feed(records)

    def _decode(self, messages: Sequence[bytes]) -> list[Records]:
        return self._decoder.decode(Frames.of(messages, hint=0)).parts

    def _feed(self, records: Records) -> None:
        for part in self._sync.feed(records):
            kind = part.messages["kind"][0]
            if kind == SNAPSHOT:
                self._load(part)
            elif kind == GAP:
                self._base = None
                self._forget()
            elif self._base is not None:
                self._parts.append(part.copy())
                self._kept += len(part)
        while self._base is not None and self._parts and self._kept - len(self._parts[0]) >= self._history:
            part = self._parts.popleft()
            self._kept -= len(part)
            self._base_id, self._base_ns = _forward(self._base, part)

    def _load(self, snapshot: Records) -> None:
        row = snapshot.messages[0]
        self._base = L2Book(self._sync.instrument)
        self._base.load(snapshot.levels[row["begin"] : row["end"]], int(row["first_id"]))
        self._base_id, self._base_ns = int(row["last_id"]), int(row["event_ns"])
        self._forget()

    def _forget(self) -> None:
        self._parts.clear()
        self._kept = 0


def _forward(book: L2Book, part: Records, until_id: int | None = None) -> tuple[int, int]:
    """Apply messages up to an id, by default all; returns id and time of the last depth message applied."""
    last_id = event_ns = 0
    names = ["kind", "event_ns", "first_id", "last_id", "prev_id", "begin", "end"]
    for kind, at_ns, first, last, previous, begin, end in part.messages[names].tolist():
        if kind == REGRID:
            book.regrid(book.instrument.regridded(first, last), previous)
            continue
        book.apply(part.levels, begin, end)
        last_id, event_ns = last, at_ns
        if last_id == until_id:
            break
    return last_id, event_ns
