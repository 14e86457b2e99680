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
    """Two heaps of entries: of the times that somebody asked for, and of all else."""

    def __init__(self) -> None:
        self._times: list[Entry] = []
        self._others: list[Entry] = []
        self._counts = [0] * len(Kind)
        self._written = 0

    def write(self, at_ns: int, kind: Kind, what: object) -> None:
        """Something will be known at a local time."""
        self._written += 1
        self._counts[kind] += 1
        heap = self._times if kind is Kind.TIME else self._others
        heapq.heappush(heap, Entry(at_ns, kind, getattr(what, "instrument", ""), self._written, what))

    def count(self, kind: Kind) -> int:
        """How many things of a kind are written here."""
        return self._counts[kind]

    @property
    def expects_nothing(self) -> bool:
        """Whether nothing is written here but payments of funding, which those pay who hold something."""
        return sum(self._counts) == self._counts[Kind.FUNDING]

    @property
    def next_ns(self) -> int:
        """When the next thing is known; :data:`NEVER_NS` if there is none."""
        return self.next[0]

    @property
    def next(self) -> Moment:
        """When the next thing is known, and what kind it is of."""
        heap = self._first
        return heap[0][:2] if heap else NEVER

    @property
    def next_beside_times(self) -> int:
        """When the next thing is known that is no time; :data:`NEVER_NS` if there is none."""
        return self._others[0].at_ns if self._others else NEVER_NS

    def take_times(self) -> list[Entry]:
        """All times, in order, which are taken off."""
        found, self._times, self._counts[Kind.TIME] = sorted(self._times), [], 0
        return found

    def pop(self) -> Entry:
        """The next thing, which is taken off."""
        entry = heapq.heappop(self._first)
        self._counts[entry.kind] -= 1
        return entry

    @property
    def _first(self) -> list[Entry]:
        """The heap that the next thing is on."""
        if self._times and (not self._others or self._times[0] < self._others[0]):
            return self._times
        return self._others
