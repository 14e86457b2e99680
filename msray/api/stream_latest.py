"""The newest version of whatever every instrument has one of: its book, its predictions."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from msray.api.model_documents import predictions_document
from msray.api.reading import book_document
from msray.api.state import BookSource, InstrumentSnapshot

_encode = msgspec.json.Encoder().encode


class Frame(NamedTuple):
    """One text frame; ``skipped`` counts the versions of the same thing that were left out before it."""

    type: str
    text: str
    skipped: int = 0


class Kind(NamedTuple):
    """What is kept of an instrument.

    Attributes
    ----------
    type, topic
        Of its frames.
    is_same
        Whether nothing of it is new between what was known, None before the first, and now.
    document
        It as a JSON-able document: from a snapshot, levels of a side, and the time.
    """

    type: str
    topic: str
    is_same: Callable[[InstrumentSnapshot | None, InstrumentSnapshot], bool]
    document: Callable[[InstrumentSnapshot, int, int], dict[str, Any]]


def _is_same_book(known: InstrumentSnapshot | None, snapshot: InstrumentSnapshot) -> bool:
    if known is snapshot or known is None:
        return known is snapshot
    return all(
        getattr(known, name) == getattr(snapshot, name)
        for name in ("state", "epoch", "update_id", "event_ns", "local_ns")
    )


def _says_the_same(known: InstrumentSnapshot | None, snapshot: InstrumentSnapshot) -> bool:
    return _ids(snapshot) == (_ids(known) if known else [])


def _ids(snapshot: InstrumentSnapshot) -> list[str]:
    return [one.prediction_id for one in snapshot.predictions]


BOOK = Kind("book", "books", _is_same_book, book_document)
PREDICTION = Kind("prediction", "predictions", _says_the_same, lambda snapshot, *_: predictions_document(snapshot))


@dataclass(slots=True)
class _Version:
    """``snapshot`` is None once the instrument is not running any more."""

    snapshot: InstrumentSnapshot | None
    seq: int
    number: int
    seen_ns: int
    texts: dict[int, str] = field(default_factory=dict)


class Latest:
    """The newest version of every instrument.

    Parameters
    ----------
    kind
        What of it.

    Attributes
    ----------
    seq
        Of the newest of all versions; grows by one a version.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.seq = 0
        self._versions: OrderedDict[str, _Version] = OrderedDict()  # in order of seq

    def look(self, source: BookSource, now_ns: int) -> bool:
        """Take what changed since the last look; whether anything did."""
        before, running = self.seq, set(source.instruments())
        for name in running:
            snapshot, known = source.snapshot(name), self._versions.get(name)
            if snapshot is not None and not self.kind.is_same(known.snapshot if known else None, snapshot):
                self._put(name, snapshot, now_ns)
        for name in [name for name, one in self._versions.items() if one.snapshot and name not in running]:
            self._put(name, None, now_ns)
        return self.seq > before

    def changed_since(self, seq: int) -> list[str]:
        """Names of those with a version after ``seq``, the oldest version first."""
        names = []
        for name, version in reversed(self._versions.items()):
            if version.seq <= seq:
                break
            names.append(name)
        return names[::-1]

    def newest(self, name: str) -> _Version:
        """The newest version of one that was in ``changed_since``."""
        return self._versions[name]

    def text(self, version: _Version, depth: int) -> str:
        """The document, encoded once for all who want this depth."""
        if version.snapshot is None:
            return "null"
        if depth not in version.texts:
            document = self.kind.document(version.snapshot, depth, version.seen_ns)
            version.texts[depth] = _encode(document).decode()
        return version.texts[depth]

    def _put(self, name: str, snapshot: InstrumentSnapshot | None, now_ns: int) -> None:
        self.seq += 1
        number = self._versions[name].number + 1 if name in self._versions else 1
        self._versions[name] = _Version(snapshot, self.seq, number, now_ns)
        self._versions.move_to_end(name)


class LatestReader:
    """One listener's place among them.

    Parameters
    ----------
    latest
        What it reads.
    instruments
        Only these; None for all.
    depth
        Levels of a side of a book.

    Attributes
    ----------
    seq
        Of the newest version it has seen.
    """

    def __init__(self, latest: Latest, instruments: frozenset[str] | None, depth: int) -> None:
        self._latest = latest
        self._instruments = instruments
        self._depth = depth
        self._got: dict[str, int] = {}
        self.seq = 0

    @property
    def has_more(self) -> bool:
        """Whether :meth:`frames` would give something."""
        return self._latest.seq > self.seq

    def frames(self) -> Iterator[Frame]:
        """Each that has changed; looked up when its turn comes, so that a frame that had to wait is no old one."""
        latest, kind = self._latest, self._latest.kind
        names = latest.changed_since(self.seq)
        self.seq = latest.seq
        for name in names:
            if self._instruments is not None and name not in self._instruments:
                continue
            version, got = latest.newest(name), self._got.get(name, 0)
            if version.number == got or not (got or version.snapshot):
                continue
            self._got[name] = version.number
            skipped = version.number - got - 1 if got else 0
            words = {"topic": kind.topic, "seq": version.seq, "skipped": skipped, "instrument": name}
            head = _encode({"type": kind.type, **words}).decode()
            yield Frame(kind.type, f'{head[:-1]},"data":{latest.text(version, self._depth)}}}', skipped)
