"""Records a stream: writes what comes, and sees to it that every book in it can be rebuilt."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msray.book import BookSync, SyncLimits
from msray.clock import Clock
from msray.feeds.outlet import Idle
from msray.feeds.reconnect import SECOND
from msray.feeds.stream import DataStreamer
from msray.market import Instrument
from msray.prediction import Arrived, Disconnected, LogEvent, Requested
from msray.venues import Decoder, find_venue


class SequenceWatch:
    """Follows the sequence of every instrument as a pipeline does, only to know when a snapshot is wanted.

    Parameters
    ----------
    instruments
        In the order of the stream.
    limits
        Paces; audits are what keeps a long recording honest.
    """

    def __init__(self, instruments: Sequence[Instrument], limits: SyncLimits | None = None) -> None:
        self.syncs = {
            instrument.id: BookSync(instrument, find_venue(instrument.venue).rule, limits) for instrument in instruments
        }
        self.refused: Counter[str] = Counter()
        by_venue: dict[str, list[Instrument]] = {}
        for instrument in instruments:
            by_venue.setdefault(instrument.venue, []).append(instrument)
        self._decoders = {venue: Decoder(members) for venue, members in by_venue.items()}
        self._members = {venue: [self.syncs[one.id] for one in members] for venue, members in by_venue.items()}

    def apply(self, event: LogEvent) -> None:
        """Take the next event."""
        if isinstance(event, Arrived):
            self._arrived(event)
        elif isinstance(event, Disconnected):
            for instrument_id in event.instruments:
                self.syncs[instrument_id].disconnected(event.local_ns)
        elif isinstance(event, Requested):
            self.syncs[event.instrument].requested(event.local_ns)

    def wants_snapshots(self, now_ns: int) -> list[str]:
        """Ids of the instruments for which a snapshot should be fetched now; ``now_ns`` is local time."""
        return [name for name, sync in self.syncs.items() if sync.wants_snapshot(now_ns)]

    def _arrived(self, event: Arrived) -> None:
        decoded = self._decoders[event.venue].decode(event.frames)
        self.refused.update({str(reason): count for reason, count in decoded.refusals.items()})
        for part in decoded.parts:
            numbers = part.messages["instrument"]
            for number, sync in enumerate(self._members[event.venue]):
                own = numbers == number
                if own.any():
                    for _ in sync.feed(type(part)(part.messages[own], part.levels)):
                        pass


@dataclass(slots=True)
class Recorded:
    """What a recording holds so far.

    Attributes
    ----------
    events, frames
        Of the stream.
    states
        ``synced`` or ``unsynced``, by instrument id.
    snapshots, gaps
        By instrument id.
    refused
        Frames that no decoder takes, by reason; they are recorded all the same.
    """

    events: int = 0
    frames: int = 0
    states: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)


class Recorder:
    """Drives a stream that writes a raw log.

    Parameters
    ----------
    stream
        With a raw log.
    clock
        Time.
    """

    def __init__(self, stream: DataStreamer, clock: Clock) -> None:
        self.recorded = Recorded()
        self._stream = stream
        self._clock = clock
        self._watch = SequenceWatch(stream.instruments)

    async def run(self, *, seconds: float | None = None, progress: Callable[[Recorded], None] | None = None) -> None:
        """Record until the stream ends, or for so many seconds.

        Parameters
        ----------
        seconds
            None: without end.
        progress
            Told after every event.
        """
        end_ns = None if seconds is None else self._clock.monotonic_ns() + round(seconds * SECOND)
        async for event in self._stream:
            self._take(event)
            if progress is not None:
                progress(self.recorded)
            if end_ns is not None and self._clock.monotonic_ns() >= end_ns:
                return

    def _take(self, event: LogEvent | Idle) -> None:
        if not isinstance(event, Idle):
            self._watch.apply(event)
            self.recorded.events += 1
            self.recorded.frames += len(event.frames) if isinstance(event, Arrived) else 0
        for instrument_id in self._watch.wants_snapshots(self._clock.now_ns()):
            self._stream.request_snapshot(instrument_id)
        self._count()

    def _count(self) -> None:
        for name, sync in self._watch.syncs.items():
            self.recorded.states[name] = sync.state
            self.recorded.snapshots[name] = sync.counts.snapshots
            self.recorded.gaps[name] = sync.counts.gaps
        self.recorded.refused = dict(self._watch.refused)
