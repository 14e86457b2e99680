"""How many replicas the API asks for."""

from types import SimpleNamespace
from typing import Any

import pytest

from msray.on_ray.scaling import HTTP_REQUESTS, Load, replicas_for_requests
from msray.telemetry.families import HTTP_SECONDS, STREAM_SOCKETS
from msray.telemetry.metrics import Figures


class Time:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns


def context(**by_metric: dict[str, float]) -> Any:
    return SimpleNamespace(aggregated_metrics=by_metric, config=SimpleNamespace(target_ongoing_requests=16.0))


def test_load_is_the_time_of_requests_by_the_time_that_passed() -> None:
    figures, time = Figures(), Time()
    figures.observe(HTTP_SECONDS, "/health", value=100.0)
    load = Load(figures, time)

    for _ in range(30):
        figures.observe(HTTP_SECONDS, "/api/v1/signals", value=0.5)
        figures.observe(HTTP_SECONDS, "/api/v1/books", value=1.5)
    time.ns += 5_000_000_000

    assert load.look() == {HTTP_REQUESTS: pytest.approx(60 / 5)}
    time.ns += 5_000_000_000
    assert load.look() == {HTTP_REQUESTS: 0.0}


def test_load_asked_twice_at_once_is_a_number() -> None:
    load = Load(Figures(), Time())

    assert [load.look(), load.look()] == [{HTTP_REQUESTS: 0.0}] * 2


def test_open_sockets_are_no_load() -> None:
    figures, time = Figures(), Time()
    load = Load(figures, time)

    figures.set(STREAM_SOCKETS, value=200)
    time.ns += 1_000_000_000

    assert load.look() == {HTTP_REQUESTS: 0.0}


def test_replicas_are_requests_of_all_by_the_target_of_one() -> None:
    assert replicas_for_requests(context(http_requests={"a": 20.0, "b": 4.0}))[0] == 1.5
    assert replicas_for_requests(context(http_requests={"a": 0.0}))[0] == 0.0


def test_running_requests_as_serve_counts_them_are_not_asked_for() -> None:
    assert replicas_for_requests(context(running_requests={"a": 500.0}))[0] == 0.0
