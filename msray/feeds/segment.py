"""What the raw log looks like on disk: a folder of segments whose names sort by time.

::

    segment = "MSRAYLOG" | version u32 | length u32 | crc u32 | header (JSON of that length) | block*
    block   = crc u32 | length u32 | count u32 | hint i32 | kind u16 | venue u16 | payload (of that length)

    ARRIVED       count frames:  local_ns i64[count] | begin i64[count] | end i64[count] | bytes; hint as in Frames
    REQUESTED     local_ns i64;  hint is the instrument's number in the header
    DISCONNECTED  local_ns i64 | the instruments' numbers i64[count]
    MODEL         local_ns i64 | JSON of the model's name, version and digest
    DROPPING      local_ns i64 | JSON of the event

Everything is little-endian. ``venue`` is the number of the venue among the header's, in order of appearance. The
checksum is zlib's CRC-32 over the rest of the block. (CRC-32C is the custom in such logs because processors compute it;
the standard library does not have it, and against a torn tail or a flipped byte the two are worth the same.)
"""

import struct
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from msray.market import Instrument

MAGIC = b"MSRAYLOG"
VERSION = 1
SUFFIX = ".msraylog"
PREFIX = struct.Struct("<8sIII")
BLOCK = struct.Struct("<IIIiHH")
CRC_BYTES = 4
ARRIVED, REQUESTED, DISCONNECTED, MODEL, DROPPING = 1, 2, 3, 4, 5
MOST_PAYLOAD = 1 << 30


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment says about itself.

    Attributes
    ----------
    session
        Time at which its writer began, nanoseconds UTC; the same in all segments of one run.
    segment
        0, 1, 2... within the session.
    events_before
        Events of the session in earlier segments; a reader sees by it that none is missing.
    opened_ns
        When the segment was begun, nanoseconds UTC.
    instruments
        Fields of each :class:`~msray.market.Instrument`, in the order of the run.
    metadata
        Whatever the writer wants to remember: endpoints, ``exchangeInfo``.
    """

    session: int
    segment: int
    events_before: int
    opened_ns: int
    instruments: list[dict[str, Any]]
    metadata: dict[str, Any] = {}

    @classmethod
    def of(cls, instruments: Sequence[Instrument], **fields: Any) -> "Header":
        """A header for these instruments."""
        return cls(instruments=[asdict(instrument) for instrument in instruments], **fields)

    def read_instruments(self) -> list[Instrument]:
        """The instruments themselves."""
        return [Instrument(**fields) for fields in self.instruments]


def venues_of(instruments: Sequence[Instrument]) -> list[str]:
    """The venues in order of appearance; their places are the numbers that blocks use."""
    return list(dict.fromkeys(instrument.venue for instrument in instruments))


def segment_paths(folder: Path) -> list[Path]:
    """Segments of a folder, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def opened_ns(path: Path) -> int:
    """When a segment was begun, read off its name; nanoseconds UTC."""
    return int(path.stem)
