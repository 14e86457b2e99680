"""Models in the process of the API, asked on a thread of their own."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from msray.api.model_server import ModelServer, Question
from msray.api.models import Answered, ModelStatus
from msray.clock import Clock
from msray.errors import UnavailableError

FOLLOW_S = 2.0
"""Between two looks at what aliases stand for."""
MAX_BATCH = 32
"""Questions answered in one go."""
_log = logging.getLogger(__name__)


class ModelsHere:
    """A :class:`~msray.api.models.ModelSource` around a server: the loop of the API never waits for a network.

    What is asked while a question is being answered is answered together after it, so a question waits for one go at
    most, and where nobody else asks for none.

    Parameters
    ----------
    server
        Whom to ask.
    clock
        Time.
    """

    def __init__(self, server: ModelServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "msray-models")
        self._waiting: list[tuple[Question, asyncio.Future[Answered]]] = []
        self._answering: asyncio.Task[None] | None = None

    def models(self) -> Sequence[ModelStatus]:
        """All that are to be served."""
        return self._server.models()

    async def whole(self, words: str, rows: NDArray[np.float32]) -> Answered:
        """What the model of these words says; see :class:`~msray.api.models.ModelSource`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answered] = loop.create_future()
        self._waiting.append((Question(words, rows), future))
        if self._answering is None or self._answering.done():
            self._answering = loop.create_task(self._answer())
        return await future

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
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answer(self) -> None:
        """Until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            together, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            asked = [(question, future) for question, future in together if not future.done()]
            questions = [question for question, _ in asked]
            try:
                answers = await loop.run_in_executor(self._thread, self._server.answer_all, questions)
            except Exception as error:  # the top of this task: whoever waits must hear of it
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (question, future), answer in zip(asked, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Answered):
                    future.set_result(answer)
                else:
                    future.set_exception(UnavailableError(f"{question.model} does not answer: {answer}"))
