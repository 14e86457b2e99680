"""The Serve application ``ensemble``: the models, one deployment, called by handle from the API and from shards."""

import asyncio
import contextlib
import logging
import secrets
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from ray import serve

from msray.api.config import ModelWords
from msray.api.model_queue import ModelQueue
from msray.api.model_server import ModelServer, Question, Scored
from msray.api.model_shelf import RegistryShelf
from msray.api.models import Answered, ModelStatus
from msray.api.models_here import FOLLOW_S
from msray.clock import SystemClock
from msray.errors import MsrayError, UnavailableError
from msray.on_ray.calls import answer
from msray.on_ray.scaling import Lag
from msray.on_ray.session import BOARD, ENSEMBLE_APP, find
from msray.telemetry.metrics import Figures

OPTIONS: dict[str, Any] = {
    "name": "ModelServer",
    # Whoever asks limits itself; what waits must wait here, where it is seen.
    "max_ongoing_requests": 1000,
    "graceful_shutdown_timeout_s": 10.0,
    # It computes on one thread.
    "ray_actor_options": {"num_cpus": 1.0},
    "autoscaling_config": {
        "min_replicas": 1,
        "max_replicas": 2,
        "look_back_period_s": 15.0,
        "upscale_delay_s": 3.0,
        "downscale_delay_s": 30.0,
        "policy": {"policy_function": "msray.on_ray.scaling:replicas_for_lag"},
    },
    "logging_config": {"enable_access_log": False, "log_level": "WARNING"},
}
"""Of the deployment."""
_log = logging.getLogger(__name__)

Rows = NDArray[np.float32]


class EnsembleConfig(BaseModel):
    """What is served.

    Attributes
    ----------
    models_dir
        Folder of the registry, on every node where a replica may run.
    models
        ``NAME``, which is ``NAME@production``, ``NAME@ALIAS`` or ``NAME:VERSION``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    models_dir: Path = Path("models")
    models: Annotated[tuple[ModelWords, ...], Field(max_length=16)] = ()


class Ensemble:
    """One replica: a :class:`~msray.api.model_server.ModelServer` that answers what is asked at the same time together.

    Errors are answers: they cross the border between processes as they are.

    Parameters
    ----------
    config
        What is served.
    """

    def __init__(self, config: EnsembleConfig) -> None:
        self._figures, self._clock = Figures(), SystemClock()
        self._server = ModelServer(config.models_dir, config.models, figures=self._figures)
        self._queue = ModelQueue(self._server, figures=self._figures, clock=self._clock)
        self._lag = Lag(self._figures)
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def models(self) -> tuple[ModelStatus, ...]:
        """All that are to be served."""
        return self._server.models()

    async def whole(self, model: str, rows: Rows) -> Answered | MsrayError:
        """What a model says behind the last row of each window; see :meth:`ModelServer.whole`."""
        said = await self._queue.ask(Question(model, rows))
        assert not isinstance(said, Scored)
        return said

    async def window_scores(self, model: str, rows: Rows) -> Scored | MsrayError:
        """What the members over windows say, each window by itself; see :meth:`Runner.window_scores`.

        Parameters
        ----------
        model
            The words for it, or its digest: also that of the model before, which a shard may still be stepping.
        rows
            ``(windows, rows, features)``; NaN where a feature is not known.
        """
        said = await self._queue.ask(Question(model, rows, is_whole=False))
        assert not isinstance(said, Answered)
        return said

    def check_health(self) -> None:
        """Serve asks every few seconds, and starts another in place of a replica that raises.

        Raises
        ------
        RuntimeError
            If aliases are not followed any more, which was logged.
        """
        if self._following.done():
            raise RuntimeError("aliases are not followed any more")

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What the policy is told of this replica; Serve asks a few times in ``look_back_period_s``."""
        return self._lag.look()

    async def _follow(self) -> None:
        """Follow aliases, and tell the board the figures of this replica, for ever."""
        name, seen = secrets.token_hex(8), 0
        while True:
            with contextlib.suppress(UnavailableError):  # there is none, or it is being started again
                view = await answer(find(BOARD).tell.remote(name, self._figures.sample(), seen))
                seen = view.version
            await self._clock.sleep(FOLLOW_S)
            try:
                await asyncio.to_thread(self._server.follow)
            except Exception:  # the top of this task: nobody else would hear of it
                _log.exception("models are not followed any more")
                raise


def build_ensemble(config: EnsembleConfig) -> Any:
    """The Serve application; ``cluster/serve.yaml`` names this function, and says the same options."""
    return serve.deployment(**OPTIONS)(Ensemble).bind(config)


def check_models(config: EnsembleConfig) -> None:
    """Refuse models that are not there.

    Raises
    ------
    UnknownNameError
        If there is no such model, version or alias; offers the nearest.
    ModelRefusedError
        If what is known of one is not as it was written.
    """
    shelf = RegistryShelf(config.models_dir)
    for words in config.models:
        shelf.meant(words)


def start_ensemble(config: EnsembleConfig) -> None:
    """Deploy the application and wait until it runs; Serve must have been started.

    Handles of it can be used inside an event loop only: so it is with Serve's fast mode, which we run in.

    Raises
    ------
    UnknownNameError, ModelRefusedError
        As :func:`check_models`.
    """
    check_models(config)
    serve.run(build_ensemble(config), name=ENSEMBLE_APP, route_prefix=None)
