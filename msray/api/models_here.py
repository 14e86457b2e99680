"""Models in the process of the API."""

import asyncio
import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from msray.api.model_queue import ModelQueue
from msray.api.model_server import ModelServer, Question
from msray.api.models import Answered, ModelStatus
from msray.clock import Clock
from msray.errors import MsrayError, UnavailableError
from msray.telemetry.metrics import Figures

FOLLOW_S = 2.0
"""Between two looks at what aliases stand for."""
_log = logging.getLogger(__name__)


class ModelsHere:
    """A :class:`~msray.api.models.ModelSource` around a server.

    Parameters
    ----------
    server
        Whom to ask.
    clock
        Time.
    figures
        See :class:`~msray.api.model_queue.ModelQueue`.
    """

    def __init__(self, server: ModelServer, clock: Clock, figures: Figures | None = None) -> None:
        self._server = server
        self._clock = clock
        self._queue = ModelQueue(server, figures=figures or Figures(), clock=clock)

    def models(self) -> Sequence[ModelStatus]:
        """All that are to be served."""
        return self._server.models()

    async def whole(self, words: str, rows: NDArray[np.float32]) -> Answered:
        """What the model of these words says; see :class:`~msray.api.models.ModelSource`."""
        said = await self._queue.ask(Question(words, rows))
        if isinstance(said, MsrayError):
            raise UnavailableError(f"{words} does not answer: {said}") from said
        assert isinstance(said, Answered)  # as whoever asks for all members is told
        return said

    async def follow(self) -> None:
        """Follow aliases for ever."""
        while True:
            await self._clock.sleep(FOLLOW_S)
            try:
                await asyncio.to_thread(self._server.follow)
            except Exception:  # the top of this task: nobody else would hear of it, and the next look may succeed
                _log.exception("models could not be followed")

    def close(self) -> None:
        """Ask no more."""
        self._queue.close()
