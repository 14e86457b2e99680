"""``ModelQueue``: a server asked from a loop, on a thread of its own."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from msray.api.model_server import ModelServer, Question, Reply
from msray.clock import Clock, SystemClock
from msray.telemetry.families import PREDICTION_WAIT
from msray.telemetry.metrics import Figures

MAX_BATCH = 32
"""Questions answered in one go."""


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
        The machine's by default.
    """

    def __init__(self, server: ModelServer, *, figures: Figures | None = None, clock: Clock | None = None) -> None:
        self._server = server
        self._figures = figures or Figures()
        self._clock = clock or SystemClock()
        self._thread = ThreadPoolExecutor(1, "msray-models")
        self._waiting: deque[tuple[Question, asyncio.Future[Reply], int]] = deque()
        self._answering: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Reply:
        """The answer, or the error that :meth:`ModelServer.answer_all` gives in its place."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((question, future, self._clock.monotonic_ns()))
        if self._answering is None or self._answering.done():
            self._answering = loop.create_task(self._answer())
        return await future

    def close(self) -> None:
        """Ask no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answer(self) -> None:
        """Until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            together = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            asked = [one for one in together if not one[1].done()]  # whoever asked may be gone
            now_ns = self._clock.monotonic_ns()
            for _, _, since_ns in asked:
                self._figures.observe(PREDICTION_WAIT, value=(now_ns - since_ns) / 1e9)
            questions = [question for question, _, _ in asked]
            try:
                answers = await loop.run_in_executor(self._thread, self._server.answer_all, questions)
            except Exception as error:  # the top of this task: whoever waits must hear of it
                for _, future, _ in asked:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future, _), answer in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
