"""Health, readiness and figures."""

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from msray.api.state import InstrumentSnapshot
from tests.api.service import A_SIGNAL, Books, Service
from tests.store.examples import BTC, some_signals


def _samples(service: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = service.call("GET", "/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def _value(service: Service, name: str, **labels: str) -> float | None:
    return _samples(service).get((name, frozenset(labels.items())))


def test_health_is_a_summary(open_service: Callable[..., Service]) -> None:
    books = Books(
        InstrumentSnapshot(instrument=BTC, state="synced"), InstrumentSnapshot(instrument="x:Y", state="halted")
    )
    service = open_service(books=books)
    service.clock.advance(61.5)

    health = service.get("/health")

    assert (health["status"], health["uptime_s"]) == ("live", 61)
    assert health["instruments"] == {"running": 2, "synced": 1}


def test_ready_means_that_a_commit_succeeds(service: Service) -> None:
    assert service.get("/health/ready") == {"status": "ready", "reasons": []}


def test_signals_are_counted_by_the_ledger(service: Service) -> None:
    service.store.ledger.store(some_signals(3))
    service.post({**A_SIGNAL, "venue": "binance_usdm", "signal_type": "imbalance"})

    name = "microstructure_signals_total"
    assert _value(service, name, symbol=BTC, signal_type="imbalance") == 4
    assert _value(service, "microstructure_active_signals", signal_type="imbalance") == 4
    assert _value(service, "microstructure_detection_score", symbol=BTC, signal_type="imbalance") == 0.8
    service.clock.advance(301)
    assert _value(service, name, symbol=BTC, signal_type="imbalance") == 4
    assert _value(service, "microstructure_active_signals", signal_type="imbalance") == 0


def test_configured_names_are_labels_before_any_detection(open_service: Callable[..., Service]) -> None:
    service = open_service(instruments=("external:BTCUSDT",), signal_types=("spread",))
    service.post()

    assert _value(service, "microstructure_signals_total", symbol="external:BTCUSDT", signal_type="spread") == 1


def test_ten_thousand_invented_names_add_at_most_five_series(service: Service) -> None:
    before = len(_samples(service))

    for batch in range(10):
        names = [f"X{batch}N{n}" for n in range(1000)]
        answer = service.post({"signals": [{**A_SIGNAL, "symbol": name, "signal_type": name} for name in names]})
        assert answer.status_code == 201

    assert len(_samples(service)) - before <= 5
    assert _value(service, "microstructure_signals_total", symbol="other", signal_type="other") == 10_000


def test_requests_are_counted_by_route_template(service: Service) -> None:
    for n in range(3):
        service.call("GET", f"/api/v1/signals/{n:032x}")
        service.call("GET", f"/wp-admin/{n}")
        service.call(f"BREW{n}", "/health")
    before = len(_samples(service))
    for n in range(50):
        service.call("GET", f"/scan/{n}")

    name = "microstructure_http_requests_total"
    assert _value(service, name, method="GET", route="/api/v1/signals/{signal_id}", status="404") == 3
    assert _value(service, name, method="GET", route="other", status="404") == 53
    assert _value(service, name, method="other", route="/health", status="405") == 3
    assert len(_samples(service)) <= before + 1


def test_commits_are_timed(service: Service) -> None:
    service.post({"signals": [A_SIGNAL, {**A_SIGNAL, "score": 0.1}]})

    assert _value(service, "microstructure_ledger_commit_seconds_count") == 1
    assert _value(service, "microstructure_ledger_commit_signals_sum") == 2


def test_answers_carry_safe_headers_and_production_shows_no_documentation(open_service: Callable[..., Service]) -> None:
    development, production = open_service(), open_service(profile="production")

    docs = development.call("GET", "/docs")
    health = development.call("GET", "/health")

    assert docs.status_code == 200
    assert "script-src" in docs.headers["content-security-policy"]
    assert health.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in health.headers
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert production.call("GET", path).status_code == 404


def test_openapi_describes_what_is_submitted(service: Service) -> None:
    document = service.get("/openapi.json")

    post = document["paths"]["/api/v1/signals"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["$defs"]["SubmittedSignal"]["required"] == ["symbol", "signal_type", "score"]
    assert schema["$defs"]["SubmittedBatch"]["properties"]["signals"]["maxItems"] == 1000
    assert document["components"]["securitySchemes"] == {
        "Requires": {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    }
    assert post["security"] == [{"Requires": []}]


def test_cross_origin_calls_are_only_for_those_named(open_service: Callable[..., Service]) -> None:
    closed, opened = open_service(), open_service(cors_origins=("https://desk.example",))

    def preflight(service: Service, origin: str) -> str | None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        return service.call("OPTIONS", "/api/v1/signals", headers=headers).headers.get("access-control-allow-origin")

    assert preflight(closed, "https://desk.example") is None
    assert preflight(opened, "https://desk.example") == "https://desk.example"
    assert preflight(opened, "https://evil.example") is None
