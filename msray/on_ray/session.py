"""The Ray session msray lives in: one namespace, readable names, and how it is started, joined and left."""

import logging
import os
from typing import Any

import ray

from msray.errors import UnavailableError
from msray.on_ray.environment import proxy_ports

NAMESPACE = "msray"
LEDGER, BOARD, SUPERVISOR = "msray-ledger", "msray-board", "msray-supervisor"
API_APP = "api"


def start_local(*, dashboard: bool = False) -> str:
    """A cluster of its own in the foreground: it ends with this process. The URL of its dashboard, if any."""
    os.environ.update(proxy_ports())
    context = ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=max(4, os.cpu_count() or 1),
        include_dashboard=dashboard,
        dashboard_host="127.0.0.1",
        object_store_memory=200 << 20,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    return f"http://{context.dashboard_url}" if context.dashboard_url else ""


def join(address: str = "auto") -> None:
    """Join a cluster that is running.

    Raises
    ------
    UnavailableError
        If there is none.
    """
    if ray.is_initialized():
        return
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UnavailableError(
            f"no Ray cluster at {address}: {str(error).splitlines()[0]}", hint="msray live starts one"
        ) from error


def leave() -> None:
    """Leave the cluster; one that :func:`start_local` made ends with this."""
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
