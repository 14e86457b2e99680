"""Calls of actors, with our own errors on this side of the border."""

from collections.abc import Awaitable
from typing import Any, TypeVar

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from msray.errors import MsrayError, UnavailableError

T = TypeVar("T")


async def answer(call: Awaitable[T]) -> T:
    """What an actor answers.

    Raises
    ------
    MsrayError
        What it raised.
    UnavailableError
        If it is not there, or died meanwhile.
    """
    try:
        return await call
    except RayError as error:
        raise ours(error) from error


def answer_now(call: Any, timeout_s: float | None = 30.0) -> Any:
    """What an actor answers, or a list of calls, waited for without a loop; None waits as long as it takes.

    Raises
    ------
    MsrayError
        What it raised.
    UnavailableError
        If it is not there, died meanwhile, or takes longer.
    """
    try:
        return ray.get(call, timeout=timeout_s)
    except GetTimeoutError as error:
        raise UnavailableError(f"an actor must answer within {timeout_s:g} s, and has not") from error
    except RayError as error:
        raise ours(error) from error


def ours(error: RayError) -> Exception:
    """The error inside one of Ray's; what Ray itself has to say means that nobody is there to answer."""
    if isinstance(error, RayTaskError):
        return error.cause if isinstance(error.cause, MsrayError) else error
    if isinstance(error, RayActorError):
        return UnavailableError("an actor is not there right now", hint="it is being started again")
    return UnavailableError(f"Ray does not answer: {str(error).partition(chr(10))[0]}")
