"""Ray's switches and ports. Ray reads most of them when it is imported, so they are best set before."""

import contextlib
import os
import random
import socket
import sys
from pathlib import Path
from typing import Any

_SWITCHES = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "30",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
}
"""Token mode, since Ray listens on all interfaces whatever it is told; HAProxy, since it takes a tenth of the time;
half a minute for a proxy to load, since one that takes longer than the usual 5 s is killed, and with it whoever waits
for it; no long wait where open sockets or a node end, since shards have been stopped before."""
_PROXY_PORTS = ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT")
"""Of each cluster's HAProxy; with Ray's defaults, two clusters on one machine would want the same."""

_QUIET_PORTS = range(20_000, 32_000)
"""Above those of Ray's workers, below those that Linux, unless told otherwise, gives to outgoing connections."""


def prepare() -> None:
    """Set what the user has not set; a program that is in a cluster already keeps that cluster's mode."""
    ray: Any = sys.modules.get("ray")
    is_late = ray is not None and "RAY_AUTH_MODE" not in os.environ
    if is_late and ray.is_initialized():
        return
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
    if is_late:
        from ray._raylet import Config  # type: ignore[attr-defined]

        Config.initialize("")  # reads the mode again


def has_token() -> bool:
    """Whether Ray would find a token for its clusters here."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    place = os.environ.get("RAY_AUTH_TOKEN_PATH")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return bool((Path(place) if place else Path.home() / ".ray" / "auth_token").read_text().strip())
    return False


def proxy_ports() -> dict[str, str]:
    """Variables for a cluster that is about to be started: ports that are free, but for those the user has set."""
    return {name: os.environ.get(name, str(free_port())) for name in _PROXY_PORTS}


def free_port(first: int = 0) -> int:
    """A port that is free now: this one or one of the next 99, with 0 one that no outgoing connection is given.

    0 if there is none.
    """
    for port in range(first, first + 100) if first else random.SystemRandom().sample(_QUIET_PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))
            return port
    return 0
