"""Reading a body that may be too large, too slow, or not what it says.

What a refused client goes on sending is dropped by the server as it arrives. Closing at once would reset the
connection, and the client would never see why.
"""

import asyncio
import re

from fastapi import Request
from starlette.requests import ClientDisconnect

from msray.api.problem import RefusedError

MAX_BODY = 64 * 1024
"""Bytes of a body."""
MAX_BATCH_BODY = 1024 * 1024
"""Bytes of a body that is a batch: 1,000 signals of a kilobyte each, or 20 to 40 windows of 100 rows."""
MAX_READ_S = 10.0
"""Seconds in which a body must arrive."""

BATCH = re.compile(rb'\s*\{\s*"signals"\s*:')
"""How a batch of signals begins."""
ANY = re.compile(rb"")
"""How a body begins that may be large whatever is in it."""


async def check_declared_size(request: Request) -> None:
    """Refuse what says that it is too large, before anything else is looked at.

    Raises
    ------
    RefusedError
        413; 400 where the length is no number.
    """
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise RefusedError(400, "Content-Length must be a number")
    if len(declared) > 12 or int(declared) > MAX_BATCH_BODY:
        raise _too_large()


async def read_body(request: Request, *, may_be_large: bool = True, large: re.Pattern[bytes] = BATCH) -> bytes:
    """The body, read until it ends or is too large.

    Parameters
    ----------
    request
        Of which nothing was read yet.
    may_be_large
        Whether there is room for a body of more than ``MAX_BODY`` now.
    large
        How a body begins that may be so large at all.

    Raises
    ------
    RefusedError
        413 as soon as too many bytes came, 429 where there is no room, 408 where they took too long, 400 where the
        client went away.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_READ_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    if len(body) > MAX_BATCH_BODY or not large.match(body):
                        raise _too_large()
                    if not may_be_large:
                        raise RefusedError(429, "too many large bodies at once", headers={"Retry-After": "1"})
    except TimeoutError as error:
        raise RefusedError(
            408, f"the body must arrive within {MAX_READ_S:.0f} s", headers={"Connection": "close"}
        ) from error
    except ClientDisconnect as error:
        raise RefusedError(400, "the body must be complete") from error
    return bytes(body)


def check_content_type(request: Request) -> None:
    """Refuse everything but plain JSON in UTF-8.

    Raises
    ------
    RefusedError
        415.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise RefusedError(415, "Content-Type must be application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(415, "Content-Encoding must be identity")


def _too_large() -> RefusedError:
    return RefusedError(413, f"the body must be at most {MAX_BODY} bytes, or {MAX_BATCH_BODY} for a batch")
