"""``StreamHub``: what is new in signals, books and predictions, once for all who listen. Knows no socket or clock.

Signals are pages of frames, cut by ``seq``, so a reader keeps nothing but its place: one that is late, or comes back
with ``resume_from``, reads the same pages later and misses none. Of a book, and of what is predicted of an instrument,
only the newest version is kept: a reader that is late skips some and is told how many.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from msray.api.stream_latest import BOOK, PREDICTION, Frame, Latest, LatestReader
from msray.store.ledger_records import StoredSignal

SCHEMA = "msray.stream/1"
PAGE = 128
"""Places in a page of signals."""
_PAGES_KEPT = 32

_encode = msgspec.json.Encoder().encode


class Topic(StrEnum):
    """What can be listened to."""

    SIGNALS = "signals"
    BOOKS = "books"
    PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a reader wants.

    Attributes
    ----------
    topics
        At least one.
    instruments, signal_types
        Only these; None for all.
    depth
        Levels of a side of a book.
    resume_from
        ``seq`` of the last signal it has; None to begin with the next one.
    """

    topics: frozenset[Topic] = frozenset({Topic.SIGNALS})
    instruments: frozenset[str] | None = None
    signal_types: frozenset[str] | None = None
    depth: int = 20
    resume_from: int | None = None


class _Entry(NamedTuple):
    seq: int
    instrument: str
    signal_type: str
    frame: Frame


class SignalPages:
    """Signals as frames, in pages of ``PAGE`` places: the newest page, and those that somebody asked for last.

    Attributes
    ----------
    newest
        ``seq`` up to which everything can be read.
    """

    def __init__(self) -> None:
        self.newest = 0
        self._pages: OrderedDict[int, list[_Entry]] = OrderedDict()

    def start_at(self, seq: int) -> None:
        """Forget everything; what is added next follows the last full page at or before ``seq``."""
        self._pages.clear()
        self.newest = seq - seq % PAGE

    def add(self, rows: Sequence[StoredSignal]) -> None:
        """Take the signals that follow ``newest``, in order."""
        for row in rows:
            self._pages.setdefault((row.seq - 1) // PAGE, []).append(_entry(row))
            self.newest = row.seq
        self._forget()

    def put(self, number: int, rows: Sequence[StoredSignal]) -> None:
        """Take a page that was missing: what the ledger has after place ``number * PAGE``."""
        end = (number + 1) * PAGE
        self._pages[number] = [_entry(row) for row in rows if row.seq <= end]
        self._forget()

    def page(self, number: int) -> list[_Entry] | None:
        """A page, None where it is missing."""
        if number in self._pages:
            self._pages.move_to_end(number)
        return self._pages.get(number)

    def _forget(self) -> None:
        tail = (self.newest - 1) // PAGE  # still growing: nobody could read the rest of it elsewhere
        if tail in self._pages:
            self._pages.move_to_end(tail)
        while len(self._pages) > _PAGES_KEPT:
            self._pages.popitem(last=False)


class Reader:
    """One listener's place in everything.

    Parameters
    ----------
    hub
        What it reads.
    subscription
        What it wants.
    after
        ``seq`` of the last signal it needs no more.
    """

    def __init__(self, hub: "StreamHub", subscription: Subscription, after: int) -> None:
        self._hub = hub
        self._wants = subscription
        self._after = after
        kept = {one.kind.topic: one for one in (hub.books, hub.predictions)}
        self._latest = {
            topic: LatestReader(kept[topic], subscription.instruments, subscription.depth)
            for topic in sorted(subscription.topics & kept.keys())
        }

    @property
    def missing_page(self) -> int | None:
        """Number of the page that has to be read from the ledger before this can go on; None where none has."""
        number = self._after // PAGE
        return number if self._is_behind and self._hub.signals.page(number) is None else None

    @property
    def has_more(self) -> bool:
        """Whether :meth:`frames` would give something, or would once a missing page is there."""
        return self._is_behind or any(one.has_more for one in self._latest.values())

    def hello(self, heartbeat_s: float) -> Frame:
        """The first frame: what was understood, and the place from which it goes on."""
        wants = self._wants
        return _frame(
            "hello",
            schema=SCHEMA,
            topics=sorted(wants.topics),
            instruments=None if wants.instruments is None else sorted(wants.instruments),
            signal_types=None if wants.signal_types is None else sorted(wants.signal_types),
            seq=self._seq(),
            heartbeat_s=heartbeat_s,
        )

    def heartbeat(self, problems: Sequence[str]) -> Frame:
        """Alive; up to ``seq`` everything that matches was sent, so this is a place to resume from."""
        return _frame("heartbeat", seq=self._seq(), problems=problems)

    def frames(self) -> Iterator[Frame]:
        """What there is to send now: a page of signals at most, then each book and each prediction that changed."""
        if self._is_behind:
            yield from self._signals()
        for latest in self._latest.values():
            yield from latest.frames()

    @property
    def _is_behind(self) -> bool:
        return Topic.SIGNALS in self._wants.topics and self._after < self._hub.signals.newest

    def _signals(self) -> Iterator[Frame]:
        number = self._after // PAGE
        page, end = self._hub.signals.page(number), min(self._hub.signals.newest, (number + 1) * PAGE)
        if page is None:
            return
        for entry in page[bisect_right(page, self._after, key=lambda one: one.seq) :]:
            self._after = entry.seq
            if self._matches(entry):
                yield entry.frame
        self._after = max(self._after, end)

    def _matches(self, entry: _Entry) -> bool:
        wants = self._wants
        is_wanted = wants.instruments is None or entry.instrument in wants.instruments
        return is_wanted and (wants.signal_types is None or entry.signal_type in wants.signal_types)

    def _seq(self) -> dict[str, int]:
        signals = {str(Topic.SIGNALS): self._after} if Topic.SIGNALS in self._wants.topics else {}
        return signals | {topic: one.seq for topic, one in self._latest.items()}


class StreamHub:
    """Everything that is new, for any number of readers.

    Attributes
    ----------
    signals, books, predictions
        Filled by whoever owns this.
    """

    def __init__(self) -> None:
        self.signals = SignalPages()
        self.books = Latest(BOOK)
        self.predictions = Latest(PREDICTION)

    def reader(self, subscription: Subscription, after: int) -> Reader:
        """A new listener; see :class:`Reader`."""
        return Reader(self, subscription, after)


def error_frame(code: int, detail: str) -> Frame:
    """The last frame before a socket is closed with ``code``."""
    return _frame("error", code=code, detail=detail)


def _entry(row: StoredSignal) -> _Entry:
    frame = _frame("signal", topic=Topic.SIGNALS, seq=row.seq, data=row.document())
    return _Entry(row.seq, row.signal.instrument, row.signal.signal_type, frame)


def _frame(type_: str, **fields: Any) -> Frame:
    return Frame(type_, _encode({"type": type_, **fields}).decode())
