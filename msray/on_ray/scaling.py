"""How many replicas there should be: of the API by its HTTP requests, of the models by how long questions wait."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from msray.clock import Clock, SystemClock
from msray.telemetry.families import HTTP_SECONDS, PREDICTION_WAIT
from msray.telemetry.metrics import Figures

HTTP_REQUESTS = "http_requests"
WAIT_S, CORES = "wait_s", "cores"
MOST_WAIT_S = 0.02
"""That questions may wait in the mean before another replica is wanted."""
FULL = 0.6
"""Cores that a replica may take: what its thread computes, and what its loop takes."""


class Load:
    """HTTP requests under way in a replica, in the mean since it was last asked.

    The time of a request is counted when it ends, and that of a socket never is, so the time counted in a second is the
    number under way (Little 1961, "A proof for the queuing formula L = lambda W").

    Parameters
    ----------
    figures
        Of the replica.
    clock
        Time.
    """

    def __init__(self, figures: Figures, clock: Clock | None = None) -> None:
        self._figures = figures
        self._clock = clock or SystemClock()
        self._asked_ns = self._clock.monotonic_ns()
        self._counted_s = self._seconds()

    def look(self) -> dict[str, float]:
        """By the name that :func:`replicas_for_requests` knows."""
        now_ns, counted_s = self._clock.monotonic_ns(), self._seconds()
        passed_s = max((now_ns - self._asked_ns) / 1e9, 1e-3)
        mean = (counted_s - self._counted_s) / passed_s
        self._asked_ns, self._counted_s = now_ns, counted_s
        return {HTTP_REQUESTS: mean}

    def _seconds(self) -> float:
        series = self._figures.sample().get(HTTP_SECONDS.name, {})
        return sum(values[-1] for values in series.values())


def replicas_for_requests(context: Any) -> tuple[float, dict[str, Any]]:
    """Serve's autoscaling policy for the API: requests under way by the target of a replica.

    Serve's own counts an open socket as a request that never ends. Bounds, delays and factors are applied by Serve.

    Parameters
    ----------
    context
        A ``ray.serve.config.AutoscalingContext``.
    """
    by_replica: Mapping[Any, float] = context.aggregated_metrics.get(HTTP_REQUESTS, {})
    return sum(by_replica.values()) / context.config.target_ongoing_requests, {}


class Lag:
    """How long questions to models waited for their turn, and how many cores a replica took, since it was last asked.

    Parameters
    ----------
    figures
        Of the replica.
    clock
        Time.
    cpu_s
        Seconds that this process has computed.
    """

    def __init__(
        self, figures: Figures, clock: Clock | None = None, cpu_s: Callable[[], float] = time.process_time
    ) -> None:
        self._figures = figures
        self._clock = clock or SystemClock()
        self._cpu_s = cpu_s
        self._asked_ns, self._computed_s = self._clock.monotonic_ns(), cpu_s()
        self._waited = self._waits()

    def look(self) -> dict[str, float]:
        """By the names that :func:`replicas_for_lag` knows."""
        now_ns, computed_s, waited = self._clock.monotonic_ns(), self._cpu_s(), self._waits()
        count, wait_s = waited[0] - self._waited[0], waited[1] - self._waited[1]
        passed_s = max((now_ns - self._asked_ns) / 1e9, 1e-3)
        cores = (computed_s - self._computed_s) / passed_s
        self._asked_ns, self._computed_s, self._waited = now_ns, computed_s, waited
        return {WAIT_S: wait_s / max(count, 1), CORES: cores}

    def _waits(self) -> tuple[float, float]:
        """Number and sum."""
        values = self._figures.sample().get(PREDICTION_WAIT.name, {}).get((), (0.0, 0.0))
        return sum(values[:-1]), values[-1]


def replicas_for_lag(context: Any) -> tuple[float, dict[str, Any]]:
    """Serve's autoscaling policy for the models: enough for what is computed, and one more where questions wait.

    Questions wait where a replica has too much to do, and where its machine has. Serve applies bounds and delays.

    Parameters
    ----------
    context
        A ``ray.serve.config.AutoscalingContext``.
    """
    cores: Mapping[Any, float] = context.aggregated_metrics.get(CORES, {})
    waits: Mapping[Any, float] = context.aggregated_metrics.get(WAIT_S, {})
    wanted = sum(cores.values()) / FULL
    if max(waits.values(), default=0.0) > MOST_WAIT_S:
        wanted = max(wanted, context.current_num_replicas + 1.0)
    return wanted, {}
