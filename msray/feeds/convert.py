"""Whatever can be replayed, as a lake."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from msray.feeds.lake.reader import gap
from msray.feeds.lake.writer import LakeWriter, WrittenDay, source_of
from msray.feeds.replay import RecordingReplay, Replay
from msray.market import GAP, LEVEL, MESSAGE, REQUEST, GapReason, Instrument, Records
from msray.prediction import Arrived, Began, Disconnected, LogEvent, Replayed, Requested
from msray.venues import VENUES, Decoder

_NO_GRAIN = 2**62
"""Every instrument is written by itself, so they may be ever so far ahead of each other."""


class RecordsOf:
    """Events to records, instrument by instrument: what a pipeline would see of each.

    A connection that is lost, and a run that begins, are a GAP; a request is a REQUEST. Decoders live as long as this,
    so that an instrument stays on the grid that it has come to.

    Parameters
    ----------
    instruments
        All of them, in the order in which a pipeline numbers them.

    Attributes
    ----------
    refused
        Frames that could not be read exactly.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.refused = 0
        by_venue: dict[str, list[Instrument]] = {}
        for instrument in instruments:
            by_venue.setdefault(instrument.venue, []).append(instrument)
        self._ids = {venue: [one.id for one in members] for venue, members in by_venue.items()}
        self._decoders = {venue: Decoder(members) for venue, members in by_venue.items() if venue in VENUES}

    def take(self, event: LogEvent) -> Iterator[tuple[str, Records]]:
        """Id and records of each instrument that the event has to do with; valid until the next event is taken."""
        if isinstance(event, Replayed):
            yield event.instrument, event.records
        elif isinstance(event, Arrived):
            ids = self._ids[event.venue]
            decoded = self._decoders[event.venue].decode(event.frames)
            self.refused += decoded.refusals.total()
            for part in decoded.parts:
                for number, records in part.by_instrument(len(ids)):
                    yield ids[number], records
        elif isinstance(event, Disconnected):
            reason = GapReason.BEGAN if isinstance(event, Began) else GapReason.DISCONNECTED
            for name in event.instruments:
                yield name, gap(event.local_ns, reason)
        elif isinstance(event, Requested):
            yield event.instrument, _request(event.local_ns)


def convert(
    replay: Replay,
    lake: Path,
    *,
    replace: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[WrittenDay], int]:
    """Write everything that was recorded into a lake.

    Parameters
    ----------
    replay
        Opened; the words and calibrations of a raw log are no part of a lake.
    lake
        Its folder; made if it is not there.
    replace
        Whether days of these instruments that were made of other files go.
    progress
        Told after each event how many of ``replay.total_bytes`` have been gone through.

    Returns
    -------
    days
        What became of each day, by instrument.
    refused
        Frames that could not be read exactly.

    Raises
    ------
    UsageError
        If the lake has a day that was made of other files. Days that are finished stay.
    UnavailableError
        If the lake cannot be written.
    """
    sources = {path: source_of(path) for path in replay.files}
    files = _files_of(replay)
    writers = {
        one.id: LakeWriter(lake, one, [sources[path] for path in files[one.id]], replace=replace)
        for one in replay.instruments
    }
    decoding = RecordsOf(replay.instruments)
    begun: set[str] = set()
    try:
        for event in replay.events(grain_ns=_NO_GRAIN):
            for name, records in decoding.take(event):
                if name not in begun and len(records):
                    begun.add(name)
                    if records.messages["kind"][0] != GAP:
                        writers[name].append(gap(int(records.messages["local_ns"][0]), GapReason.BEGAN))
                writers[name].append(records)
            if progress is not None:
                progress(replay.bytes_read)
        for writer in writers.values():
            writer.close()
    finally:
        for writer in writers.values():
            writer.abort()
    return [day for writer in writers.values() for day in writer.days], decoding.refused


def _files_of(replay: Replay) -> Mapping[str, Sequence[Path]]:
    """The files that have to do with each instrument."""
    if isinstance(replay, RecordingReplay):
        return {group.instrument.id: group.files for group in replay.groups}
    return {instrument.id: replay.files for instrument in replay.instruments}


def _request(local_ns: int) -> Records:
    messages = np.zeros(1, MESSAGE)
    messages["kind"], messages["local_ns"] = REQUEST, local_ns
    return Records(messages, np.zeros(0, LEVEL))
