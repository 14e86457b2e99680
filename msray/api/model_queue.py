"""``ModelQueue``: a server asked from a loop, on a thread of its own."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from msray.api.model_server import ModelServer, Question, Reply
from msray.clock import Clock
from msray.errors import UnavailableError
from msray.telemetry.families import PREDICTION_WAIT
from msray.telemetry.metrics import Figures

MAX_BATCH = 32
"""Questions answered in one go."""


class _Asked(NamedTuple):
    question: Question
    reply: asyncio.Future[Reply]
    since_ns: int


class ModelQueue:
    """Answers at once where nobody is being answered; what is asked meanwhile is answered together after it.

    So a question waits for one go at most as long as there are few, and none waits for others that may come. The loop
    never waits for a network.

    Parameters
    ----------
    server
        Whom to ask.
    figures
        Where it is counted how long questions waited.
    clock
        Time.
    """

    def __init__(self, server: ModelServer, *, figures: Figures, clock: Clock) -> None:
        self._server = server
        self._figures = figures
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "msray-models")
        self._waiting: deque[_Asked] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._is_closed = False

    async def ask(self, question: Question) -> Reply:
        """The answer, or the error that :meth:`ModelServer.answer_all` gives in its place.

        Raises
        ------
        UnavailableError
            If the queue is closed before it is this question's turn.
        """
        if self._is_closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        asked = _Asked(question, loop.create_future(), self._clock.monotonic_ns())
        self._waiting.append(asked)
        if self._answering is None or self._answering.done():
            self._answering = loop.create_task(self._answer())
        return await asked.reply

    def close(self) -> None:
        """Answer who is being answered, and nobody else."""
        self._is_closed = True
        for asked in self._next(len(self._waiting)):
            asked.reply.set_exception(_closed())
        self._thread.shutdown(wait=False)

    async def _answer(self) -> None:
        """Until nobody waits."""
        loop = asyncio.get_running_loop()
        while together := self._next(MAX_BATCH):
            now_ns = self._clock.monotonic_ns()
            for asked in together:
                self._figures.observe(PREDICTION_WAIT, value=(now_ns - asked.since_ns) / 1e9)
            questions = [asked.question for asked in together]
            try:
                replies = await loop.run_in_executor(self._thread, self._server.answer_all, questions)
            except Exception as error:  # the top of this task: whoever waits must hear of it
                for asked in together:
                    if not asked.reply.done():
                        asked.reply.set_exception(error)
                continue
            for asked, reply in zip(together, replies, strict=True):
                if not asked.reply.done():
                    asked.reply.set_result(reply)

    def _next(self, most: int) -> list[_Asked]:
        """Who has waited longest; those who have gone away are forgotten."""
        found: list[_Asked] = []
        while self._waiting and len(found) < most:
            asked = self._waiting.popleft()
            if not asked.reply.done():
                found.append(asked)
        return found


def _closed() -> UnavailableError:
    return UnavailableError("the models are not asked any more")
