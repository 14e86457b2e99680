"""Waiting for a condition, never for a time; a limit ends it."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LIMIT_S = 20.0


async def until(is_so: Callable[[], object]) -> None:
    """Let others run until it is so."""
    async with asyncio.timeout(_LIMIT_S):
        while not is_so():
            await asyncio.sleep(0.005)


async def standstill(figure: Callable[[], float]) -> float:
    """Let others run until a figure has not changed for a while; the figure."""
    async with asyncio.timeout(_LIMIT_S):
        while True:
            before = figure()
            await asyncio.sleep(0.3)
            if figure() == before:
                return before


def eventually(ask: Callable[[], T], seconds: float = _LIMIT_S) -> T:
    """The first answer that is true, in a test without a loop of its own."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"nothing within {seconds:g} s"
        time.sleep(0.02)
    return answer
