"""What a client may say on a market stream, and the answers in Binance's words.

Source: "WebSocket Market Data Streams", *Live Subscribing/Unsubscribing to streams* and *Error Messages*. The page
lists the error objects; the live service wraps them as ``{"error": {...}, "id": ...}``, and so do we.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from msray.errors import UsageError

_STREAM = re.compile(r'^![\w@]+$|^[^\s@/"\\]+@\w+(@[\w+:]+)*$')
_TEXT_ID = re.compile(r"^[0-9A-Za-z_-]{1,36}$")


class Method(StrEnum):
    """Requests that exist."""

    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    LIST = "LIST_SUBSCRIPTIONS"
    SET_PROPERTY = "SET_PROPERTY"
    GET_PROPERTY = "GET_PROPERTY"


class BadRequestError(UsageError):
    """A request that gets an error for an answer.

    Parameters
    ----------
    venue_code
        0 unknown property, 1 wrong type of value, 2 invalid request, 3 no JSON.
    message
        In the venue's words.
    request_id
        Of the request, where it could be read.
    """

    code = "bad_request"

    def __init__(self, venue_code: int, message: str, request_id: int | str | None = None) -> None:
        super().__init__(message)
        self.venue_code = venue_code
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Request:
    """One valid request.

    Attributes
    ----------
    method
        What to do.
    streams
        Names, for SUBSCRIBE and UNSUBSCRIBE.
    combined
        The value to set, for SET_PROPERTY.
    request_id
        Comes back in the answer.
    """

    method: Method
    request_id: int | str | None
    streams: tuple[str, ...] = ()
    combined: bool = False


def read(text: bytes, *, is_spot: bool) -> Request:
    """Read one text message of a client.

    Parameters
    ----------
    text
        As it came.
    is_spot
        Spot takes integers, short texts and null for an id; futures take unsigned integers only.

    Raises
    ------
    BadRequestError
        With the code and the words of the venue.
    """
    try:
        body: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(3, f"Invalid JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError(2, "Invalid request: expected an object")
    request_id = _request_id(body, is_spot=is_spot)
    name = body.get("method")
    if name is None:
        raise BadRequestError(2, "Invalid request: missing field `method`", request_id)
    if name not in list(Method):
        known = ", ".join(f"`{method}`" for method in Method)
        raise BadRequestError(2, f"Invalid request: unknown variant `{name}`, expected one of {known}", request_id)
    method, params = Method(name), body.get("params", [])
    if not isinstance(params, list):
        raise BadRequestError(2, "Invalid request: params must be an array", request_id)
    if method in (Method.SUBSCRIBE, Method.UNSUBSCRIBE):
        return Request(method, request_id, streams=_streams(params, request_id))
    if method is Method.LIST:
        return Request(method, request_id)
    return Request(method, request_id, combined=_property(method, params, request_id))


def stream_name(text: str) -> str:
    """The name itself, if it looks like that of a stream; whether there is such a stream is not asked, as at the venue.

    Raises
    ------
    BadRequestError
        Where it does not.
    """
    if not _STREAM.match(text):
        raise BadRequestError(2, "Invalid request: invalid stream")
    return text


def result(value: object, request_id: int | str | None) -> bytes:
    """Answer to a request that worked."""
    return msgspec.json.encode({"result": value, "id": request_id})


def error(failure: BadRequestError) -> bytes:
    """Answer to a request that did not."""
    return msgspec.json.encode({"error": {"code": failure.venue_code, "msg": str(failure)}, "id": failure.request_id})


def _request_id(body: dict[str, Any], *, is_spot: bool) -> int | str | None:
    value = body.get("id", False)
    if isinstance(value, int) and not isinstance(value, bool) and (is_spot or value >= 0) and abs(value) < 2**63:
        return value
    if is_spot and (value is None or (isinstance(value, str) and _TEXT_ID.match(value))):
        return value
    raise BadRequestError(2, "Invalid request: request ID must be an unsigned integer")


def _streams(params: list[Any], request_id: int | str | None) -> tuple[str, ...]:
    try:
        return tuple(stream_name(name if isinstance(name, str) else "") for name in params)
    except BadRequestError as failure:
        raise BadRequestError(failure.venue_code, str(failure), request_id) from failure


def _property(method: Method, params: list[Any], request_id: int | str | None) -> bool:
    expected = 2 if method is Method.SET_PROPERTY else 1
    if not params or not isinstance(params[0], str):
        raise BadRequestError(2, "Invalid request: property name must be a string", request_id)
    if len(params) > expected:
        raise BadRequestError(2, "Invalid request: too many parameters", request_id)
    if params[0] != "combined":
        raise BadRequestError(0, "Unknown property", request_id)
    if method is Method.SET_PROPERTY and (len(params) < expected or not isinstance(params[1], bool)):
        raise BadRequestError(1, "Invalid value type: expected Boolean", request_id)
    return bool(params[-1]) if method is Method.SET_PROPERTY else False
