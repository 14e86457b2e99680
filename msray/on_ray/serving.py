"""The Serve application ``api``: the same FastAPI app as without Ray, around the actors of the session."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from ray import serve

from msray.api.app import create_app
from msray.api.config import ApiConfig
from msray.api.state import ApiState, InstrumentSnapshot
from msray.errors import UnavailableError
from msray.feeds.clock import SystemClock
from msray.on_ray.board import BoardView
from msray.on_ray.calls import answer
from msray.on_ray.ledger_actor import RemoteLedger
from msray.on_ray.session import API_APP, BOARD, LEDGER, find
from msray.telemetry.metrics import Figures, Sample, exposition

LOOK_S = 0.2
METRICS_KEPT_S = 1.0
STALE_S = 5.0
MAX_ONGOING = 1000
"""Requests under way on a replica; an open socket counts as one, and the default of 5 would starve the others."""


class Watcher:
    """A replica's view of the board, refreshed behind the requests; see the protocols in ``api/state.py``.

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
        """The figures of the whole system; the same from every replica, but for its own requests."""
        async with self._turn:
            if self._clock.monotonic_ns() - self._text_ns > METRICS_KEPT_S * 1e9:
                config = self._config
                ledger = await RemoteLedger().sample(config.instruments, config.signal_types, config.active_window_s)
                shards: Sequence[Sample] = self._view.samples if self._view else ()
                self._text = exposition([self._figures.sample(), ledger, *shards])
                self._text_ns = self._clock.monotonic_ns()
            return self._text

    async def _look(self) -> None:
        view = await answer(find(BOARD).look.remote(self._view.version if self._view else 0))
        self._view = view
        self._snapshots.update({snapshot.instrument: snapshot for snapshot in view.instruments})
        running = {name for shard in view.shards for name in shard.instruments}
        for gone in self._snapshots.keys() - running:
            del self._snapshots[gone]
        self._looked_ns = self._clock.monotonic_ns()


def build_app(config: ApiConfig) -> Any:
    """The Serve application.

    Parameters
    ----------
    config
        Of the API; the ledger it names is not opened here, the session's actor has it.
    """
    ticket_secret = secrets.token_bytes(32)

    class Api:
        """One replica."""

        def __init__(self) -> None:
            figures = Figures()
            self._watcher = Watcher(config, figures)
            self._app = create_app(
                ApiState(
                    store=RemoteLedger(find(LEDGER)),
                    books=self._watcher,
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
            self._watching = asyncio.get_running_loop().create_task(self._watcher.watch())

        def __serve_build_asgi_app__(self) -> FastAPI:
            return self._app

    deployment = serve.deployment(
        name="Api",
        max_ongoing_requests=MAX_ONGOING,
        graceful_shutdown_timeout_s=10,
        ray_actor_options={"num_cpus": 0},
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": 2,
            "target_ongoing_requests": 16,
            "upscale_delay_s": 3,
            "downscale_delay_s": 30,
        },
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )(serve.ingress()(Api))
    return deployment.bind()


def start_api(config: ApiConfig) -> None:
    """Deploy the application and wait until it answers."""
    serve.start(http_options={"host": config.host, "port": config.port}, logging_config={"log_level": "WARNING"})
    serve.run(build_app(config), name=API_APP, route_prefix="/")
