"""The Ray session msray lives in: one namespace, readable names, and how it is started, joined and left."""

import logging
import os
import signal
import socket
import sys
import threading
from typing import Any

import ray

from msray.errors import UnavailableError
from msray.on_ray.environment import proxy_ports

NAMESPACE = "msray"
LEDGER, BOARD, SUPERVISOR = "msray-ledger", "msray-board", "msray-supervisor"
API_APP, ENSEMBLE_APP = "api", "ensemble"
KNOCK_S = 5.0
STORE_BYTES = 200 << 20


def start_local(*, dashboard: bool = False, cpus: int | None = None, store_bytes: int = STORE_BYTES) -> str:
    """A cluster of its own in the foreground: it ends with this process.

    Parameters
    ----------
    dashboard
        Whether it has Ray's.
    cpus
        Tasks that run at once; by default as many as there are processors, and 4 at least.
    store_bytes
        Size of the memory that its processes share.

    Returns
    -------
    str
        URL of the dashboard; empty without one.
    """
    os.environ.update(proxy_ports())
    context = _init(
        address="local",
        num_cpus=cpus or max(4, os.cpu_count() or 1),
        include_dashboard=dashboard,
        dashboard_host="127.0.0.1",
        object_store_memory=store_bytes,
    )
    return f"http://{context.dashboard_url}" if context.dashboard_url else ""


def join(address: str = "auto") -> None:
    """Join a cluster that is running.

    Raises
    ------
    UnavailableError
        If there is none.
    """
    if is_joined():
        return
    try:
        _knock(address)
        _init(address=address)
    except (OSError, ValueError, RuntimeError) as error:
        raise UnavailableError(
            f"no Ray cluster at {address}: {str(error).splitlines()[0]}", hint="msray live starts one"
        ) from error


def is_joined() -> bool:
    """Whether this process is in a cluster."""
    return bool(ray.is_initialized())


def _knock(address: str) -> None:
    """Whether anybody listens there at all: Ray itself would ask for five minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


def _init(**options: Any) -> Any:
    """``ray.init``, but SIGTERM stays ours: Ray's handler aborts the process after three seconds, cleaned up or not."""
    before = signal.getsignal(signal.SIGTERM)
    context = ray.init(namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, **options)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    return context


def leave() -> None:
    """Leave the cluster; one that :func:`start_local` made ends with this."""
    if (serve := sys.modules.get("ray.serve.context")) is not None:
        serve._set_global_client(None)  # else it would look for this cluster's controller in the next one
    ray.shutdown()


def start_actor(kind: Any, name: str, *arguments: Any, **options: Any) -> Any:
    """Start an actor that outlives this process and is started again when its own dies; one of that name is kept."""
    lasting = {"lifetime": "detached", "get_if_exists": True, "num_cpus": 0, "max_restarts": -1, "max_task_retries": 0}
    return kind.options(**{"name": name, "namespace": NAMESPACE} | lasting | options).remote(*arguments)


def find(name: str) -> Any:
    """A named actor.

    Raises
    ------
    UnavailableError
        If it is not running.
    """
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError as error:
        raise UnavailableError(f"{name} is not running", hint="msray live starts it") from error
