"""How many replicas the API needs: by its HTTP requests, whatever the number of its open sockets."""

from collections.abc import Mapping
from typing import Any

from msray.clock import Clock, SystemClock
from msray.telemetry.families import HTTP_SECONDS
from msray.telemetry.metrics import Figures

HTTP_REQUESTS = "http_requests"


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
