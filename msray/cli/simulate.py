"""``msray simulate``: Binance's protocol on one port."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msray.cli.arguments import names, speed_of
from msray.cli.event_loop import run, run_until, stop_event
from msray.cli.output import Output
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.simulator.server import Simulator, SimulatorSettings
    from msray.simulator.source import Source

_FAULTS = "What goes wrong, as in gap=0.02,disconnect=0.01,stale_snapshot=0.2 or t=12s:disconnect; see below."
_CHANGES = "Planted changes: first_s=60,every_s=30,jitter_s=5,last_s=15,kinds=volatility+imbalance, or none."


def simulate(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="More of the recording.")] = None,
    recording: Annotated[list[Path] | None, typer.Option(help="File or folder of raw lines; may come again.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of the recording, where its shape does not tell.")] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="A made-up market instead.")] = False,
    instruments: Annotated[str, typer.Option(help="Its instruments, venue:SYMBOL,...")] = "binance_usdm:SYNUSDT",
    seconds: Annotated[float | None, typer.Option(help="Its length in market seconds; endless by default.")] = None,
    cadence_ms: Annotated[int, typer.Option(help="Its time between two depth messages.")] = 100,
    changes: Annotated[str, typer.Option(help=_CHANGES)] = "",
    start_ns: Annotated[int | None, typer.Option(help="Exchange time at which it opens; now by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of the made-up market and of the faults.")] = 0,
    speed: Annotated[str, typer.Option(help="1, 4x, 0.5; 0 or max: as fast as the slowest reader follows.")] = "1",
    faults: Annotated[str, typer.Option(help=_FAULTS)] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 9080,
    one_socket: Annotated[bool, typer.Option("--one-socket", help="Every stream on every path of a market.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Begin at once, not when all are subscribed.")] = False,
    exit_at_end: Annotated[bool, typer.Option("--exit-at-end", help="End once everything has been read.")] = False,
    connection_life_s: Annotated[float | None, typer.Option(help="Age at which a connection ends; 24 h.")] = None,
) -> None:
    """Play a recording or a made-up market as Binance would: REST and WebSocket of its three markets on one port.

    REST: /api/v3, /fapi/v1, /dapi/v1 with ping, time, exchangeInfo, depth. WebSocket: /ws and /stream, also behind
    /api, /fapi, /fapi/public (depth), /fapi/market (trades), and the same behind /dapi. The market begins when every
    instrument has a reader of its depth and one of its trades. /oracle/book, /oracle/truth, /oracle/faults and
    /oracle/status tell the truth.

    Faults: disconnect, gap, duplicate, reorder, corrupt, stall, halt happen to messages; stale_snapshot, slow_snapshot,
    failed_snapshot to requests. NAME=CHANCE, or t=SECONDSs:NAME[@venue:SYMBOL] once; stall_s, halt_s, slow_s,
    stale_messages, until_s set how.

    Ctrl-C ends it, with exit code 0.
    """
    from msray.simulator.faults import FaultPlan
    from msray.simulator.server import SimulatorSettings
    from msray.simulator.sockets import SocketLimits

    out: Output = context.obj
    paths = [*(recording or []), *(files or [])]
    if bool(paths) == synthetic:
        raise UsageError("say either --recording or --synthetic", hint="msray simulate --help shows both")
    if paths and (seconds is not None or changes or start_ns is not None):
        raise UsageError("--seconds, --changes and --start-ns are of a made-up market, got a recording")
    settings = SimulatorSettings(
        host=host,
        port=port,
        speed=speed_of(speed) or 0.0,
        seed=seed,
        faults=FaultPlan.parse(faults),
        waits=not no_wait,
        one_socket=one_socket,
        sockets=SocketLimits(life_s=connection_life_s),
    )

    def source() -> "Source":
        if not synthetic:
            from msray.simulator.recording import RecordingSource

            return RecordingSource(paths, venue)
        from msray.simulator.synthetic import SyntheticSource, planted_changes

        return SyntheticSource(
            names(instruments),
            seed,
            start_ns=time.time_ns() // 1_000_000 * 1_000_000 if start_ns is None else start_ns,
            seconds=seconds,
            cadence_ms=cadence_ms,
            regimes=planted_changes(changes),
        )

    run(_simulate(source, settings, out, exits=exit_at_end))


async def _simulate(source: Callable[[], "Source"], settings: "SimulatorSettings", out: Output, *, exits: bool) -> None:
    """Play until the end or until a signal comes; either is success."""
    from msray.simulator.server import Simulator

    stopped = stop_event()
    simulator = Simulator(source(), settings)
    async with simulator:
        out.note(f"listening on {simulator.url}")
        for missing in simulator.hub.missing() if settings.waits else []:
            out.note(f"waiting for a reader of {missing}")
        await run_until(stopped, _play(simulator, out, exits=exits))
        status = simulator.oracle.status() | {"url": simulator.url}
    out.data(status)
    out.line(
        f"{status['messages']} messages, {status['market_s']:.1f} s of the market, faults: {status['faults'] or 0}"
    )


async def _play(simulator: "Simulator", out: Output, *, exits: bool) -> None:
    await simulator.played()
    out.note("everything has been sent")
    if exits:
        await simulator.drain()
    else:
        await asyncio.Event().wait()
