"""How many replicas the API asks for."""

from types import SimpleNamespace
from typing import Any

import pytest

from msray.on_ray.scaling import HTTP_REQUESTS, Lag, Load, replicas_for_lag, replicas_for_requests
from msray.telemetry.families import HTTP_SECONDS, PREDICTION_WAIT, STREAM_SOCKETS
from msray.telemetry.metrics import Figures


class Time:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns


def context(replicas: int = 1, **by_metric: dict[str, float]) -> Any:
    config = SimpleNamespace(target_ongoing_requests=16.0)
    return SimpleNamespace(aggregated_metrics=by_metric, config=config, current_num_replicas=replicas)


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


def test_lag_is_the_mean_wait_and_the_cores_since_it_was_last_asked() -> None:
    figures, time, computed = Figures(), Time(), [100.0]
    figures.observe(PREDICTION_WAIT, value=50.0)
    lag = Lag(figures, time, lambda: computed[0])

    for wait_s in (0.01, 0.03):
        figures.observe(PREDICTION_WAIT, value=wait_s)
    computed[0] += 3.0
    time.ns += 4_000_000_000

    assert lag.look() == {"wait_s": pytest.approx(0.02), "cores": pytest.approx(0.75)}
    time.ns += 4_000_000_000
    assert lag.look() == {"wait_s": 0.0, "cores": 0.0}


@pytest.mark.parametrize(
    ("replicas", "waits", "cores", "wanted"),
    [
        (1, {"a": 0.001}, {"a": 0.3}, 0.5),
        (1, {"a": 0.001}, {"a": 0.9}, 1.5),
        (1, {"a": 0.05}, {"a": 0.1}, 2.0),
        (2, {"a": 0.001, "b": 0.05}, {"a": 0.3, "b": 0.3}, 3.0),
        (2, {"a": 0.001, "b": 0.001}, {"a": 0.1, "b": 0.2}, 0.5),
        (1, {}, {}, 0.0),
    ],
)
def test_models_get_replicas_for_what_they_compute_and_one_more_where_questions_wait(
    replicas: int, waits: dict[str, float], cores: dict[str, float], wanted: float
) -> None:
    assert replicas_for_lag(context(replicas, wait_s=waits, cores=cores))[0] == pytest.approx(wanted)
