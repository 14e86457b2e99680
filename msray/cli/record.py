"""``msray record``: live markets into a raw log that ``msray replay`` reads."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msray.cli.arguments import names
from msray.cli.event_loop import run, run_until, stop_event
from msray.cli.output import Output
from msray.errors import UnavailableError

if TYPE_CHECKING:
    from msray.feeds.live import WebSocketSource
    from msray.feeds.raw_log import RawLogWriter
    from msray.feeds.recorder import Recorder


def record(
    context: typer.Context,
    symbols: Annotated[str, typer.Option(metavar="LIST", help="Instruments, venue:SYMBOL,...")],
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the raw log; appended to.")],
    seconds: Annotated[float | None, typer.Option(min=0.0, help="How long; without end by default.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help="A simulator, as http://127.0.0.1:9080.")] = None,
    one_socket: Annotated[bool, typer.Option("--one-socket", help="Depth and trades on one (simulators).")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Use the fast client, picows.")] = False,
) -> None:
    """Record depth messages, trades and snapshots as the venues send them, with their exchangeInfo.

    Everything is in the folder before it is looked at; snapshots are fetched whenever a book would need one. A second
    run on the same folder goes on in a new segment. Ctrl-C ends it, with exit code 0.
    """
    out: Output = context.obj
    ids = names(symbols)
    run(_record(out, ids, folder, seconds, endpoint, one_socket=one_socket, is_fast=fast))


async def _record(
    out: Output,
    ids: list[str],
    folder: Path,
    seconds: float | None,
    endpoint: str | None,
    *,
    one_socket: bool,
    is_fast: bool,
) -> None:
    from msray.clock import SystemClock
    from msray.feeds.listings import fetch_listings
    from msray.feeds.live import WebSocketSource
    from msray.feeds.raw_log import RawLogWriter
    from msray.feeds.recorder import Recorder
    from msray.feeds.stream import DataStreamer

    clock = SystemClock()
    listings = await fetch_listings(ids, endpoint=endpoint, clock=clock)
    metadata = {"endpoint": endpoint, "exchange_info": dict(listings.documents)}
    writer = RawLogWriter(folder, listings.instruments, clock, metadata=metadata, retention_hours=float("inf"))
    source = WebSocketSource(endpoint, one_socket=one_socket, is_fast=is_fast, clock=clock)
    stopped = stop_event()
    out.note(f"recording {len(ids)} instruments into {folder}; Ctrl-C ends it")
    async with DataStreamer(listings.instruments, source, raw_log=writer, clock=clock) as stream:
        recorder = Recorder(stream, clock)
        with out.progress("record", seconds or 0.0, "s") as advance:
            await run_until(stopped, recorder.run(seconds=seconds, progress=_elapsed(advance)))
        problem = stream.log_problem
    _tell(out, recorder, writer, source)
    if problem:
        raise UnavailableError(problem)


def _elapsed(advance: Callable[[float], None]) -> Callable[[object], None]:
    """Seconds gone by, as the steps that a progress bar wants."""
    loop = asyncio.get_running_loop()
    last_s = loop.time()

    def progress(_: object) -> None:
        nonlocal last_s
        now_s = loop.time()
        advance(now_s - last_s)
        last_s = now_s

    return progress


def _tell(out: Output, recorder: "Recorder", writer: "RawLogWriter", source: "WebSocketSource") -> None:
    recorded = recorder.recorded
    rows = [
        {"instrument": name, "state": state, "snapshots": recorded.snapshots[name], "gaps": recorded.gaps[name]}
        for name, state in recorded.states.items()
    ]
    out.data(
        {
            "folder": writer.folder,
            "events": writer.events,
            "frames": recorded.frames,
            "bytes": writer.bytes,
            "instruments": rows,
            "refused": recorded.refused,
            "connections": [
                {"url": one.url, "state": one.state, "losses": one.losses, "frames": one.frames, "reason": one.reason}
                for one in source.connections
            ],
        }
    )
    out.table(("instrument", "state", "snapshots", "gaps"), [tuple(row.values()) for row in rows])
    out.line(f"{recorded.frames} messages, {writer.bytes / 1e6:.1f} MB in {writer.folder}")
    reasons = "; ".join(f"{one.url.partition('?')[0]}: {one.reason}" for one in source.connections if one.reason)
    if recorded.frames == 0:
        raise UnavailableError(f"nothing came: {reasons or 'the venues are silent'}")
