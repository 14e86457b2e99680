"""``APIServer``: the API on a port, with its ledger and its models in the same process. Needs no cluster."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import uvicorn
from fastapi import FastAPI

from msray.api.app import create_app
from msray.api.config import ApiConfig
from msray.api.in_process import commits_into, state_around
from msray.api.model_server import ModelServer
from msray.api.models import ModelSource, ModelStatus, NoModels
from msray.api.models_here import ModelsHere
from msray.api.protocol import LimitedProtocol, LimitedSocket
from msray.api.stream import Streams
from msray.clock import Clock, SystemClock
from msray.errors import UnavailableError
from msray.store.ledger_store import LedgerStore
from msray.telemetry.metrics import Figures

DRAIN_S = 10
"""Seconds that requests under way have when the server is stopped."""
_MAX_CONNECTIONS = 800
_MAX_WEBSOCKET_FRAME = 16 * 1024
_BACKLOG = 512


class APIServer:
    """Serves until it is told to stop, by :meth:`stop`, by SIGTERM or by ctrl-C.

    Parameters
    ----------
    config
        All of it; the defaults serve this machine from ``ledger.db``.
    clock
        The machine's by default.

    Examples
    --------
    ``await APIServer(ApiConfig(port=8000)).serve()``
    """

    def __init__(self, config: ApiConfig | None = None, *, clock: Clock | None = None) -> None:
        self.config = config or ApiConfig()
        self._clock = clock or SystemClock()
        self._server: _Server | None = None
        self._models: ModelSource = NoModels()

    async def serve(self, on_started: Callable[[str], None] | None = None) -> None:
        """Take the port and the ledger, then serve.

        Parameters
        ----------
        on_started
            Called with the URL once requests are answered.

        Raises
        ------
        UnavailableError
            If the port is taken, or the ledger has another writer or cannot be reached.
        UsageError
            If the host is none, the ledger is none, the keys are not right, or there is no ONNX Runtime for models.
        """
        config, clock, figures = self.config, self._clock, Figures()
        keys = config.key_ring()
        with contextlib.closing(listen(config.host, config.port)) as listener:
            store = LedgerStore(config.ledger_url.get_secret_value(), clock=clock, observe=commits_into(figures))
            try:
                async with self._following(figures) as models:
                    app = create_app(state_around(store, config, clock=clock, figures=figures, models=models), keys)
                    await self._serve(app, listener, on_started)
            finally:
                store.close()

    async def _serve(self, app: FastAPI, listener: socket.socket, on_started: Callable[[str], None] | None) -> None:
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._server = _Server(app, lambda: on_started(url) if on_started else None)
        await self._server.serve(sockets=[listener])

    @contextlib.asynccontextmanager
    async def _following(self, figures: Figures) -> AsyncIterator[ModelSource]:
        """The models of the configuration, followed until the block is left."""
        if not self.config.models:
            yield NoModels()
            return
        server = await asyncio.to_thread(ModelServer, self.config.models_dir, self.config.models, figures=figures)
        with contextlib.closing(ModelsHere(server, self._clock, figures)) as models:
            self._models = models
            following = asyncio.create_task(models.follow())
            try:
                yield models
            finally:
                following.cancel()

    def models(self) -> Sequence[ModelStatus]:
        """All that are to be served, and why some of them are not."""
        return self._models.models()

    def stop(self) -> None:
        """Answer what is under way, then end :meth:`serve`."""
        if self._server:
            self._server.should_exit = True


async def run_api_server_async(config: ApiConfig | None = None, port: int | None = None) -> None:
    """Serve the API until the process is told to stop.

    Parameters
    ----------
    config
        See :class:`~msray.api.config.ApiConfig`.
    port
        Replaces the one in ``config``.
    """
    config = config or ApiConfig()
    if port is not None:
        config = ApiConfig.model_validate(dict(config) | {"port": port})  # a copy with an update is not validated
    await APIServer(config).serve()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises
    ------
    UnavailableError
        If the port is taken, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host}: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UnavailableError(
            f"port {port} on {host} cannot be used: {error.strerror or error}", hint="choose another one with --port"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn with our limits, which on a signal ends the task and not the process."""

    def __init__(self, app: FastAPI, on_started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedProtocol,
                ws=LimitedSocket,
                ws_max_size=_MAX_WEBSOCKET_FRAME,
                ws_per_message_deflate=False,  # a frame is encoded once for all, and compressing it is once for each
                backlog=_BACKLOG,
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=DRAIN_S,
                server_header=False,
                proxy_headers=False,
                access_log=False,
                log_config=None,
            )
        )
        self._streams: Streams = app.state.streams
        self._on_started = on_started

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._streams.close()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
