"""``msray live``, ``status`` and ``down``: live detection on a Ray cluster."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.arguments import names
from msray.cli.http import get_json
from msray.cli.output import Output
from msray.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from msray.api.state import InstrumentSnapshot
    from msray.cli.settings import Settings
    from msray.on_ray.board import BoardView
    from msray.on_ray.live import LivePlan
    from msray.prediction import PredictConfig

LOOK_S, _STANDS_STILL_S = 0.2, 3.0
_SHARD_COLUMNS = ("shard", "holder", "instruments", "signals", "waiting", "restarts", "problem")
_COLUMNS = ("instrument", "state", "mid", "spread_bps", "messages", "trades", "gaps", "stale_ms")

_Address = Annotated[str | None, typer.Option(envvar="RAY_ADDRESS", help="The Ray cluster; else the one started here.")]


def live(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    instruments: Annotated[str | None, typer.Option(metavar="LIST", help="venue:SYMBOL,... to watch instead.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help="A simulator, as http://127.0.0.1:9080.")] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="A Ray cluster to join; else one is started here.")
    ] = None,
    one_socket: Annotated[bool, typer.Option("--one-socket", help="Depth and trades on one (simulators).")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Use the fast client, picows.")] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stay till the endpoint has sent all.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="Stay so long, then end.")] = None,
    no_api: Annotated[bool, typer.Option("--no-api", help="Serve no HTTP API.")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="Trade the signals on paper, as `backtest` is set.")] = False,
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Predict with it; may be repeated.")] = None,
) -> None:
    """Detect live: books, features and detectors in Ray actors, signals in the ledger and over HTTP.

    It returns when every book is synced, and the cluster goes on: `msray status --watch` looks at it, `msray down`
    ends it. With --until-end or --seconds it stays, and ends what it started. Inside a Ray job it joins that cluster.
    With --model, or `predict.models` in the configuration, trained models predict beside the detectors, and what they
    are sure of becomes signals.
    """
    from msray.cli.settings_file import load_settings
    from msray.on_ray import head, running, session
    from msray.on_ray.live import start_live

    out: Output = context.obj
    keep_ray_quiet(context, out)
    settings = load_settings(config)
    if until_end and not (endpoint or settings.endpoint):
        raise UsageError("--until-end needs an --endpoint: a venue has no end")
    plan = replace(
        _plan(settings, instruments, endpoint, one_socket=one_socket, is_fast=fast, serves=not no_api, trades=paper),
        predict=_predict(settings, model),
        models_dir=settings.models_dir.resolve(),
    )
    stays = until_end or seconds is not None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with alone(settings.state_dir), contextlib.ExitStack() as end:
        address = running_address(settings, address)
        starts_head = address is None
        end.callback(leave, settings, stops_head=starts_head)
        session.join(address or head.start_head(settings.state_dir).address)
        start_live(plan)
        end.callback(running.stop_live, ends_cluster=starts_head)
        view = running.wait_until_synced(is_over=lambda: until_end and _has_ended(plan.endpoint))
        synced = sum(one.state == "synced" for one in view.instruments)
        out.note(f"{synced} books synced; msray status --watch, msray down")
        if plan.api is not None:
            out.note(f"API: http://{plan.api.host}:{plan.api.port}/api/v1/signals")
        if stays:
            _stay(plan.endpoint, until_end=until_end, seconds=seconds)
            view = running.look()
        else:
            end.pop_all()
    _tell(out, view, {})


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Show it every second.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    address: _Address = None,
) -> None:
    """Show what runs: shards, books, signals, and what is wrong with any of them."""
    from msray.cli.settings_file import load_settings
    from msray.on_ray import running

    out: Output = context.obj
    keep_ray_quiet(context, out)
    _join(load_settings(config), address)
    while True:
        _tell(out, running.look(), running.supervised())
        if not watch:
            return
        time.sleep(1.0)


def down(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    address: _Address = None,
) -> None:
    """End live detection once its signals are stored, and the Ray cluster if `msray live` started it."""
    from msray.cli.settings_file import load_settings
    from msray.on_ray import running

    out: Output = context.obj
    keep_ray_quiet(context, out)
    settings = load_settings(config)
    with contextlib.ExitStack() as end:
        end.callback(leave, settings, stops_head=address is None)
        try:
            _join(settings, address)
        except UnavailableError:
            was_running = False
        else:
            was_running = running.is_live() or bool(running.served())
            running.stop_live(ends_cluster=address is None)
    out.data({"was_running": was_running})
    out.line("ended" if was_running else "nothing was running")


def _plan(
    settings: "Settings",
    instruments: str | None,
    endpoint: str | None,
    *,
    one_socket: bool,
    is_fast: bool,
    serves: bool,
    trades: bool,
) -> "LivePlan":
    from msray.backtest.config import check_funding
    from msray.cli.api import api_config
    from msray.cli.calibrations import calibrations_for
    from msray.feeds.listings import fetch_listings
    from msray.on_ray.live import LivePlan

    named = settings.instruments if instruments is None else tuple(names(instruments))
    if not named:
        raise UsageError("instruments must name at least one, got none", hint="--instruments, or in the configuration")
    if trades and settings.backtest.latency.log is not None:
        raise UsageError("backtest.latency.log knows nothing of times to come: --paper needs entry_ms and response_ms")
    if trades:
        check_funding(settings.backtest, named)
    api = api_config(settings, instruments=named) if serves else None
    listings = asyncio.run(fetch_listings(named, endpoint=endpoint or settings.endpoint))
    file = settings.detection.calibration.file
    return LivePlan(
        instruments=listings.instruments,
        calibrations=() if file is None else tuple(calibrations_for(file, named, settings.detection).values()),
        ledger_url=settings.ledger,
        detection=settings.detection,
        endpoint=endpoint or settings.endpoint,
        one_socket=one_socket,
        is_fast=is_fast,
        symbols_per_shard=settings.live.symbols_per_shard,
        raw_log=settings.raw_log_folder.resolve() if settings.raw_log.enabled else None,
        retention_hours=settings.raw_log.retention_hours,
        api=api,
        paper=settings.backtest if trades else None,
    )


def _predict(settings: "Settings", models: list[str] | None) -> "PredictConfig":
    """Which models predict; a mistake is said before anything starts."""
    from msray.cli.predicting import load_models, predict_words

    words = predict_words(settings, models)
    load_models(settings, words)
    return words


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Keep every other ``msray live`` out of a state folder: there is one head in it, and one note of that head."""
    from msray.store.ledger_lock import FileLock

    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(state_dir / "ray-head.json.lock")
    except UnavailableError as error:
        hint = "end that process, or name another state_dir"
        raise UsageError(f"live detection is started from here already: {error}", hint=hint) from error
    try:
        yield
    finally:
        lock.release()


def running_address(settings: "Settings", address: str | None) -> str | None:
    """Of the cluster that was named, else of the one that was started here, if it runs."""
    from msray.on_ray import head

    known = None if address else head.known_head(settings.state_dir)
    return known.address if known else address


def keep_ray_quiet(context: typer.Context, out: Output) -> None:
    """Keep Ray's own words off stdout, those among them that it says while it is being left."""
    from msray.on_ray import session

    context.with_resource(out.alone_on_stdout())
    context.call_on_close(session.leave)


def _join(settings: "Settings", address: str | None) -> None:
    from msray.on_ray import session

    address = running_address(settings, address)
    if address is None:
        raise UnavailableError(f"nothing runs from {settings.state_dir}", hint="msray live starts it")
    session.join(address)


def leave(settings: "Settings", *, stops_head: bool) -> None:
    """Leave the cluster; ending its head takes all else with it."""
    from msray.on_ray import head, session

    session.leave()
    if stops_head:
        head.stop_head(settings.state_dir)


def _stay(endpoint: str | None, *, until_end: bool, seconds: float | None) -> None:
    """Until the time is over, or until the simulator at the endpoint says that it has sent everything, or is gone."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while deadline is None or time.monotonic() < deadline:
        if until_end and _has_ended(endpoint):
            return
        time.sleep(LOOK_S)


def _has_ended(endpoint: str | None) -> bool:
    """Whether the simulator at an endpoint has sent everything, or is gone; what is none has no end."""
    try:
        return endpoint is not None and is_over(endpoint)
    except UsageError:
        return False
    except UnavailableError:
        return True


def is_over(endpoint: str) -> bool:
    """Whether the simulator at an endpoint has sent everything; then the shards have taken it too.

    Raises
    ------
    UsageError
        If it is none.
    UnavailableError
        If nobody answers there.
    """
    url = endpoint.replace("ws", "http", 1) if endpoint.startswith("ws") else endpoint
    status = get_json(f"{url.rstrip('/')}/oracle/status")
    if status.get("state") != "done":
        return False
    _take_all({one["instrument"]: one["last_id"] or 0 for one in status["instruments"]})
    return True


def _take_all(sent: Mapping[str, int]) -> None:
    """Wait until the books have come to what was sent last, or stand still: one behind a gap never comes there."""
    from msray.on_ray import running

    moved_s, before = time.monotonic(), dict[str, int]()
    while time.monotonic() - moved_s < _STANDS_STILL_S:
        with contextlib.suppress(UnavailableError):  # the board is being started again
            now = {one.instrument: one.update_id for one in running.look().instruments}
            if now and all(seen >= sent.get(name, 0) for name, seen in now.items()):
                return
            if now != before:
                moved_s, before = time.monotonic(), now
        time.sleep(LOOK_S)


def _tell(out: Output, view: "BoardView", supervised: dict[str, dict[str, Any]]) -> None:
    from msray.cli.predicting import score_row, show_scores

    rows = [_row(one) for one in sorted(view.instruments, key=lambda one: one.instrument)]
    shards = [
        {
            "shard": shard.shard,
            "holder": shard.holder,
            "instruments": list(shard.instruments),
            "signals": shard.signals_stored,
            "waiting": shard.signals_waiting,
            "restarts": supervised.get(shard.shard, {}).get("restarts", 0),
            "problem": supervised.get(shard.shard, {}).get("problem", "") or "; ".join(shard.problems),
        }
        for shard in view.shards
    ]
    paper = [asdict(shard.paper) for shard in view.shards if shard.paper is not None]
    models = [
        {**asdict(model), "shard": shard.shard, "scores": [score_row(score) for score in model.scores]}
        for shard in view.shards
        for model in shard.models
    ]
    out.data({"shards": shards, "instruments": rows, "paper": paper[0] if paper else None, "models": models})
    out.table(_SHARD_COLUMNS, [[_cell(shard[name]) for name in _SHARD_COLUMNS] for shard in shards])
    out.table(_COLUMNS, [[_cell(row[name]) for name in _COLUMNS] for row in rows])
    for one in models:
        out.line(
            f"{one['shard']}: {one['model']}: {one['predictions']} predictions, {one['signals']} signals, "
            f"{one['dropped']} rows dropped, {one['unanswered']} unanswered, {one['waiting']} rows waiting"
        )
        show_scores(out, one["scores"])
    for one in paper:
        positions = ", ".join(f"{name} {size:g}" for name, size in one["positions"].items() if size) or "nothing"
        refused = "".join(f", {count} refused by {limit}" for limit, count in one["refusals"].items())
        ended = "".join(f"; {one[why]}" for why in ("halted", "failed") if one[why])
        out.line(
            f"paper: {one['equity']:.2f} ({one['net_return']:+.3%}), holds {positions}; {one['orders']} orders, "
            f"{one['fills']} fills, {one['trades']} trades{refused}{ended}"
        )


def _row(one: "InstrumentSnapshot") -> dict[str, Any]:
    features, quality = one.features, one.quality
    return {
        "instrument": one.instrument,
        "state": one.state,
        "update_id": one.update_id,
        "mid": features.get("mid_price"),
        "spread_bps": features.get("spread_bps"),
        "messages": quality["depth_messages"],
        "trades": quality["trades"],
        "gaps": quality["gaps"],
        "stale_ms": round((time.time_ns() - one.local_ns) / 1e6) if one.local_ns else None,
        "quality": dict(quality),
    }


def _cell(value: object) -> object:
    if isinstance(value, list):
        return len(value)
    return f"{value:.6g}" if isinstance(value, float) else value
