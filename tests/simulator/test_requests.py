"""What clients may say on a stream."""

import msgspec
import pytest

from msray.simulator import requests
from msray.simulator.requests import BadRequestError, Method, Request


def say(text: bytes | dict[str, object], *, is_spot: bool = True) -> Request:
    return requests.read(text if isinstance(text, bytes) else msgspec.json.encode(text), is_spot=is_spot)


def test_requests_of_the_documentation() -> None:
    streams = ["btcusdt@aggTrade", "btcusdt@depth"]

    assert say({"method": "SUBSCRIBE", "params": streams, "id": 1}) == Request(Method.SUBSCRIBE, 1, tuple(streams))
    assert say({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 312}).method is Method.UNSUBSCRIBE
    assert say({"method": "LIST_SUBSCRIPTIONS", "id": 3}) == Request(Method.LIST, 3)
    assert say({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}).combined
    assert say({"method": "GET_PROPERTY", "params": ["combined"], "id": 2}).method is Method.GET_PROPERTY
    assert requests.result(None, 1) == b'{"result":null,"id":1}'


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"hello", 3, "Invalid JSON"),
        (b"\xff", 3, "Invalid JSON"),
        (b"[" * 5000, 3, "Invalid JSON"),
        (b"[]", 2, "expected an object"),
        ({"id": 1}, 2, "missing field `method`"),
        ({"method": "SUBSCRIB", "id": 1}, 2, "unknown variant `SUBSCRIB`, expected one of `SUBSCRIBE`"),
        ({"method": ["x"], "id": 1}, 2, "unknown variant"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"]}, 2, "request ID must be an unsigned integer"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 1.5}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": True}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": "x" * 37}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 2**63}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": "a@trade", "id": 1}, 2, "params must be an array"),
        ({"method": "SUBSCRIBE", "params": ["no stream"], "id": 1}, 2, "invalid stream"),
        ({"method": "SUBSCRIBE", "params": [5], "id": 1}, 2, "invalid stream"),
        ({"method": "SUBSCRIBE", "params": ['a"@trade'], "id": 1}, 2, "invalid stream"),
        ({"method": "SET_PROPERTY", "params": ["combine", True], "id": 1}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1, "expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 1, "expected Boolean"),
        ({"method": "SET_PROPERTY", "params": [1, True], "id": 1}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}, 2, "too many parameters"),
    ],
)
def test_bad_requests_get_the_venues_code_and_words(body: bytes | dict[str, object], code: int, says: str) -> None:
    with pytest.raises(BadRequestError, match=says) as caught:
        say(body)

    assert caught.value.venue_code == code
    assert msgspec.json.decode(requests.error(caught.value))["error"]["code"] == code


@pytest.mark.parametrize("request_id", ["abc-1", None, -5])
def test_only_spot_takes_ids_that_are_no_unsigned_integers(request_id: object) -> None:
    body = {"method": "LIST_SUBSCRIPTIONS", "id": request_id}

    assert say(body).request_id == request_id
    with pytest.raises(BadRequestError):
        say(body, is_spot=False)


def test_an_error_carries_the_requests_id() -> None:
    with pytest.raises(BadRequestError) as caught:
        say({"method": "SUBSCRIBE", "params": ["?"], "id": 9})

    assert msgspec.json.decode(requests.error(caught.value))["id"] == 9
