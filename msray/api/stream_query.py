"""What a client of the stream asks for: all of it stands in the URL, so that a socket has nothing to be told."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from msray.api.reading import MAX_DEPTH, find_instrument, wrong_parameter
from msray.api.schemas import is_name
from msray.api.state import ApiState
from msray.api.stream_hub import Subscription, Topic

MAX_NAMES = 20
"""Instruments, and signal types, that a socket can name."""
_MAX_SEQ = (1 << 63) - 1


class StreamParameters(BaseModel, extra="forbid", frozen=True):
    """The query of ``/api/v1/stream``."""

    topics: str = Field(
        "signals", max_length=64, description="of `signals`, `books`, `predictions`, with commas between"
    )
    instruments: str | None = Field(None, max_length=2000, description=f"{MAX_NAMES} at most; all by default")
    signal_types: str | None = Field(None, max_length=1300, description=f"{MAX_NAMES} at most; all by default")
    depth: int = Field(20, ge=1, le=MAX_DEPTH, description="levels of a side of a book")
    resume_from: int | None = Field(
        None, ge=0, le=_MAX_SEQ, description="`seq` of the last signal you have; 0 for all that were ever stored"
    )


def subscription_reader(state: ApiState) -> Callable[[StreamParameters], Awaitable[Subscription]]:
    """A dependency of routes: what the query asks for."""

    async def read_subscription(parameters: Annotated[StreamParameters, Query()]) -> Subscription:
        topics = _topics(parameters.topics)
        if parameters.resume_from is not None and Topic.SIGNALS not in topics:
            raise wrong_parameter("resume_from", "must come with the topic signals")
        return Subscription(
            topics=topics,
            instruments=await _instruments(state, parameters.instruments),
            signal_types=_signal_types(parameters.signal_types),
            depth=parameters.depth,
            resume_from=parameters.resume_from,
        )

    return read_subscription


def _topics(text: str) -> frozenset[Topic]:
    names = set(text.split(","))
    if not names <= set(Topic):
        raise wrong_parameter("topics", f"must be of {', '.join(Topic)}, with commas between")
    return frozenset(Topic(name) for name in names)


async def _instruments(state: ApiState, text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    found = [await find_instrument(state, name, "instruments") for name in _names("instruments", text)]
    if None in found:
        raise wrong_parameter("instruments", "a symbol must be known here; venue:SYMBOL may be one that is yet to come")
    return frozenset(name for name in found if name is not None)


def _signal_types(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    names = _names("signal_types", text)
    if not all(map(is_name, names)):
        raise wrong_parameter("signal_types", "each must be 1 to 64 of A-Z a-z 0-9 . - _")
    return frozenset(names)


def _names(parameter: str, text: str) -> list[str]:
    names = text.split(",")
    if len(names) > MAX_NAMES:
        raise wrong_parameter(parameter, f"must be at most {MAX_NAMES} names, with commas between")
    return names
