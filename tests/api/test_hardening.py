"""Bad input: every row of the table has its status, nothing is repeated to the sender, nothing is a 500."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from msray.api.auth import Scope
from msray.api.body import MAX_BODY
from msray.api.ingest import MAX_IN_FLIGHT
from msray.errors import UnavailableError
from msray.store.ledger_records import Batch, Receipt
from tests.api.service import A_SIGNAL, KEYS, Service
from tests.store.examples import some_signals

VALID = json.dumps(A_SIGNAL).encode()


def _with(**changes: Any) -> bytes:
    return json.dumps({**A_SIGNAL, **changes}).encode()


def _raw(name: str, text: bytes) -> bytes:
    return b'{"symbol":"BTCUSDT","signal_type":"spread",' + b'"score":0.5,"%s":%s}' % (name.encode(), text)


TABLE = {
    "NaN": (_with(score=float("nan")), 400),
    "Infinity": (_with(score=float("inf")), 400),
    "NaN in features": (_with(features={"x": float("nan")}), 400),
    "1e999": (_raw("price", b"1e999"), 422),
    "lone surrogate": (VALID.replace(b"BTC", b"\\ud800"), 400),
    "escaped surrogate pair in two halves": (VALID.replace(b"BTC", b"\\ud800\\u0041"), 400),
    "number as string": (_with(score="0.5"), 422),
    "price as string": (_with(price="61000.5"), 422),
    "true as number": (_with(score=True), 422),
    "null as number": (_with(score=None), 422),
    "float as direction": (_with(direction=1.0), 422),
    "extra field": (_with(extra=1), 422),
    "mass assignment": (_with(signal_id="0" * 32), 422),
    "duplicate key": (VALID[:-1] + b',"score":0.9}', 422),
    "duplicate key in features": (_raw("features", b'{"a":1,"a":2}'), 422),
    "duplicate key, spelled differently": (VALID[:-1] + b',"scor\\u0065":0.9}', 422),
    "HTML in symbol": (_with(symbol="<img src=x onerror=alert(1)>"), 422),
    "newline in symbol": (_with(symbol="BTC\nUSDT"), 422),
    "newline after symbol": (_with(symbol="BTCUSDT\n"), 422),
    "NUL in symbol": (_with(symbol="BTC\0"), 422),
    "raw NUL in symbol": (VALID.replace(b"BTC", b"B\0C"), 400),
    "colon in symbol": (_with(symbol="a:b"), 422),
    "empty symbol": (_with(symbol=""), 422),
    "long symbol": (_with(symbol="A" * 65), 422),
    "line separator in type": (_with(signal_type="a\u2028b"), 422),
    "venue in capitals": (_with(venue="Binance"), 422),
    "bad UTF-8": (VALID.replace(b"BTC", b"\xff\xfe"), 400),
    "overlong UTF-8": (VALID.replace(b"BTC", b"\xc0\xaf"), 400),
    "byte order mark": (b"\xef\xbb\xbf" + VALID, 400),
    "UTF-16": (VALID.decode().encode("utf-16"), 400),
    "{": (b"{", 400),
    "empty": (b"", 400),
    "spaces": (b"   ", 400),
    "two documents": (VALID + VALID, 400),
    "null": (b"null", 422),
    "array": (b"[]", 422),
    "string": (b'"BTCUSDT"', 422),
    "60k nested arrays": (b"[" * 60_000, 422),
    "nested arrays in a field": (_raw("price", b"[" * 60_000), 422),
    "nested objects in a field": (b'{"x":' * 10_000, 422),
    "5000-digit integer": (_raw("price", b"1" * 5000), 422),
    "5000-digit direction": (_raw("direction", b"1" * 5000), 422),
    "20-digit direction": (_raw("direction", b"1" * 20), 422),
    "score above 1": (_with(score=1.0000001), 422),
    "score below 0": (_with(score=-0.1), 422),
    "direction 2": (_with(direction=2), 422),
    "price 0": (_with(price=0), 422),
    "price below 0": (_with(price=-1), 422),
    "65 features": (_with(features={f"f{n}": n for n in range(65)}), 422),
    "feature with a strange name": (_with(features={"a b": 1}), 422),
    "feature that is no number": (_with(features={"a": "1"}), 422),
    "missing score": (b'{"symbol":"BTCUSDT","signal_type":"spread"}', 422),
    "no field at all": (b"{}", 422),
    "time without a zone": (_with(event_time="2024-08-09T00:00:00"), 422),
    "time that does not exist": (_with(event_time="2024-02-30T00:00:00Z"), 422),
    "time with ten digits": (_with(event_time="2024-08-09T00:00:00.0123456789Z"), 422),
    "time as a number": (_with(event_time=1723161600), 422),
    "time in other digits": (_with(event_time="\uff12\uff10\uff12\uff14-08-09T00:00:00Z"), 422),
    "time at the end of the calendar": (_with(event_time="9999-12-31T23:59:59-23:59"), 422),
    "time 6 s ahead": (_with(event_time="2024-08-09T00:00:06Z"), 422),
    "time 8 days back": (_with(event_time="2024-08-01T00:00:00Z"), 422),
    "empty batch": (b'{"signals":[]}', 422),
    "batch of 1,001": (json.dumps({"signals": [A_SIGNAL] * 1001}).encode(), 422),
    "batch and a field": (b'{"signals":[' + VALID + b'],"symbol":"X"}', 422),
    "batch in a batch": (b'{"signals":[{"signals":[]}]}', 422),
    "one bad signal in a batch": (json.dumps({"signals": [A_SIGNAL, {**A_SIGNAL, "score": 2}]}).encode(), 422),
    "batch that is no list": (b'{"signals":{}}', 422),
    "10 MB symbol": (_with(symbol="A" * 10_000_000), 413),
    "65 kB symbol": (_with(symbol="A" * MAX_BODY), 413),
    "2 MB batch": (json.dumps({"signals": [{**A_SIGNAL, "symbol": "A" * 4000}] * 500}).encode(), 413),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_every_row_of_the_table(service: Service, name: str, is_chunked: bool) -> None:
    body, status = TABLE[name]

    def chunks() -> Any:
        async def parts() -> Any:
            for at in range(0, len(body), 10_000):
                yield body[at : at + 10_000]

        return parts()

    response = service.post(content=chunks() if is_chunked else body)

    assert response.status_code == status, response.text
    assert service.store.ledger.last_seq() == 0
    _is_problem(response)


def test_what_is_valid_is_taken_at_the_limits(service: Service) -> None:
    limits = {
        "score": 1,
        "symbol": "A" * 64,
        "signal_type": "a" * 64,
        "features": {f"f{n}": 1e308 for n in range(64)},
        "event_time": "2024-08-09T00:00:05Z",
    }

    assert service.post({**A_SIGNAL, **limits}).status_code == 201
    assert service.post({**A_SIGNAL, "score": 0, "event_time": "2024-08-02T00:00:00.000000001Z"}).status_code == 201


def test_an_error_names_the_place_and_the_range_but_never_the_value(service: Service) -> None:
    batch = {"signals": [A_SIGNAL, {**A_SIGNAL, "score": 1.25, "symbol": "<canary>"}]}

    errors = service.post(batch).json()["errors"]
    unknown = service.post({**A_SIGNAL, "canary<script>": 1}).json()["errors"]
    typed = service.post({"signals": [A_SIGNAL, {**A_SIGNAL, "features": {"canary": "x"}}]}).json()["errors"]

    assert errors == [
        {"pointer": "/signals/1/symbol", "detail": "must be 1 to 64 letters, digits, '.', '-' or '_'"},
        {"pointer": "/signals/1/score", "detail": "must be 0 to 1"},
    ]
    assert unknown == [{"pointer": "", "detail": "unknown field"}]
    assert typed == [{"pointer": "/signals/1/features", "detail": "expected `float`, got `str`"}]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/json; charset=latin-1", "", "application/x-www-form-urlencoded", "application/jsonp"],
)
def test_other_content_types_are_415(service: Service, kind: str) -> None:
    assert service.post(content=VALID, headers={"Content-Type": kind}).status_code == 415


def test_compressed_bodies_are_415(service: Service) -> None:
    assert service.post(content=VALID, headers={"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"']
)
def test_json_is_taken_however_it_is_written(service: Service, kind: str) -> None:
    assert service.post(content=VALID, headers={"Content-Type": kind}).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "ключ".encode()])
def test_an_idempotency_key_is_visible_ascii(service: Service, key: Any) -> None:
    assert service.post(headers={"Idempotency-Key": key}).status_code == 422


def test_checks_come_in_the_promised_order(open_service: Callable[..., Service]) -> None:
    service = open_service(has_keys=True)
    good = {"X-API-Key": KEYS[Scope.INGEST]}
    huge, large = b"[" * 2_000_000, b"[" * 100_000

    def status(body: Any, **headers: str) -> int:
        return service.post(content=body, headers={"Content-Type": "text/plain", **headers}).status_code

    def unsized(body: bytes) -> Any:
        async def parts() -> Any:
            yield body

        return parts()

    assert status(huge) == 413  # the declared size before the key
    assert status(unsized(huge)) == 401  # the key before any byte is read
    assert status(unsized(large), **good) == 413  # the real size before the type
    assert status(b"{", **good) == 415  # the type before the content


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/api/v1/signals", "GET, POST"),
        ("PUT", "/api/v1/signals/" + "0" * 32, "GET"),
        ("POST", "/health", "GET"),
        ("POST", "/api/v1/books/x:Y", "GET"),
        ("TRACE", "/metrics", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(service: Service, method: str, path: str, allow: str) -> None:
    response = service.call(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allow
    _is_problem(response)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/api/v1/signals/",
        "/api/v1/signals/" + "0" * 32,
        "/api/v1/signals/x",
        "/api/v1/signals/..%2f..%2fetc",
        "/api/v1/signals/%00",
        "/api/v1/signals/%ff",
        "/api/v1/books/x:Y",
        "/api/v1/books/%3Cimg%3E",
        "/api/v1/books/%F0%9F%98%80",
    ],
)
def test_what_is_not_there_is_404(service: Service, path: str) -> None:
    response = service.call("GET", path)

    assert response.status_code == 404
    _is_problem(response)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=1e3",
        "limit=" + "9" * 5000,
        "after=x",
        "after=" + "A" * 200,
        "after=%00",
        "order=up",
        "since=yesterday",
        "until=2024-08-09",
        "min_score=nan",
        "min_score=1e999",
        "min_score=2",
        "instrument=%00",
        "instrument=a%20b",
        "instrument=X:Y",
        "signal_type=%27%3B--",
        "signal_type=%ff",
        "offset=3",
        "canary=1",
    ],
)
def test_a_wrong_query_is_422(service: Service, query: str) -> None:
    response = service.call("GET", f"/api/v1/signals?{query}")

    assert response.status_code == 422
    assert "canary" not in response.text


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=canary", "must be a whole number"),
        ("limit=" + "9" * 5000, "must be a whole number of fewer digits"),
        ("limit=0", "must be ge 1"),
        ("min_score=canary", "must be a number"),
        ("min_score=nan", "must be a finite number"),
        ("order=canary", "must be 'newest' or 'oldest'"),
    ],
)
def test_what_a_word_of_a_query_must_be_is_said(service: Service, query: str, detail: str) -> None:
    response = service.call("GET", f"/api/v1/signals?{query}")

    assert response.json()["errors"] == [{"pointer": f"query/{query.partition('=')[0]}", "detail": detail}]


def test_of_a_word_said_twice_the_last_counts(service: Service) -> None:
    service.store.ledger.store(some_signals(3))

    assert len(service.get("/api/v1/signals?limit=1&limit=2")["signals"]) == 2


def test_a_wrong_depth_is_422_and_names_the_range(service: Service) -> None:
    response = service.call("GET", "/api/v1/books/x:Y?depth=101")

    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": "query/depth", "detail": "must be le 100"}]


def test_a_long_uri_is_414_and_long_headers_are_431(service: Service) -> None:
    uri = service.call("GET", "/health?x=" + "y" * 9000)
    headers = service.call("GET", "/health", headers={"X-Long": "y" * 33_000})

    assert (uri.status_code, headers.status_code) == (414, 431)
    _is_problem(uri)
    _is_problem(headers)


def test_too_many_at_once_are_429(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.ingest.MAX_IN_FLIGHT", 0)

    response = service.post()

    assert MAX_IN_FLIGHT > 100
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"


def test_large_batches_need_room(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.api.ingest.MAX_LARGE", 0)
    large = {"signals": [{**A_SIGNAL, "features": {"a" * 60: n}} for n in range(900)]}

    assert service.post(large).status_code == 429
    assert service.post().status_code == 201
    monkeypatch.undo()
    assert service.post(large).status_code == 201


def test_when_the_ledger_is_locked_ingest_and_readiness_are_503_but_it_lives(service: Service) -> None:
    intruder = sqlite3.connect(service.path, isolation_level=None)
    intruder.execute("begin immediate")

    post, ready, live = service.post(), service.call("GET", "/health/ready"), service.call("GET", "/health")

    assert (post.status_code, ready.status_code, live.status_code) == (503, 503, 200)
    assert int(post.headers["retry-after"]) > 0
    assert int(ready.headers["retry-after"]) > 0
    assert ready.json()["reasons"] == ["the ledger cannot be written"]
    assert str(service.path) not in post.text
    _is_problem(post)
    intruder.execute("rollback")
    assert service.post().status_code == 201
    assert service.call("GET", "/health/ready").status_code == 200


def test_when_the_ledger_cannot_be_read_it_is_503(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: object) -> None:
        raise UnavailableError("secret-host is down")

    monkeypatch.setattr(service.store.ledger, "page", down)

    response = service.call("GET", "/api/v1/signals")

    assert response.status_code == 503
    assert "secret-host" not in response.text


def test_a_mistake_of_ours_is_a_problem_document_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: Batch) -> Receipt:
        raise RuntimeError("secret")

    monkeypatch.setattr(service.store, "store", broken)

    with pytest.raises(RuntimeError, match="secret"):  # the transport of these tests shows what a server logs
        service.post()


# -------------------------------------------------------------------- fuzz


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("fuzz"))
    yield service
    service.close()


_quick = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_expected = {201, 400, 413, 415, 422}
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_fields = st.sampled_from(
    ["symbol", "signal_type", "score", "venue", "direction", "event_time", "price", "features", "signals", "id", ""]
)


@_quick
@given(body=st.binary(max_size=300))
@example(body=b"\x00")
def test_no_bytes_are_a_500(fuzzed: Service, body: bytes) -> None:
    assert fuzzed.post(content=body).status_code in _expected


@_quick
@given(at=st.integers(0, len(VALID)), cut=st.integers(0, 12), put=st.binary(max_size=12))
def test_no_mutant_of_a_valid_body_is_a_500(fuzzed: Service, at: int, cut: int, put: bytes) -> None:
    assert fuzzed.post(content=VALID[:at] + put + VALID[at + cut :]).status_code in _expected


@_quick
@given(changes=st.dictionaries(_fields, _json_values, max_size=4), is_batch=st.booleans())
def test_no_json_is_a_500(fuzzed: Service, changes: dict[str, Any], is_batch: bool) -> None:
    document: Any = {**A_SIGNAL, **changes}
    text = json.dumps({"signals": [document]} if is_batch else document)

    assert fuzzed.post(content=text.encode("utf-8", "surrogatepass")).status_code in _expected


@_quick
@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "after", "order", "instrument", "signal_type", "since", "until", "min_score", "x"]),
        st.text(max_size=30) | st.integers().map(str) | st.floats().map(str),
    )
)
def test_no_query_is_a_500(fuzzed: Service, query: dict[str, str]) -> None:
    assert fuzzed.call("GET", "/api/v1/signals", params=query).status_code in {200, 422, 414}


@_quick
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]),
    path=st.lists(
        st.sampled_from(["api", "v1", "signals", "books", "health", "..", "x:Y"]) | st.text(max_size=9), max_size=5
    ),
)
def test_no_path_is_a_500(fuzzed: Service, method: str, path: list[str]) -> None:
    url = "http://localhost/" + "/".join(quote(part, safe="") for part in path)

    assert fuzzed.call(method, url).status_code in {200, 400, 404, 405, 415, 422}


@_quick
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["Content-Type", "Idempotency-Key", "X-API-Key", "Content-Encoding", "Authorization", "Origin"]
        ),
        st.binary(max_size=40).map(lambda raw: bytes(b for b in raw if b >= 32 and b != 127)),
    )
)
def test_no_header_is_a_500(fuzzed: Service, headers: dict[str, bytes]) -> None:
    given_headers = {"Content-Type": b"application/json", **headers}

    assert fuzzed.call("POST", "/api/v1/signals", content=VALID, headers=given_headers).status_code in {201, 415, 422}


def _is_problem(response: Any) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "detail"} <= document.keys() <= {
        "type", "title", "status", "detail", "errors", "candidates",
    }  # fmt: skip
    assert document["status"] == response.status_code
    assert response.headers["x-content-type-options"] == "nosniff"
