"""Frames and events that tests make up, and ways to look at events."""

import numpy as np

from msray.prediction import Arrived, Disconnected, Dropping, LogEvent, ModelChanged, ModelName, Requested
from msray.venues import Frames
from tests.instruments import ETH, SPOT, USDM


def arrived(venue: str, payloads: list[bytes], local_ns: int = 1_000) -> Arrived:
    """One batch; frames are a nanosecond apart."""
    return Arrived(venue, Frames.of(payloads, range(local_ns, local_ns + len(payloads))))


def plain(event: LogEvent) -> tuple[object, ...]:
    """An event as something that compares."""
    if isinstance(event, Requested):
        return ("requested", event.instrument, event.local_ns)
    if isinstance(event, Disconnected):
        return ("disconnected", event.instruments, event.local_ns)
    if isinstance(event, ModelChanged | Dropping):
        return ("of a model", event)
    assert isinstance(event, Arrived)
    frames = event.frames
    assert not frames.buffer[-64:].any()
    rows = zip(frames.local_ns.tolist(), frames.begin.tolist(), frames.end.tolist(), strict=True)
    return ("arrived", event.venue, int(frames.hint), [(ns, frames.buffer[b:e].tobytes()) for ns, b, e in rows])


def frame_rows(events: list[LogEvent]) -> list[tuple[str, int, int, bytes]]:
    """Every frame of the events: venue, hint, local time, bytes."""
    return [
        (event.venue, int(event.frames.hint), int(ns), event.frames.buffer[b:e].tobytes())
        for event in events
        if isinstance(event, Arrived)
        for ns, b, e in zip(event.frames.local_ns, event.frames.begin, event.frames.end, strict=True)
    ]


def random_events(rng: np.random.Generator, count: int) -> list[LogEvent]:
    """A mix of everything, for USDM, ETH and SPOT."""
    events: list[LogEvent] = []
    for i in range(count):
        kind = rng.integers(12)
        if kind == 0:
            events.append(Requested(str(rng.choice([USDM.id, ETH.id, SPOT.id])), i))
        elif kind == 1:
            events.append(Disconnected((USDM.id, SPOT.id), i))
        elif kind == 2:
            events.append(ModelChanged(ModelName("small", i, "d1"), i))
        elif kind == 3:
            events.append(Dropping(USDM.id, "small", bool(i % 2), i))
        else:
            payloads = [rng.bytes(int(rng.integers(1, 60))) for _ in range(int(rng.integers(1, 5)))]
            events.append(arrived(str(rng.choice(["binance_usdm", "binance_spot"])), payloads, i * 100))
    return events
