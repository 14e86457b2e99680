"""Live detection on a cluster: what is started, in which order, and how it is looked at and ended."""

import contextlib
import logging
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from pydantic import SecretStr
from ray import serve
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from msray.api.config import ApiConfig
from msray.backtest import BacktestConfig, check_queue, warm_up_orders
from msray.detectors import Calibration
from msray.errors import UnavailableError, UsageError
from msray.market import Instrument
from msray.on_ray.board import BoardView, start_board
from msray.on_ray.calls import answer_now
from msray.on_ray.ensemble import EnsembleConfig, check_models, start_ensemble
from msray.on_ray.environment import free_port
from msray.on_ray.feed_shard import LEASE_S
from msray.on_ray.holder import is_gone, runs
from msray.on_ray.ledger_actor import start_ledger
from msray.on_ray.serving import start_api, start_serve
from msray.on_ray.session import API_APP, BOARD, ENSEMBLE_APP, LEDGER, NAMESPACE, SUPERVISOR, find
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.supervisor import start_supervisor
from msray.prediction import DetectionConfig, PredictConfig
from msray.prediction.warm_up import warm_up

SYNC_S = 60.0
WARM_UP_S = 300.0
logging.getLogger("ray.serve").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlan:
    """What is to run.

    Attributes
    ----------
    instruments
        As their venues list them; see :func:`~msray.feeds.listings.fetch_listings`.
    detection
        The user's words.
    calibrations
        Made before; see :class:`~msray.on_ray.shard_plan.ShardPlan`.
    endpoint, one_socket, is_fast
        Of a simulator; see :class:`~msray.on_ray.shard_plan.ShardPlan`.
    symbols_per_shard
        Instruments in one process.
    raw_log, retention_hours
        Where the raw log is kept, and how long; None keeps none.
    ledger_url
        Where signals are kept.
    api
        The HTTP API; None serves none.
    paper
        What paper trading assumes, in one account for all instruments; None trades nothing.
    predict, models_dir
        Which models predict, and their registry; see :class:`~msray.on_ray.shard_plan.ShardPlan`.
    """

    instruments: tuple[Instrument, ...]
    ledger_url: SecretStr
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    calibrations: tuple[Calibration, ...] = ()
    endpoint: str | None = None
    one_socket: bool = False
    is_fast: bool = False
    symbols_per_shard: int = 8
    raw_log: Path | None = None
    retention_hours: float = 24.0
    api: ApiConfig | None = None
    paper: BacktestConfig | None = None
    predict: PredictConfig = field(default_factory=PredictConfig)
    models_dir: Path | None = None


def start_live(plan: LivePlan) -> None:
    """Start everything on the cluster this process has joined; returns when it has been told to run.

    Raises
    ------
    UsageError
        If there are no instruments, something is running on this cluster already, somebody else detects one of the
        instruments into this ledger (it names the holder), or paper trading is to know more than the venue tells.
    UnavailableError
        If somebody else writes the ledger; it names the holder.
    """
    if not plan.instruments:
        raise UsageError("instruments must name at least one, got none", hint="name them in the configuration")
    if plan.paper is not None:
        check_queue(plan.paper, plan.instruments)
    if plan.paper is not None and len(plan.instruments) > plan.symbols_per_shard:
        raise UsageError(
            f"paper trading needs its instruments in one shard, got {len(plan.instruments)} of them and "
            f"symbols_per_shard {plan.symbols_per_shard}",
            hint=f"live.symbols_per_shard: {min(len(plan.instruments), 32)}, or fewer instruments",
        )
    ensemble = EnsembleConfig(models_dir=plan.models_dir or Path("models"), models=plan.predict.models)
    check_models(ensemble)
    if is_live():
        raise _already()
    if plan.api is not None and free_port(plan.api.port) != plan.api.port:
        raise UsageError(f"api.port must be free, got {plan.api.port}, which is taken", hint="MSRAY_API__PORT=8001")
    if len(_nodes()) > 1 and plan.ledger_url.get_secret_value().startswith("sqlite"):
        raise UsageError("ledger_url must be PostgreSQL on a cluster of several nodes, got SQLite")
    try:
        ledger = start_ledger(plan.ledger_url.get_secret_value())
    except ValueError as error:  # its name is taken: of two that start at once, one has it
        raise _already() from error
    with contextlib.ExitStack() as undo:
        undo.callback(_kill_all)
        undo.callback(_stop_served)
        answer_now(ledger.reasons.remote())
        _refuse_held(answer_now(ledger.holders.remote({one.id for one in plan.instruments})))
        board, warmed = start_board(), _warm_nodes(trades=plan.paper is not None)  # and what is served, side by side
        with ThreadPoolExecutor(1) as serving:
            models, api = serving.submit(_serve_models, plan.api, ensemble), serving.submit(_serve_api, plan.api)
            answer_now(board.look.remote())
            answer_now(warmed, WARM_UP_S)
            models.result()
            answer_now(start_supervisor(shard_plans(plan)).status.remote())
            api.result()
        undo.pop_all()


def _serve_models(api: ApiConfig | None, ensemble: EnsembleConfig) -> None:
    if ensemble.models:
        start_serve(api)
        start_ensemble(ensemble)


def _serve_api(config: ApiConfig | None) -> None:
    if config is not None:
        start_api(config)


def _already() -> UsageError:
    who = "its shards do not answer"
    with contextlib.suppress(UnavailableError):
        who = ", ".join(shard.holder for shard in look().shards) or "its shards are being started"
    return UsageError(f"live detection runs on this cluster already: {who}", hint="msray down ends it")


def _refuse_held(holders: Mapping[str, str]) -> None:
    """UsageError where an instrument is somebody else's, unless that one was killed on this machine."""
    host = socket.gethostname()
    held = {name: who for name, who in sorted(holders.items()) if not is_gone(who, host, runs)}
    if held:
        names, whose = list(held)[:3], dict.fromkeys(list(held.values())[:3])
        more = f" and {len(held) - len(names)} more" if len(held) > len(names) else ""
        raise UsageError(
            f"instruments must be free in the ledger, got {', '.join(names)}{more}, held by {'; '.join(whose)}",
            hint=f"end that one with msray down, or wait {LEASE_S:g} s if it has died",
        )


def _warm_nodes(*, trades: bool) -> list[Any]:
    """Begin to compile the kernels once on each node, so that its shards only load them; what is to be waited for."""

    def compile_all() -> None:
        warm_up()
        if trades:
            warm_up_orders()

    warm = ray.remote(num_cpus=0)(compile_all)
    where = [NodeAffinitySchedulingStrategy(node, soft=True) for node in _nodes()]
    return [warm.options(name="msray-warm-up", scheduling_strategy=one).remote() for one in where]


def _nodes() -> list[str]:
    return [node["NodeID"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def shard_plans(plan: LivePlan) -> list[ShardPlan]:
    """Instruments cut into shards. Venues of one symbol stay together: they are compared without a network between."""
    ordered = sorted(plan.instruments, key=lambda one: (one.symbol, one.venue))
    size = plan.symbols_per_shard
    return [
        ShardPlan(
            name=f"shard-{at // size}",
            instruments=tuple(ordered[at : at + size]),
            detection=plan.detection,
            calibrations=plan.calibrations,
            endpoint=plan.endpoint,
            one_socket=plan.one_socket,
            is_fast=plan.is_fast,
            raw_log=plan.raw_log,
            retention_hours=plan.retention_hours,
            paper=plan.paper,
            predict=plan.predict,
            models_dir=plan.models_dir,
        )
        for at in range(0, len(ordered), size)
    ]


def look(seen: int = 0) -> BoardView:
    """What there is to see now; UnavailableError where nothing runs."""
    view: BoardView = answer_now(find(BOARD).look.remote(seen))
    return view


def is_live() -> bool:
    """Whether live detection runs on this cluster."""
    with contextlib.suppress(UnavailableError):
        find(SUPERVISOR)
        return True
    return False


def supervised() -> dict[str, dict[str, Any]]:
    """How each shard is doing, by name; none where there is nothing but models."""
    if not is_live():
        return {}
    status: dict[str, dict[str, Any]] = answer_now(find(SUPERVISOR).status.remote())
    return status


def wait_until_synced(timeout_s: float = SYNC_S) -> BoardView:
    """Wait until every book is synced, but for those of halted symbols.

    Raises
    ------
    UnavailableError
        If it takes longer; it names the books that are not.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        view, shards = look(), supervised()
        waiting = [one.instrument for one in view.instruments if one.state not in ("synced", "halted")]
        if not waiting and {shard.shard for shard in view.shards} >= shards.keys():
            return view
        if time.monotonic() > deadline:
            problems = [one["problem"] for one in shards.values() if one["problem"]]
            problems += [text for shard in view.shards for text in shard.problems]
            raise UnavailableError(
                f"books must be synced within {timeout_s:g} s, waiting for {', '.join(waiting) or 'the shards'}",
                hint="; ".join(problems[:3]),
            )
        time.sleep(0.2)


def stop_live(*, ends_cluster: bool = False) -> None:
    """Stop the shards once their signals are stored, then all else, unless the cluster ends next and takes it along.

    Where nothing runs there is nothing to do.
    """
    with contextlib.ExitStack() as after:
        if not ends_cluster:
            after.callback(_kill_all)
            after.callback(_stop_served)
        for name, method in ((SUPERVISOR, "stop"), (LEDGER, "close")):
            with contextlib.suppress(UnavailableError):
                answer_now(getattr(find(name), method).remote())


def _stop_served() -> None:
    ours = {API_APP, ENSEMBLE_APP}
    running = served()
    if running and running <= ours:
        serve.shutdown()  # type: ignore[no-untyped-call]  # its proxy holds the port otherwise
        return
    for name in running & ours:
        serve.delete(name)


def served() -> set[str]:
    """Applications of the cluster's Serve; none where it is not running."""
    with contextlib.suppress(ray.exceptions.RayError, RuntimeError):
        return set(serve.status().applications)
    return set()


def _kill_all() -> None:
    """Every actor of ours; the supervisor first, or it would start shards again."""
    named = ray.util.list_named_actors(all_namespaces=True)
    own = [actor["name"] for actor in named if actor["namespace"] == NAMESPACE]
    for name in sorted(own, key=lambda name: name != SUPERVISOR):
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(name, namespace=NAMESPACE))
