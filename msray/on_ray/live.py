"""Live detection on a cluster: what is started, and in which order."""

import contextlib
import logging
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from pydantic import SecretStr
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from msray.api.config import ApiConfig
from msray.backtest import BacktestConfig, check_queue, warm_up_orders
from msray.detectors import Calibration
from msray.errors import UnavailableError, UsageError
from msray.market import Instrument
from msray.on_ray.board import start_board
from msray.on_ray.calls import answer_now
from msray.on_ray.ensemble import EnsembleConfig, check_models, start_ensemble
from msray.on_ray.environment import free_port
from msray.on_ray.feed_shard import LEASE_S
from msray.on_ray.holder import is_gone, runs
from msray.on_ray.ledger_actor import start_ledger
from msray.on_ray.running import is_live, kill_all, look, stop_served
from msray.on_ray.serving import start_api, start_serve
from msray.on_ray.shard_plan import ShardPlan
from msray.on_ray.supervisor import start_supervisor
from msray.prediction import DetectionConfig, PredictConfig
from msray.prediction.warm_up import warm_up

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
        undo.callback(kill_all)
        undo.callback(stop_served)
        answer_now(ledger.reasons.remote())
        _refuse_held(answer_now(ledger.holders.remote({one.id for one in plan.instruments})))
        board, warmed = start_board(), _warm_nodes(trades=plan.paper is not None)  # and what is served, side by side
        with ThreadPoolExecutor(1) as serving:
            models, api = serving.submit(_serve_models, plan.api, ensemble), serving.submit(_serve_api, plan.api)
            try:
                answer_now(board.look.remote())
                answer_now(warmed, WARM_UP_S)
                models.result()
                answer_now(start_supervisor(shard_plans(plan)).status.remote())
                api.result()
            finally:
                api.cancel()  # what has not begun
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
