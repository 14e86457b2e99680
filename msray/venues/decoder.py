"""``Decoder``: frames of one venue in, records out. The scanner reads, the slow path judges what it would not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.market import LEVEL, MESSAGE, OTHER, REGRID, SNAPSHOT, TRADE, Instrument, Levels, Messages, Records
from msray.venues.catalog import find_venue
from msray.venues.exact import OffGridError, Reason, RefusedError, finer, place_levels, shown
from msray.venues.frames import Frames
from msray.venues.kernels import keep_records, scan
from msray.venues.kernels_snapshot import scan_snapshot
from msray.venues.kernels_symbol import SYMBOL, Symbols, word
from msray.venues.kernels_text import BARE_SNAPSHOT, MAX_FRAME_BYTES, SPARE_BYTES, TOO_LONG
from msray.venues.wire import WireMessage, levels_asked, read_frame

MOST_REFUSALS = 100
"""Refusals of one call that are kept with their text; all are counted."""

_SMALLEST_LEVEL = 9
"""Bytes of ``["1","1"]``: no buffer holds more levels than this allows."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One frame that could not be read exactly.

    Attributes
    ----------
    index
        Which frame of the call.
    instrument
        Index of its instrument, -1 where that is not known.
    reason
        To count by.
    message
        Field, value and range.
    """

    index: int
    instrument: int
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one call made of its frames.

    Attributes
    ----------
    parts
        Records in order of arrival: one part, or more where an instrument got a finer grid in between, or none. Valid
        until the decoder's next call, which uses the same memory again: copy what is to be kept.
    refused
        The first ``MOST_REFUSALS`` frames that were refused.
    refusals
        How many were, by reason.
    """

    parts: list[Records] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    refusals: Counter[Reason] = field(default_factory=Counter)


@dataclass(slots=True)
class DecoderCounts:
    """What happened so far; all of it grows only."""

    frames: int = 0
    judged: int = 0
    """Frames that the scanner left to the slow path."""
    regrids: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)


class Decoder:
    """Frames of one venue to records.

    Parameters
    ----------
    instruments
        Whose messages are read, all of the same venue; ``instrument`` of a record is the index in this list. Frames of
        other symbols are refused.

    Raises
    ------
    UsageError
        If there are none, two are the same, or their venues differ.

    Examples
    --------
    >>> from msray.market import Instrument
    >>> instrument = Instrument(
    ...     venue="binance_spot", symbol="NEXOUSDT", price_decimals=3, size_decimals=8, tick=1, grid=1)
    >>> frame = (b'{"e":"depthUpdate","E":1721749183710,"s":"NEXOUSDT","U":134180600,"u":134180600,'
    ...          b'"b":[["1.18800000","169.66000000"]],"a":[]}')
    >>> records = Decoder([instrument]).decode(Frames.of([frame])).parts[0]
    >>> records.messages["last_id"].tolist(), records.levels["tick"].tolist(), records.levels["size"].tolist()
    ([134180600], [1188], [16966000000])
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        ids = [instrument.id for instrument in instruments]
        venues = {instrument.venue for instrument in instruments}
        if len(venues) != 1 or len(set(ids)) != len(ids):
            raise UsageError(f"instruments must be different ones of one venue, got {', '.join(ids)[:200] or 'none'}")
        self.venue = find_venue(venues.pop())
        self.instruments = list(instruments)
        self.counts = DecoderCounts()
        self._rows = {instrument.symbol: row for row, instrument in enumerate(instruments)}
        self._symbols = np.zeros(len(ids), SYMBOL)
        for row, instrument in enumerate(instruments):
            _fill(self._symbols, row, instrument, self.venue.market)
        self._messages: Messages = np.zeros(0, MESSAGE)
        self._levels: Levels = np.zeros(0, LEVEL)

    def decode(self, frames: Frames) -> Decoded:
        """Read a batch of frames; no step of Python a frame as long as the scanner reads them.

        A price off its instrument's grid puts the instrument on a finer one: ``parts`` are cut there, and a REGRID
        record comes before the message. ``instruments`` then has the instrument as it is now.

        Raises
        ------
        UsageError
            If the buffer does not end with the zero bytes that the scanner relies on.
        """
        decoded = Decoded()
        count = len(frames)
        self.counts.frames += count
        if count > len(self._messages):
            self._messages = np.zeros(max(64, 2 * count), MESSAGE)
        most_levels = len(frames.buffer) // _SMALLEST_LEVEL + count
        if most_levels > len(self._levels):
            self._levels = np.zeros(2 * most_levels, LEVEL)
        start = 0
        while start < count:
            start = self._decode_from(frames, start, decoded)
        if decoded.refusals:
            self.counts.refused += decoded.refusals
        return decoded

    def _decode_from(self, frames: Frames, start: int, decoded: Decoded) -> int:
        """Decode up to the end or to the next finer grid, and answer where to go on."""
        rows, levels, regrid = self._messages[start : len(frames)], self._levels, None
        begin, end, local_ns = frames.begin[start:], frames.end[start:], frames.local_ns[start:]
        highest = self._symbols["highest"].copy()
        used = int(scan(frames.buffer, begin, end, local_ns, self._symbols, rows, levels))
        if used < 0:
            raise UsageError(f"buffer must end with {SPARE_BYTES} zero bytes behind the last frame")
        stop, kept = len(rows), keep_records(rows)
        if kept < 0:
            for at in np.flatnonzero(rows["kind"] < 0).tolist():
                row = rows[at : at + 1]
                try:
                    try:
                        used = self._judge(frames, start + at, row, used)
                    except OffGridError as off:
                        self._see_only(highest, rows[:at])
                        regrid = self._regrid(row[0], off.prices)
                        stop, used = at, int(rows["end"][:at].max(initial=0))
                        break
                except RefusedError as error:
                    _refuse(decoded, start + at, row, error)
            kept = keep_records(rows[:stop])
        if kept:
            decoded.parts.append(Records(rows[:kept], levels[:used]))
        if regrid is not None:
            decoded.parts.append(regrid)
            self._levels = np.zeros_like(levels)  # the part before keeps the old ones
        return start + stop

    def _judge(self, frames: Frames, index: int, row: Messages, used: int) -> int:
        """Read one frame that the scanner left, into its row and the levels behind ``used``; answers those now used."""
        self.counts.judged += 1
        begin, end = int(frames.begin[index]), int(frames.end[index])
        if not 0 <= begin <= end <= len(frames.buffer) - SPARE_BYTES:
            raise UsageError(f"frame {index} must lie within the buffer, got {begin} to {end} of {len(frames.buffer)}")
        if row["kind"][0] == TOO_LONG:
            raise RefusedError(
                Reason.TOO_LONG,
                f"frame must be at most {MAX_FRAME_BYTES} bytes, got {end - begin}",
                hint="not looked at",
            )
        hint = frames.hint if isinstance(frames.hint, int) else int(frames.hint[index])
        if not -1 <= hint < len(self.instruments):
            raise UsageError(f"hint of frame {index} must be -1 to {len(self.instruments) - 1}, got {hint}")
        owner = 0 if hint < 0 and len(self.instruments) == 1 else hint
        if row["kind"][0] == BARE_SNAPSHOT:
            found = int(scan_snapshot(frames.buffer, begin, end, owner, self._symbols, row, self._levels[used:]))
            if found >= 0:
                row["first_id"] = levels_asked(int(row["first_id"][0]))
                row["begin"], row["end"] = used, used + found
                return used + found
        message = read_frame(frames.buffer[begin:end].tobytes(), is_futures=self.venue.is_futures)
        if message is None:
            row["kind"] = OTHER
            return used
        row["instrument"] = owner = self._owner(message, owner)
        for name in ("kind", "event_ns", "trade_ns", "first_id", "last_id", "prev_id"):
            row[name] = getattr(message, name)
        placed = place_levels(message.levels, self.instruments[owner], is_trade=message.kind == TRADE)
        if used + len(placed) > len(self._levels):
            raise UsageError("frames must not lie over one another in the buffer")
        self._levels[used : used + len(placed)] = placed
        if len(placed):
            self._symbols[owner]["highest"] = max(self._symbols[owner]["highest"], placed["tick"].max())
        row["begin"], row["end"] = used, used + len(placed)
        return used + len(placed)

    def _owner(self, message: WireMessage, hint: int) -> int:
        """Index of the instrument that a message is for."""
        if message.symbol is None:
            if hint >= 0:
                return hint
            raise RefusedError(
                Reason.SYMBOL, "snapshot does not say whose it is", hint="give the instrument's index as Frames.hint"
            )
        row = self._rows.get(message.symbol)
        if row is None or (message.kind == SNAPSHOT and hint not in (-1, row)):
            known = ", ".join(list(self._rows)[:5])
            raise RefusedError(Reason.SYMBOL, f"symbol must be one that is read ({known}), got {shown(message.symbol)}")
        return row

    def _see_only(self, highest: NDArray[np.int64], rows: Messages) -> None:
        """Set the highest ticks to those after ``rows``: a new grid may not depend on where batches end."""
        self._symbols["highest"] = highest
        for row in rows[rows["kind"] > OTHER]:
            ticks = self._levels["tick"][row["begin"] : row["end"]]
            entry = self._symbols[row["instrument"]]
            entry["highest"] = max(entry["highest"], ticks.max(initial=0))

    def _regrid(self, row: Messages, prices: list[int]) -> Records:
        """Put an instrument on the grid that these prices need; answers the REGRID record."""
        at = int(row["instrument"])
        highest = int(self._symbols[at]["highest"])
        instrument, factor = finer(self.instruments[at], prices, highest)
        self.instruments[at] = instrument
        _fill(self._symbols, at, instrument, self.venue.market)
        self._symbols[at]["highest"] = highest * factor
        self.counts.regrids += 1
        record = np.zeros(1, MESSAGE)
        record["kind"], record["instrument"] = REGRID, at
        record["event_ns"], record["local_ns"] = row["event_ns"], row["local_ns"]
        record["first_id"], record["last_id"], record["prev_id"] = instrument.price_decimals, instrument.grid, factor
        return Records(record, np.zeros(0, LEVEL))


def _refuse(decoded: Decoded, index: int, row: Messages, error: RefusedError) -> None:
    """Note a refusal, and drop the row."""
    row["kind"] = OTHER
    decoded.refusals[error.reason] += 1
    if len(decoded.refused) < MOST_REFUSALS:
        decoded.refused.append(Refusal(index, int(row["instrument"][0]), error.reason, str(error)))


def _fill(symbols: Symbols, row: int, instrument: Instrument, market: int) -> None:
    """Write an instrument into the scanner's table."""
    text = instrument.symbol.encode()
    if len(text) > symbols.dtype["text"].shape[0]:
        raise UsageError(f"symbol must be at most 256 bytes of UTF-8, got {len(text)}")
    entry = symbols[row]
    entry["head"], entry["tail"] = word(instrument.symbol)
    entry["length"], entry["market"], entry["highest"] = len(text), market, 0
    entry["text"][: len(text)] = list(text)
    entry["price_decimals"], entry["size_decimals"] = instrument.price_decimals, instrument.size_decimals
    entry["grid"] = instrument.grid
