"""``RealTimePredictor``: live detection of one symbol, started, watched and stopped from a program."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import ray
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from msray.api.config import ApiConfig
from msray.api.state import InstrumentSnapshot
from msray.errors import MsrayError, UsageError
from msray.feeds.listings import fetch_listings
from msray.market import Instrument
from msray.on_ray import live, running, session
from msray.prediction import DetectionConfig, PredictConfig
from msray.venues import VENUES


class PredictorConfig(BaseModel):
    """What a :class:`RealTimePredictor` does.

    Examples
    --------
    >>> PredictorConfig(symbol="BTCUSDT", data_source_url="wss://stream.binance.com:9443/ws").prediction_interval
    1.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    symbol: Annotated[str, Field(min_length=1, max_length=97)]
    """``venue:SYMBOL``, or a symbol where the data source has it at one venue only."""
    data_source_type: Literal["websocket"] = "websocket"
    """Live data come over WebSocket; :class:`~msray.feeds.stream.DataStreamer` reads the other sources."""
    data_source_url: str | None = None
    """A venue's own address, which names the venue; or that of a simulator. The venue's own if left out."""
    prediction_interval: Annotated[float, Field(ge=0.05, le=3600)] = 1.0
    """Exchange time between two predictions of each model, and time between two updates that ``on_update`` gets;
    seconds."""
    models: tuple[str, ...] = ()
    """Trained models that predict, as ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``."""
    models_dir: Path = Path("models")
    """Folder of their registry."""
    enable_monitoring: bool = True
    """Serve the HTTP API, with its signals, books, health and metrics."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Its port, on this machine only."""
    state_dir: Path = Path("state")
    """Folder of the ledger and the raw log."""
    address: str | None = None
    """A Ray cluster to join; else one is started that ends with this process."""
    detection: DetectionConfig = DetectionConfig()
    """What is looked for."""


class RealTimePredictor:
    """Live detection of one symbol on Ray.

    Parameters
    ----------
    config
        What to do.
    on_update
        Called every ``prediction_interval`` with the latest of the symbol; on the loop, so it must not take long.

    Examples
    --------
    >>> config = PredictorConfig(symbol="binance_usdm:BTCUSDT", data_source_url="http://127.0.0.1:9080")
    >>> predictor = RealTimePredictor(config)
    >>> asyncio.run(predictor.start())  # doctest: +SKIP
    """

    def __init__(self, config: PredictorConfig, on_update: Callable[[InstrumentSnapshot], None] | None = None) -> None:
        self.config = config
        self._on_update = on_update or (lambda _snapshot: None)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End :meth:`start` once all signals are stored."""
        self._stopping.set()

    async def start(self) -> None:
        """Start the actors, watch them, and stop them when :meth:`stop` is called or this is cancelled.

        Raises
        ------
        UsageError
            If the symbol is not listed, or is at several venues; it names them. If live detection runs already.
        UnavailableError
            If the data source does not answer, or the book does not sync in a minute.
        """
        config = self.config
        instrument = await _resolve(config.symbol, config.data_source_url)
        is_ours = not ray.is_initialized()
        async with contextlib.AsyncExitStack() as after:
            if is_ours:
                _enter(config)
                after.callback(session.leave)
            starting = asyncio.create_task(asyncio.to_thread(live.start_live, self._plan(instrument)))
            after.push_async_callback(_stop, starting, ends_cluster=is_ours and not config.address)
            await asyncio.shield(starting)
            await asyncio.to_thread(running.wait_until_synced)
            await self._watch(instrument.id)

    async def _watch(self, instrument: str) -> None:
        while not self._stopping.is_set():
            view = await asyncio.to_thread(running.look)
            for snapshot in view.instruments:
                if snapshot.instrument == instrument:
                    self._on_update(snapshot)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self.config.prediction_interval)

    def _plan(self, instrument: Instrument) -> live.LivePlan:
        config = self.config
        folder = config.state_dir.resolve()
        ledger_url = SecretStr(f"sqlite:///{folder / 'ledger.db'}")
        types = tuple(watch.name for watch in config.detection.watches)
        api = ApiConfig(port=config.api_port, ledger_url=ledger_url, instruments=(instrument.id,), signal_types=types)
        return live.LivePlan(
            instruments=(instrument,),
            ledger_url=ledger_url,
            detection=config.detection,
            endpoint=_simulator(config.data_source_url),
            raw_log=folder / "raw_log",
            api=api if config.enable_monitoring else None,
            predict=PredictConfig(models=config.models, interval_seconds=config.prediction_interval),
            models_dir=config.models_dir.resolve(),
        )


async def _stop(starting: asyncio.Task[None], *, ends_cluster: bool) -> None:
    """Stop what was started; a start that is under way cannot be stopped before it is through."""
    await asyncio.wait([starting])
    if starting.exception() is None:
        await asyncio.to_thread(running.stop_live, ends_cluster=ends_cluster)


def _enter(config: PredictorConfig) -> None:
    if config.address:
        session.join(config.address)
    else:
        session.start_local(dashboard=config.enable_monitoring)


async def _resolve(symbol: str, url: str | None) -> Instrument:
    """The one instrument that a symbol means at a data source."""
    named = _venue(url)
    names = [symbol] if ":" in symbol else [f"{venue}:{symbol}" for venue in ([named] if named else VENUES)]
    found: list[Instrument] = []
    refused: MsrayError | None = None
    for name in names:
        try:
            listings = await fetch_listings([name], endpoint=_simulator(url))
        except UsageError as error:
            refused = error
        else:
            found += listings.instruments
    if len(found) > 1:
        raise UsageError(f"symbol {symbol} is traded at several venues", hint=", ".join(one.id for one in found))
    if not found:
        assert refused is not None
        raise refused
    return found[0]


def _venue(url: str | None) -> str | None:
    """The venue whose own address this is."""
    host = urlsplit(url or "").hostname
    for name, venue in VENUES.items():
        if host is not None and host in {urlsplit(own).hostname for own in (venue.depth_url, venue.rest_url)}:
            return name
    return None


def _simulator(url: str | None) -> str | None:
    """An address that is no venue's own."""
    return None if url is None or _venue(url) else url
