"""Several streams of events as one, by local time."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from msray.prediction import Arrived, LogEvent, Replayed

Batch = Arrived | Replayed


def in_time_order(streams: Sequence[tuple[int, Iterator[LogEvent]]], *, grain_ns: int = 0) -> Iterator[LogEvent]:
    """The events of all streams, batches cut apart where those of another stream come between.

    Parameters
    ----------
    streams
        Local time of the first event of each, and its events. A stream is not begun before its time has come. Order
        within a stream is kept, even where its times go back.
    grain_ns
        0: exact order. Else no event spans more than this, and streams may be ahead of each other by as much: fewer,
        larger pieces.
    """
    heap: list[tuple[int, int, LogEvent | None]] = [(first_ns, i, None) for i, (first_ns, _) in enumerate(streams)]
    heapq.heapify(heap)
    while heap:
        at_ns, i, event = heapq.heappop(heap)
        if event is None:
            event = next(streams[i][1], None)
            if event is not None:
                heapq.heappush(heap, (max(event_ns(event), at_ns), i, event))
            continue
        rest: LogEvent | None = None
        if isinstance(event, Batch) and (grain_ns or heap):
            event, rest = cut(event, at_ns + grain_ns if grain_ns else heap[0][0])
        yield event
        heapq.heappush(heap, (at_ns if rest is None else max(event_ns(rest), at_ns), i, rest))


def cut(event: Batch, limit_ns: int) -> tuple[Batch, Batch | None]:
    """What comes before the first that is later than the limit, but at least one message, and the rest."""
    later = _times(event) > limit_ns
    later[:1] = False
    first = int(np.argmax(later))
    if not later[first:].any():
        return event, None
    return _part(event, slice(None, first)), _part(event, slice(first, None))


def event_ns(event: LogEvent) -> int:
    """Local time of an event, or of its first message."""
    if isinstance(event, Batch):
        times = _times(event)
        return int(times[0]) if len(times) else 0
    return event.local_ns


def messages_in(event: LogEvent) -> int:
    """Frames or records of an event."""
    return len(_times(event)) if isinstance(event, Batch) else 0


def _times(event: Batch) -> NDArray[np.int64]:
    return event.frames.local_ns if isinstance(event, Arrived) else event.records.messages["local_ns"]


def _part(event: Batch, rows: slice) -> Batch:
    if isinstance(event, Replayed):
        return replace(event, records=event.records[rows])
    f = event.frames
    hint = f.hint if isinstance(f.hint, int) else f.hint[rows]
    return replace(event, frames=replace(f, begin=f.begin[rows], end=f.end[rows], local_ns=f.local_ns[rows], hint=hint))
