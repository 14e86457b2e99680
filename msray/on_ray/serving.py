"""The Serve application ``api``: the same FastAPI app as without Ray, around actors of the session, and its models."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr
from ray import serve

from msray.api.app import create_app
from msray.api.config import ApiConfig
from msray.api.state import ApiState, InstrumentSnapshot
from msray.clock import SystemClock
from msray.errors import UnavailableError
from msray.on_ray.board import BoardView
from msray.on_ray.calls import answer
from msray.on_ray.gathered_ledger import GatheredLedger
from msray.on_ray.remote_ledger import RemoteLedger
from msray.on_ray.remote_models import RemoteModels
from msray.on_ray.scaling import Load
from msray.on_ray.session import API_APP, BOARD, LEDGER, find
from msray.telemetry.families import COMMIT, COMMIT_SIGNALS
from msray.telemetry.metrics import Figures, exposition

LOOK_S = 0.2
METRICS_KEPT_S = 1.0
LEDGER_WITHIN_S = 5.0
"""Of the ten seconds that Prometheus waits by default."""
STALE_S = 5.0
SERVE_LOGGING = {"log_level": "WARNING"}
ROUTE_PREFIX = "/"
OPTIONS: dict[str, Any] = {
    "name": "Api",
    # An open socket holds one of these as long as it is open, and with the default of 5 few would starve the others;
    # the app has limits of its own, of sockets and of submissions.
    "max_ongoing_requests": 1000,
    "graceful_shutdown_timeout_s": 10.0,
    "ray_actor_options": {"num_cpus": 0.0},
    "autoscaling_config": {
        "min_replicas": 1,
        "max_replicas": 2,
        # HTTP requests under way, not open sockets: the policy sees to that.
        "target_ongoing_requests": 16.0,
        "look_back_period_s": 15.0,
        "upscale_delay_s": 3.0,
        "downscale_delay_s": 30.0,
        "policy": {"policy_function": "msray.on_ray.scaling:replicas_for_requests"},
    },
    "logging_config": {"enable_access_log": False, "log_level": "WARNING"},
}
"""Of the deployment."""


class Watcher:
    """A replica's view of the board, refreshed behind the requests; see the protocols in ``api/state.py``.

    Each look tells the board the figures of this replica, which go from there to all of them.

    Parameters
    ----------
    config
        Names that may be labels.
    figures
        Of this replica.
    """

    def __init__(self, config: ApiConfig, figures: Figures) -> None:
        self._config = config
        self._figures = figures
        self._replica = secrets.token_hex(8)
        self._clock = SystemClock()
        self._snapshots: dict[str, InstrumentSnapshot] = {}
        self._view: BoardView | None = None
        self._looked_ns = 0
        self._text = ""
        self._text_ns = 0
        self._turn = asyncio.Lock()

    async def watch(self) -> None:
        """Look at the board for ever."""
        while True:
            with contextlib.suppress(UnavailableError):
                # While it is being started again, what was seen last is shown, and readiness says so.
                await self._look()
            await self._clock.sleep(LOOK_S)

    def instruments(self) -> Sequence[str]:
        """Ids of all instruments that are running."""
        return list(self._snapshots)

    def snapshot(self, instrument: str) -> InstrumentSnapshot | None:
        """The latest of one of them."""
        return self._snapshots.get(instrument)

    async def reasons(self) -> list[str]:
        """Why requests should not be sent here."""
        found = []
        if self._clock.monotonic_ns() - self._looked_ns > STALE_S * 1e9 or self._view is None:
            found.append("the board cannot be reached")
        try:
            found += await RemoteLedger().reasons()
        except UnavailableError:
            found.append("the ledger is not running")
        return found

    async def text(self) -> str:
        """The figures of the whole system; the same from every replica.

        Raises
        ------
        UnavailableError
            If the board has not been seen yet: totals of nobody would be read as totals that began anew.
        """
        async with self._turn:
            if self._clock.monotonic_ns() - self._text_ns > METRICS_KEPT_S * 1e9:
                self._text = await self._written()
                self._text_ns = self._clock.monotonic_ns()
            return self._text

    async def _written(self) -> str:
        """All that can be told now, while the ledger is unavailable without what only it knows."""
        config, ledger = self._config, None
        with contextlib.suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(LEDGER_WITHIN_S):
                ledger = await RemoteLedger().sample(config.instruments, config.signal_types, config.active_window_s)
        view = self._view or await self._look()
        if ledger is None:
            return exposition(view.samples, unknown=(COMMIT, COMMIT_SIGNALS))
        return exposition([ledger, *view.samples])

    async def _look(self) -> BoardView:
        seen = self._view.version if self._view else 0
        view: BoardView = await answer(find(BOARD).tell.remote(self._replica, self._figures.sample(), seen))
        self._view = view
        self._snapshots.update({snapshot.instrument: snapshot for snapshot in view.instruments})
        running = {name for shard in view.shards for name in shard.instruments}
        for gone in self._snapshots.keys() - running:
            del self._snapshots[gone]
        self._looked_ns = self._clock.monotonic_ns()
        return view


class Api:
    """One replica.

    Parameters
    ----------
    config
        Of the API; a key that it does not hold is read from the replica's environment, ``MSRAY_API_KEY``.
    ticket_secret
        See :class:`~msray.api.state.ApiState`.
    """

    def __init__(self, config: ApiConfig, ticket_secret: bytes) -> None:
        config = with_key_of_the_environment(config)
        figures = Figures()
        self._load = Load(figures)
        self._watcher, models = Watcher(config, figures), RemoteModels()
        self._app = create_app(
            ApiState(
                store=GatheredLedger(find(LEDGER)),
                books=self._watcher,
                models=models,
                metrics=self._watcher,
                readiness=self._watcher,
                clock=SystemClock(),
                figures=figures,
                profile=config.profile,
                cors_origins=config.cors_origins,
                ticket_secret=ticket_secret,
            ),
            config.key_ring(),
        )
        loop = asyncio.get_running_loop()
        self._watching = [loop.create_task(one.watch()) for one in (self._watcher, models)]

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._app

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What the policy is told of this replica; Serve asks a few times in ``look_back_period_s``."""
        return self._load.look()


def build_app(config: ApiConfig) -> Any:
    """The Serve application; ``cluster/serve.yaml`` names this function, and says the same options.

    Parameters
    ----------
    config
        Of the API. The ledger it names is not opened here, the session's actor has it; its models are those of the
        application ``ensemble``; host and port are Serve's.
    """
    return serve.deployment(**OPTIONS)(serve.ingress()(Api)).bind(config, secrets.token_bytes(32))


def start_serve(config: ApiConfig | None) -> None:
    """Start Serve, whose port stays what it is from then on; None serves applications to handles only."""
    if config is None:
        serve.start(proxy_location="Disabled", logging_config=SERVE_LOGGING)
    else:
        serve.start(http_options={"host": config.host, "port": config.port}, logging_config=SERVE_LOGGING)


def start_api(config: ApiConfig) -> None:
    """Deploy the application and wait until it answers."""
    start_serve(config)
    serve.run(build_app(config), name=API_APP, route_prefix=ROUTE_PREFIX)


def with_key_of_the_environment(config: ApiConfig) -> ApiConfig:
    """The configuration with the key of ``MSRAY_API_KEY``, unless it has one."""
    key = os.environ.get("MSRAY_API_KEY")
    return config if config.api_key or not key else config.model_copy(update={"api_key": SecretStr(key)})
