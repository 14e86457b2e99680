"""What the simulated venue has to say, in order: the events of a recording or of a made-up market."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from msray.market import Instrument


class Kind(Enum):
    """What an event is."""

    DEPTH = "depth"
    TRADE = "trade"
    BOOK_TICKER = "bookTicker"
    SNAPSHOT = "snapshot"


class Event(NamedTuple):
    """One message of the venue.

    Attributes
    ----------
    at_ns
        When it is to be sent: local time of the recording, exchange time of a made-up market.
    instrument
        Index in the source's ``listed``.
    kind
        What it is; a snapshot is never sent, it is an answer that the recording client got.
    payload
        The message itself as JSON: the ``data`` of a combined stream.
    """

    at_ns: int
    instrument: int
    kind: Kind
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One instrument of a source.

    Attributes
    ----------
    instrument
        What its numbers mean.
    snapshot
        The book it opens with, as the venue's JSON, or None where none is known.
    price_digits, size_digits
        Decimals of its strings on the wire; 0 for those of its venue.
    is_recorded
        Nothing is known of the market but that snapshot and what followed it.
    """

    instrument: Instrument
    snapshot: bytes | None
    price_digits: int = 0
    size_digits: int = 0
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One planted regime change, as ``/oracle/truth`` shows it."""

    instrument: str
    kind: str
    begin_ns: int
    end_ns: int
    direction: int
    factor: float


class Source(Protocol):
    """Where events come from.

    Attributes
    ----------
    bad_lines, damaged_files
        What could not be read so far.
    """

    bad_lines: int
    damaged_files: int

    @property
    def listed(self) -> Sequence[Listed]:
        """Every instrument there is."""
        ...

    def events(self) -> Iterator[Event]:
        """All events, never earlier than the one before; to be asked once."""
        ...

    def truth(self, until_ns: int) -> list[Change]:
        """Planted changes that began before a time; empty where nobody knows."""
        ...

    def exchange_info(self, venue: str) -> bytes | None:
        """The recorded ``exchangeInfo`` of a venue, if there is one."""
        ...
