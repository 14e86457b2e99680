"""Replay: what was recorded, through the pipeline that runs live, as fast as it goes or at a chosen speed."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from msray.clock import Clock, SystemClock
from msray.errors import UsageError
from msray.feeds.gather import MOST_FRAMES
from msray.feeds.hints import hints
from msray.feeds.pace import Pace
from msray.feeds.playback import PAUSE_S, Playback
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.reconnect import SECOND
from msray.feeds.recording import Recordings, open_recordings
from msray.feeds.segment import SUFFIX, segment_paths
from msray.feeds.time_order import Batch, cut, event_ns, in_time_order, messages_in
from msray.market import Instrument, Signal
from msray.prediction import Began, LogEvent

GRAIN_NS = SECOND
"""Unpaced, instruments of recordings may be this far ahead of each other: a fold never looks across."""
PACED_GRAIN_S = 0.02
"""Paced, what comes in so short a time comes at once."""


class Replay(Protocol):
    """Something recorded, opened."""

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """In the order in which a pipeline is to number them."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""
        ...

    @property
    def total_bytes(self) -> int:
        """Size on the disk."""
        ...

    @property
    def bytes_read(self) -> int:
        """How much of that has been gone through."""
        ...

    @property
    def problems(self) -> list[str]:
        """What could not be read so far, a line each."""
        ...

    def events(self, *, grain_ns: int = GRAIN_NS) -> Iterator[LogEvent]:
        """Its events; none of a recording spans more than the grain, which keeps instruments that close together."""
        ...


class LogReplay:
    """A raw log; its order is what is replayed.

    Parameters
    ----------
    log
        Opened.

    Attributes
    ----------
    is_as_written
        Whether each run is folded with the words and calibrations that it began with, which is how it gives the
        signals that it gave. Otherwise those of the pipeline are in force throughout.
    """

    def __init__(self, log: RawLog) -> None:
        self.log = log
        self.is_as_written = False
        self.instruments = log.instruments
        self.files = log.files
        self.total_bytes = log.total_bytes

    @property
    def bytes_read(self) -> int:
        """See :attr:`Replay.bytes_read`."""
        return self.log.summary.bytes + self.log.summary.cut_bytes

    @property
    def problems(self) -> list[str]:
        """See :attr:`Replay.problems`."""
        return self.log.summary.damage

    def events(self, *, grain_ns: int = GRAIN_NS) -> Iterator[LogEvent]:
        """See :meth:`Replay.events`; batches are joined unless the grain is finer than the default."""
        for event in self.log.events(most_frames=MOST_FRAMES if grain_ns >= GRAIN_NS else 1):
            if isinstance(event, Began) and not self.is_as_written:
                event = replace(event, metadata={})
            yield event


class RecordingReplay:
    """Recordings of any number of instruments.

    Parameters
    ----------
    recordings
        As found.
    """

    def __init__(self, recordings: Recordings) -> None:
        self.groups = recordings.groups
        self.ignored = recordings.ignored
        self.instruments = tuple(group.instrument for group in self.groups)
        self.files = tuple(file for group in self.groups for file in group.files)
        self.total_bytes = sum(group.total_bytes for group in self.groups)

    def only(self, names: Collection[str]) -> "RecordingReplay":
        """The recordings of some instruments."""
        return RecordingReplay(Recordings([one for one in self.groups if one.instrument.id in names], self.ignored))

    @property
    def bytes_read(self) -> int:
        """See :attr:`Replay.bytes_read`."""
        return sum(group.bytes_read for group in self.groups)

    @property
    def problems(self) -> list[str]:
        """See :attr:`Replay.problems`."""
        return [text for group in self.groups for text in group.problems]

    def events(self, *, grain_ns: int = GRAIN_NS) -> Iterator[LogEvent]:
        """See :meth:`Replay.events`."""
        pairs = zip(self.groups, hints(self.instruments), strict=True)
        return in_time_order([(group.begin_ns, group.events(hint=hint)) for group, hint in pairs], grain_ns=grain_ns)


def open_replay(paths: Sequence[Path], *, venue: str | None = None) -> Replay:
    """Open a raw log or recordings.

    Parameters
    ----------
    paths
        Files and folders. Those that hold segments of a raw log (``*.msraylog``) are one, all others recordings.
    venue
        Whose the recordings are, where their shape must not decide.

    Raises
    ------
    UsageError
        If a path is not there, or the two kinds are mixed.
    FeedError
        If there is nothing to replay; it names file, line and reason.
    """
    logs = [path for path in paths if path.suffix == SUFFIX or (path.is_dir() and segment_paths(path))]
    if not logs:
        return RecordingReplay(open_recordings(paths, venue=venue))
    if len(logs) < len(paths):
        others = ", ".join(str(path) for path in paths if path not in logs)
        raise UsageError(f"a raw log and recordings cannot be replayed together: {others} is no raw log")
    return LogReplay(RawLog(paths))


class Applies(Protocol):
    """What :func:`drive` needs of a :class:`~msray.prediction.Pipeline`."""

    def apply(self, event: LogEvent) -> list[Signal]:
        """Take the next event of the log."""
        ...


@dataclass(slots=True)
class ReplayResult:
    """What a replay did.

    Attributes
    ----------
    events, frames
        Taken by the pipeline.
    signals
        In the order in which they were raised.
    total_s
        Seconds in all.
    """

    events: int = 0
    frames: int = 0
    signals: list[Signal] = field(default_factory=list)
    total_s: float = 0.0


def drive(
    replay: Replay,
    pipeline: Applies,
    *,
    clock: Clock | None = None,
    speed: float | None = None,
    until_ns: int | None = None,
    on_signals: Callable[[list[Signal]], None] | None = None,
    progress: Callable[[int], None] | None = None,
    playback: Playback | None = None,
) -> ReplayResult:
    """Bring everything recorded to a pipeline.

    Nobody answers a request for a snapshot here; what the pipeline would have wanted is in its own counts.

    Parameters
    ----------
    replay
        What to replay.
    pipeline
        Built for ``replay.instruments``, in their order.
    clock
        Measures, and waits between events of a paced replay.
    speed
        Recorded seconds a second; None: as fast as it goes.
    until_ns
        Local time of the recording after which nothing is taken.
    on_signals
        Told of signals when they are raised.
    progress
        Told after each event how many of ``replay.total_bytes`` have been gone through.
    playback
        Where it begins to be told, and a hand on it while it runs.
    """
    clock, playback = clock or SystemClock(), playback or Playback()
    pace = None if speed is None else Pace(speed)
    result, begin_ns = ReplayResult(), clock.monotonic_ns()
    for event in _in_playback(_until(replay.events(grain_ns=grain_of(speed)), until_ns), playback, clock):
        is_told = not playback.skips(event_ns(event))
        if pace is not None and is_told:
            clock.pause(pace.wait_s(event_ns(event), clock.monotonic_ns()))
        signals = pipeline.apply(event) if is_told else _untold(pipeline, event)
        result.events += 1
        result.frames += messages_in(event)
        result.signals += signals
        if signals and on_signals is not None:
            on_signals(signals)
        if progress is not None:
            progress(replay.bytes_read)
    result.total_s = (clock.monotonic_ns() - begin_ns) / SECOND
    return result


def _untold(pipeline: Applies, event: LogEvent) -> list[Signal]:
    """Fold an event from before the part that is asked for."""
    pipeline.apply(event)
    return []


def _in_playback(events: Iterator[LogEvent], playback: Playback, clock: Clock) -> Iterator[LogEvent]:
    """The events, cut where they begin to be told; while it stands still, none."""
    for event in events:
        while playback.is_paused:
            clock.pause(PAUSE_S)
        rest: LogEvent | None = event
        if isinstance(event, Batch) and event_ns(event) < playback.from_ns:
            first, rest = cut(event, playback.from_ns - 1)
            yield first
        if rest is not None:
            yield rest


def grain_of(speed: float | None) -> int:
    """How long an event may be at this speed, in recorded nanoseconds."""
    if speed is None:
        return GRAIN_NS
    return min(max(round(speed * PACED_GRAIN_S * SECOND), 1), GRAIN_NS - 1)


def _until(events: Iterator[LogEvent], until_ns: int | None) -> Iterator[LogEvent]:
    """The events up to a time, of every run of a log."""
    if until_ns is None:
        yield from events
        return
    is_log = is_over = False
    for event in events:
        if isinstance(event, Began):
            is_log, is_over = True, False
        at_ns = event_ns(event)
        is_over = is_over or at_ns > until_ns + GRAIN_NS
        if is_over and not is_log:
            return
        if is_over or at_ns > until_ns:  # another run, or another instrument, may not have come as far
            continue
        yield cut(event, until_ns)[0] if isinstance(event, Batch) else event
