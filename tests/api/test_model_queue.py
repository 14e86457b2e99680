"""Questions to a server from a loop: what is asked at the same time is answered together, nobody waits for ever."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import pytest

from msray.api.model_queue import MAX_BATCH, ModelQueue
from msray.api.model_server import Question, Reply, Scored
from msray.clock import SystemClock
from msray.errors import UnavailableError
from msray.telemetry.families import PREDICTION_WAIT
from msray.telemetry.metrics import Figures

ROWS = np.zeros((1, 1, 1), np.float32)


class Held:
    """Answers by the model's name, once it is let go; ``raises`` for that name."""

    def __init__(self) -> None:
        self.began, self.may_go = threading.Event(), threading.Event()
        self.asked: list[int] = []

    def answer_all(self, questions: Sequence[Question]) -> list[Reply]:
        self.began.set()
        self.may_go.wait(10)
        self.asked.append(len(questions))
        if any(one.model == "raises" for one in questions):
            raise ValueError("broken")
        return [Scored(digest=one.model, scores={}) for one in questions]


@pytest.fixture
def held() -> Iterator[Held]:
    server = Held()
    yield server
    server.may_go.set()


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def queue(held: Held, figures: Figures) -> Iterator[ModelQueue]:
    with closing(ModelQueue(held, figures=figures, clock=SystemClock())) as made:  # type: ignore[arg-type]
        yield made


def asking(queue: ModelQueue, *names: str) -> list[asyncio.Task[Reply]]:
    return [asyncio.create_task(queue.ask(Question(name, ROWS, is_whole=False))) for name in names]


async def one_under_way(queue: ModelQueue, held: Held) -> list[asyncio.Task[Reply]]:
    first = asking(queue, "first")
    assert await asyncio.to_thread(held.began.wait, 10)
    return first


async def waiting(queue: ModelQueue, *names: str) -> list[asyncio.Task[Reply]]:
    asked = asking(queue, *names)
    await asyncio.sleep(0)  # each has asked, and waits
    return asked


async def digests(tasks: Sequence[asyncio.Task[Reply]]) -> list[str]:
    return [one.digest for one in await asyncio.gather(*tasks) if isinstance(one, Scored)]


async def test_the_first_goes_alone_and_those_meanwhile_together_in_their_order(
    queue: ModelQueue, held: Held, figures: Figures
) -> None:
    names = [f"m{number}" for number in range(MAX_BATCH + 3)]
    first = await one_under_way(queue, held)
    others = await waiting(queue, *names)

    held.may_go.set()

    assert await digests([*first, *others]) == ["first", *names]
    assert held.asked == [1, MAX_BATCH, 3]
    assert sum(figures.sample()[PREDICTION_WAIT.name][()][:-1]) == len(names) + 1


async def test_those_who_have_gone_away_take_nobodys_place(queue: ModelQueue, held: Held) -> None:
    first = await one_under_way(queue, held)
    gone, stays = await waiting(queue, *("gone",) * MAX_BATCH), await waiting(queue, "stays")
    for one in gone:
        one.cancel()

    held.may_go.set()

    assert await digests([*first, *stays]) == ["first", "stays"]
    assert held.asked == [1, 1]


async def test_what_the_server_raises_is_told_to_those_it_was_asked_for_and_it_goes_on(
    queue: ModelQueue, held: Held
) -> None:
    held.may_go.set()

    with pytest.raises(ValueError, match="broken"):
        await asyncio.gather(*asking(queue, "raises"))

    assert await digests(asking(queue, "next")) == ["next"]


async def test_when_it_is_closed_the_one_under_way_is_answered_and_the_others_are_told(
    queue: ModelQueue, held: Held
) -> None:
    first = await one_under_way(queue, held)
    others = await waiting(queue, "second")

    queue.close()
    held.may_go.set()

    assert await digests(first) == ["first"]
    for task in (*others, *asking(queue, "late")):
        with pytest.raises(UnavailableError, match="the models are not asked any more"):
            await task
