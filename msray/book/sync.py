"""``BookSync``: messages of one instrument in, a gap-free input log out. No socket, no clock, no book.

::

                    first depth message         snapshot that bridges
       UNSYNCED ----------------------> (buffer) ---------------------> SYNCED
          ^  ^                             |                              |
          |  '------ stale snapshot -------'                              |
          '--------- gap | disconnected | crossed | overflow -------------'

While unsynced, depth **and trades** are buffered together, in the order in which they arrived. When a snapshot bridges,
everything before the first applied depth message is dropped and the rest follows it, so the place at which a snapshot
*arrives* does not matter, only its id. What comes out is the input log that ``PredictionEngine`` folds: SNAPSHOT,
DEPTH, TRADE, GAP, REFRESH, REGRID (``market/events.py``).

A driver asks :meth:`BookSync.wants_snapshot`, fetches, and calls :meth:`BookSync.requested`; an answer comes back
through :meth:`BookSync.feed` like any other message. In a replay nobody asks, and a need that nothing answers is only
counted.

While synced, a requested snapshot is an *audit*: depth messages are kept aside from the request on, the snapshot is
brought forward to the book's own id in a second book, and comes out as REFRESH. That compares the two, heals what a
venue never deleted, and renews the covered range, without a gap.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from msray.book import kernels_sync as k
from msray.book.depth import L2Book
from msray.book.pace import SnapshotPace, SyncLimits
from msray.market import (
    DEPTH,
    GAP,
    LEVEL,
    MAX_TICK,
    MESSAGE,
    REFRESH,
    REGRID,
    REQUEST,
    SNAPSHOT,
    TRADE,
    GapReason,
    Instrument,
    Levels,
    Records,
    concatenate,
)


class SequenceRule(IntEnum):
    """How a venue numbers its depth messages."""

    CONTIGUOUS = 0
    """The first id of a message is the last id of the one before, plus one (Binance spot)."""
    LINKED = 1
    """Ids jump; each message names the last id of the one before (Binance futures, ``pu``)."""


@dataclass(slots=True)
class SyncCounts:
    """What happened so far; all of it grows only."""

    snapshots: int = 0
    snapshots_needed: int = 0
    stale_snapshots: int = 0
    gaps: int = 0
    old_messages: int = 0
    repeated_trades: int = 0
    dropped_messages: int = 0
    audits: int = 0
    audits_unusable: int = 0
    regrids: int = 0


class BookSync:
    """The sequence of one instrument.

    Parameters
    ----------
    instrument
        Whose messages these are.
    rule
        How its venue numbers them (the venue's file quotes the source).
    limits
        Bounds and paces.
    """

    def __init__(self, instrument: Instrument, rule: SequenceRule, limits: SyncLimits | None = None) -> None:
        self.instrument = instrument
        self.rule = rule
        self.limits = limits or SyncLimits()
        self.counts = SyncCounts()
        self.is_synced = False
        self._pace = SnapshotPace(self.limits)
        self._ids = np.zeros(k.SYNC_WORDS, np.int64)
        self._ids[k.SYNC_RULE] = rule
        self._ids[k.SYNC_TRADE_ID] = -1
        self._snapshot: Records | None = None
        self._held: list[Records] = []
        self._held_messages = 0
        self._held_bytes = 0
        self._is_auditing = False
        self._needs_snapshot = False

    @property
    def state(self) -> str:
        """``synced`` or ``unsynced``."""
        return "synced" if self.is_synced else "unsynced"

    @property
    def book_id(self) -> int:
        """Update id of the book; meaningful while synced."""
        return int(self._ids[k.SYNC_BOOK_ID])

    # ---------------------------------------------------------------- messages

    def feed(self, records: Records) -> Iterator[Records]:
        """Take messages in arrival order; yield the parts of the input log they complete.

        A part may be a view of ``records``. The caller may call :meth:`lose` between two parts.

        Parameters
        ----------
        records
            DEPTH, TRADE, SNAPSHOT and REGRID messages of this instrument. Among stored ones may be a GAP, where their
            source knows of one, and a REQUEST, which is :meth:`requested`.
        """
        at, count = 0, len(records)
        while at < count:
            if not self.is_synced:
                yield from self._take_unsynced(records[at : at + 1])
                at += 1
                continue
            # With a snapshot in hand to compare, go message by message: where the answer comes out may not depend on
            # how the messages happened to be batched.
            one_by_one = self._is_auditing and self._snapshot is not None
            stop = int(k.follow(self._ids, records.messages, at, at + 1 if one_by_one else count))
            if stop > at:
                part = records[at:stop]
                if self._is_auditing:
                    self._hold(part)
                yield part
                at = stop
                if one_by_one:
                    yield from self._audit()
            elif self._ids[k.SYNC_STOP] == k.STOP_OLD:
                self.counts.old_messages += 1
                at += 1
            elif self._ids[k.SYNC_STOP] == k.STOP_REPEATED:
                self.counts.repeated_trades += 1
                at += 1
            elif self._ids[k.SYNC_STOP] == k.STOP_GAP:
                yield self.lose(GapReason.SEQUENCE, records[at : at + 1])
            else:
                yield from self._take_synced_special(records[at : at + 1])
                at += 1

    def lose(self, reason: GapReason, at: Records, rest: Records | None = None) -> Records:
        """Give the book up; returns the GAP record that says so.

        Parameters
        ----------
        reason
            Why.
        at
            The message at which it was noticed; the record takes its times.
        rest
            Messages after it that were already handed out and not folded: they are buffered.
        """
        gap = np.zeros(1, MESSAGE)
        if len(at):
            gap[0] = at.messages[0]
        gap["kind"], gap["prev_id"] = GAP, reason
        gap["first_id"] = self.book_id + 1
        gap["begin"] = gap["end"] = 0
        self.counts.gaps += 1
        self._start_over()
        if rest is not None and len(rest):
            trades = rest.messages["first_id"][rest.messages["kind"] == TRADE]
            if len(trades):
                self._ids[k.SYNC_TRADE_ID] = trades[0] - 1
            self._hold(rest)
            self._need_snapshot()
        return Records(gap, np.zeros(0, LEVEL))

    def disconnected(self, local_ns: int) -> list[Records]:
        """The connection is gone: what came after is unknown.

        Returns the GAP record, or nothing where no book was held.
        """
        at = np.zeros(1, MESSAGE)
        at["local_ns"] = local_ns
        self._pace.start(local_ns)
        if self.is_synced:
            return [self.lose(GapReason.DISCONNECTED, Records(at, np.zeros(0, LEVEL)))]
        self._start_over()
        return []

    def _take_synced_special(self, one: Records) -> Iterator[Records]:
        if one.messages["kind"][0] != SNAPSHOT:
            yield from self._take_mark(one)
            return
        self._pace.answered()
        self._snapshot = one.copy()
        self._is_auditing = True
        yield from self._audit()

    def _take_mark(self, one: Records) -> Iterator[Records]:
        """A finer grid, a request, or the source says itself that the book is unknown from here on."""
        message = one.messages[0]
        if message["kind"] == REGRID:
            yield from self._regrid(one)
            return
        if message["kind"] == REQUEST:
            self.requested(int(message["local_ns"]))
            return
        if message["prev_id"] in (GapReason.CLOSED, GapReason.BEGAN):
            self._ids[k.SYNC_TRADE_ID] = -1
        if self.is_synced:
            yield self.lose(GapReason(message["prev_id"]), one)
        else:
            self._start_over()

    def _take_unsynced(self, one: Records) -> Iterator[Records]:
        kind = one.messages["kind"][0]
        if kind in (GAP, REGRID, REQUEST):
            yield from self._take_mark(one)
        elif kind == SNAPSHOT:
            self._pace.answered()
            self._snapshot = one.copy()
            yield from self._bridge()
        else:
            self._hold(one)
            if kind == DEPTH:
                if self._snapshot is None:
                    self._need_snapshot()
                else:
                    yield from self._bridge()

    def _hold(self, part: Records) -> None:
        copy = part.copy()
        self._held.append(copy)
        self._held_messages += len(copy)
        self._held_bytes += copy.messages.nbytes + copy.levels.nbytes
        limits = self.limits
        most = limits.audit_messages if self.is_synced else limits.buffer_messages
        if self._held_messages <= most and self._held_bytes <= limits.buffer_bytes:
            return
        if self.is_synced:
            self.counts.audits_unusable += 1
            self._stop_audit()
        else:
            self.counts.dropped_messages += self._held_messages
            self._drop_held()
            self._need_snapshot(again=True)

    def _bridge(self) -> Iterator[Records]:
        """Join the snapshot in hand to the buffer, if they meet."""
        snapshot = self._snapshot
        if snapshot is None or not self._held:
            return
        held = concatenate(self._held)
        first = int(k.first_after(held.messages, int(snapshot.messages["last_id"][0]), int(self.rule)))
        if first == len(held):  # all older than the snapshot: they will never be needed
            self.counts.dropped_messages += first
            self._drop_held()
            return
        if first < 0:
            self._snapshot = None
            self.counts.stale_snapshots += 1
            self._pace.wait(int(held.messages["local_ns"][-1]))
            self._need_snapshot(again=True)
            return
        rest = held[first:]
        self.counts.dropped_messages += first
        self._synced(snapshot, rest)
        yield snapshot
        # The first message may repeat the snapshot's own id, which the rule for later ones would call old.
        self._ids[k.SYNC_BOOK_ID] = rest.messages["last_id"][0]
        yield rest[:1]
        yield from self.feed(rest[1:])

    def _synced(self, snapshot: Records, rest: Records) -> None:
        self.is_synced = True
        self.counts.snapshots += 1
        self._snapshot = None
        self._needs_snapshot = False
        self._drop_held()
        self._ids[k.SYNC_BOOK_ID] = snapshot.messages["last_id"][0]
        self._pace.synced(int(rest.messages["local_ns"][0]))

    def _audit(self) -> Iterator[Records]:
        """Bring the snapshot in hand forward to the book's id and hand it out as REFRESH, once the two meet."""
        snapshot = self._snapshot
        if snapshot is None or not self.is_synced:
            return
        held = concatenate(self._held) if self._held else snapshot[:0]
        snapshot_id = int(snapshot.messages["last_id"][0])
        first = int(k.first_after(held.messages, snapshot_id, int(self.rule)))
        if first == len(held) and snapshot_id > self.book_id:
            return  # the stream has not come as far as the snapshot yet
        self._stop_audit()
        if first < 0 or (first == len(held) and snapshot_id < self.book_id):
            self.counts.audits_unusable += 1
            return
        self.counts.audits += 1
        yield self._refreshed(snapshot, held[first:])

    def _refreshed(self, snapshot: Records, later: Records) -> Records:
        """The snapshot with later messages applied, as one REFRESH record at the book's id."""
        row = snapshot.messages[0]
        shadow = L2Book(self.instrument)
        shadow.load(snapshot.levels[row["begin"] : row["end"]], int(row["first_id"]))
        shadow.replay(later)
        levels = shadow.levels()
        refresh = snapshot.messages.copy()
        refresh["kind"], refresh["last_id"] = REFRESH, self.book_id
        refresh["begin"], refresh["end"] = 0, len(levels)
        return Records(refresh, levels)

    def _regrid(self, one: Records) -> Iterator[Records]:
        """Pass a finer grid on, and put what is held on it."""
        message = one.messages[0]
        self.counts.regrids += 1
        self.instrument = self.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
        if self.is_synced:
            self._stop_audit()
        for held in [*self._held, *([self._snapshot] if self._snapshot else [])]:
            _put_on_finer_grid(held.levels, int(message["prev_id"]))
        yield one

    # ---------------------------------------------------------------- snapshots

    def wants_snapshot(self, now_ns: int) -> bool:
        """Whether a driver should fetch a snapshot now; ``now_ns`` is local time."""
        if self._pace.is_overdue(now_ns):
            self.failed(now_ns)
        if self._snapshot is not None:  # one is in hand, the stream has to meet it
            return False
        return self._pace.is_due(now_ns, is_synced=self.is_synced, is_needed=self._needs_snapshot)

    def wish_audit(self) -> None:
        """A fresh snapshot is of use before the next audit is due: the touch comes near the edge of what is known."""
        self._pace.wish()

    def requested(self, now_ns: int) -> None:
        """A snapshot has been asked for. From here on, depth messages are kept for an audit while synced."""
        self._pace.asked(now_ns)
        if self.is_synced:
            self._stop_audit()
            self._is_auditing = True

    def failed(self, now_ns: int) -> None:
        """The snapshot that was asked for will not come, or too late to wait for it."""
        self._pace.answered()
        self._pace.wait(now_ns)

    def _need_snapshot(self, *, again: bool = False) -> None:
        if again or not self._needs_snapshot:
            self.counts.snapshots_needed += 1
        self._needs_snapshot = True

    def _start_over(self) -> None:
        self.is_synced = False
        self._needs_snapshot = False
        self._pace.answered()
        self._stop_audit()

    def _stop_audit(self) -> None:
        self._is_auditing = False
        self._snapshot = None
        self._drop_held()

    def _drop_held(self) -> None:
        self._held.clear()
        self._held_messages = self._held_bytes = 0


def _put_on_finer_grid(levels: Levels, factor: int) -> None:
    """Multiply ticks in place. A level that no tick can hold any more becomes the removal of one that is not there."""
    is_far = levels["tick"] > MAX_TICK // factor
    levels["size"][is_far], levels["tick"][is_far] = 0, MAX_TICK // factor
    levels["tick"] *= factor
