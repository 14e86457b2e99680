"""``msray demo``: everything at once on one machine, against a market whose truth is known."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.demo_market import Market, play
from msray.cli.demo_view import Watched, shown, summary, summary_lines
from msray.cli.output import Output
from msray.errors import UnavailableError

if TYPE_CHECKING:
    from msray.on_ray.live import LivePlan

_LOOK_S = 0.5


def demo(
    context: typer.Context,
    seconds: Annotated[
        float, typer.Option(min=5.0, max=86_400.0, help="How long to watch, once books are synced.")
    ] = 60,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="A recording to play instead.")] = None,
    seed: Annotated[int, typer.Option(help="Of the made-up market.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Go on until Ctrl-C; the API stays up.")] = False,
) -> None:
    """See live detection work: four made-up instruments at 4x, changes planted in them, faults on the line.

    A simulator speaks Binance's protocol on this machine. A shard on a local Ray cluster reads its sockets, keeps exact
    books, and finds the changes; signals are stored, then served over HTTP. Nothing is left running, and nothing kept
    but Ray's own logs in /tmp/ray and the compiled kernels.
    """
    out: Output = context.obj
    context.with_resource(out.alone_on_stdout())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="msray-demo-")))
        out.note("starting a simulator, Ray, a shard, the ledger, the API: about 20 s, the first time a minute or two")
        market = stack.enter_context(play(data, seed))
        urls = stack.enter_context(_running(market, folder))
        watched = Watched(market, urls["api"])
        _watch(out, watched, urls, seconds)
        result = summary(watched) | {"urls": urls}
        out.data(result)
        for line in summary_lines(result):
            out.line(line)
        if keep:
            out.note(f"still running: {urls['signals']} (Ctrl-C ends it)")
            _watch(out, watched, urls, None)


def _watch(out: Output, watched: Watched, urls: dict[str, str], seconds: float | None) -> None:
    """Look twice a second until the time is over or the market has ended."""
    until = None if seconds is None else time.monotonic() + seconds
    with _screen(out) as show:
        while not watched.is_over and (until is None or time.monotonic() < until):
            started = time.monotonic()
            news = watched.look()
            show(watched, urls, news)
            time.sleep(max(_LOOK_S - (time.monotonic() - started), 0.05))


@contextlib.contextmanager
def _screen(out: Output) -> Iterator[Any]:
    """To a person a table that moves, else a line for each thing that happens."""
    if not out.is_interactive:

        def tell(_watched: Watched, _urls: dict[str, str], news: list[str]) -> None:
            for line in news:
                out.note(line)

        yield tell
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        yield lambda watched, urls, _news: live.update(shown(watched, urls), refresh=True)


@contextlib.contextmanager
def _running(market: Market, folder: Path) -> Iterator[dict[str, str]]:
    """Live detection on a Ray cluster of this process's own; ended with everything it stored."""
    from msray.on_ray import live, running, session

    plan = _plan(market, folder)
    dashboard = session.start_local(dashboard=True)
    try:
        live.start_live(plan)
        running.wait_until_synced()
        assert plan.api is not None
        api = f"http://127.0.0.1:{plan.api.port}"
        yield {
            "api": api,
            "signals": f"{api}/api/v1/signals",
            "docs": f"{api}/docs",
            "metrics": f"{api}/metrics",
            "ray": dashboard,
        }
        running.stop_live(ends_cluster=True)
    finally:
        session.leave()


def _plan(market: Market, folder: Path) -> "LivePlan":
    from pydantic import SecretStr

    from msray.api.config import ApiConfig
    from msray.on_ray.environment import free_port
    from msray.on_ray.live import LivePlan

    url = SecretStr(f"sqlite:///{folder / 'ledger.db'}")
    port = free_port(8000)
    if not port:
        raise UnavailableError("no port from 8000 to 8099 is free")
    names = tuple(instrument.id for instrument in market.instruments)
    types = tuple(watch.name for watch in market.detection.watches)
    return LivePlan(
        instruments=market.instruments,
        ledger_url=url,
        detection=market.detection,
        endpoint=market.url,
        raw_log=folder / "raw_log",
        api=ApiConfig(port=port, ledger_url=url, instruments=names, signal_types=types),
    )
