"""Calls of actors, with our own errors on this side of the border."""

from collections.abc import Awaitable
from typing import TypeVar

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


def ours(error: RayError) -> Exception:
    """Our own error inside or behind one of Ray's; another one as it is."""
    if isinstance(error, RayTaskError):
        return error.cause if isinstance(error.cause, MsrayError) else error
    if isinstance(error, RayActorError | GetTimeoutError):
        return UnavailableError("an actor is not there right now", hint="it is being started again")
    return error
