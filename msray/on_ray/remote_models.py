"""The models of the application ``ensemble``, as the API of another process sees them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from msray.api.models import Answered, ModelStatus
from msray.clock import SystemClock
from msray.errors import MsrayError, UnavailableError
from msray.on_ray.session import ENSEMBLE_APP

LOOK_S = 1.0
LOOK_AGAIN_S = 5.0
"""Where there is none."""
_WITHIN_S = 5.0


class RemoteModels:
    """A :class:`~msray.api.models.ModelSource` behind a handle, whose statuses are looked at behind the requests."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._handle: Any = None
        self._models: Sequence[ModelStatus] = ()

    def models(self) -> Sequence[ModelStatus]:
        """All that are to be served, as they were a second ago."""
        return self._models

    async def whole(self, words: str, rows: NDArray[np.float32]) -> Answered:
        """What the model of these words says; see :class:`~msray.api.models.ModelSource`."""
        if self._handle is None:
            raise UnavailableError("the models are not running", hint="predict.models names those that are served")
        try:
            said: Answered | MsrayError = await self._handle.whole.remote(words, rows)
        except (RayError, RayServeException) as error:
            raise UnavailableError("the models cannot be reached", hint="they are being started again") from error
        if isinstance(said, Answered):
            return said
        raise UnavailableError(f"{words} does not answer: {said}") from said

    async def watch(self) -> None:
        """Look at the models for ever."""
        while True:
            if self._handle is None:
                await self._find()
            if self._handle is not None:
                await self._look()
            await self._clock.sleep(LOOK_AGAIN_S if self._handle is None else LOOK_S)

    async def _find(self) -> None:
        try:
            self._handle = await asyncio.to_thread(serve.get_app_handle, ENSEMBLE_APP)
        except RayServeException:  # there is none, or none any more
            self._models = ()
        except RayError:  # Serve's controller is being started again
            return

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                self._models = await self._handle.models.remote()
        except (RayError, RayServeException, TimeoutError):
            self._handle = None  # it may come back as another one; what was seen last is shown till then
