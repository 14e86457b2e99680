"""What will be known when, in the order of local time."""

import heapq
from enum import IntEnum
from typing import NamedTuple

NEVER_NS = 2**62


class Kind(IntEnum):
    """What becomes known; of things known at one instant, in this order."""

    ANSWER = 0
    FUNDING = 1
    TOUCH = 2
    ROW = 3
    TIME = 4
    VALUE = 5
    SIGNAL = 6


Moment = tuple[int, Kind]
NEVER: Moment = (NEVER_NS, Kind.SIGNAL)


class Entry(NamedTuple):
    """One thing on the agenda; of two, the one that comes first is less, and ``what`` is never compared.

    Attributes
    ----------
    at_ns
        Local time.
    kind
        What it is.
    instrument
        Id of what it is about; empty where it is about none.
    number
        In the order of being written down.
    what
        What belongs to it.
    """

    at_ns: int
    kind: Kind
    instrument: str
    number: int
    what: object


class Agenda:
    """A heap of entries."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._written = 0

    def __len__(self) -> int:
        return len(self._heap)

    def write(self, at_ns: int, kind: Kind, what: object) -> None:
        """Something will be known at a local time."""
        self._written += 1
        heapq.heappush(self._heap, Entry(at_ns, kind, getattr(what, "instrument", ""), self._written, what))

    @property
    def expects_nothing(self) -> bool:
        """Whether nothing is written here but payments of funding, which those pay who hold something."""
        return all(entry.kind is Kind.FUNDING for entry in self._heap)

    @property
    def next_ns(self) -> int:
        """When the next thing is known; :data:`NEVER_NS` if there is none."""
        return self._heap[0].at_ns if self._heap else NEVER_NS

    @property
    def next(self) -> Moment:
        """When the next thing is known, and what kind it is of."""
        return self._heap[0][:2] if self._heap else NEVER

    def next_beside(self, kind: Kind) -> int:
        """When the next thing of another kind is known; :data:`NEVER_NS` if there is none."""
        return min((entry.at_ns for entry in self._heap if entry.kind is not kind), default=NEVER_NS)

    def count(self, kind: Kind) -> int:
        """How many things of a kind are written here."""
        return sum(entry.kind is kind for entry in self._heap)

    def take(self, kind: Kind) -> list[Entry]:
        """All things of a kind, in order, which are taken off."""
        found = sorted(entry for entry in self._heap if entry.kind is kind)
        self._heap = [entry for entry in self._heap if entry.kind is not kind]
        heapq.heapify(self._heap)
        return found

    def pop(self) -> Entry:
        """The next thing, which is taken off."""
        return heapq.heappop(self._heap)
