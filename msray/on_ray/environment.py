"""Ray's switches. Ray reads them when it is imported, so they have to be set before."""

import os

_SWITCHES = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
}
"""Token mode, since Ray listens on all interfaces whatever it is told; HAProxy, since it takes a tenth of the time."""


def prepare() -> None:
    """Set what the user has not set."""
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
