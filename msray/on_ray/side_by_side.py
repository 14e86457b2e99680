"""Tasks side by side on a cluster: what all read is put there once, and what is no longer wanted does not go on."""

from collections.abc import Generator, Sequence
from typing import Any

import ray

from msray.errors import UnavailableError

RETRIES = 1
"""So often is a task given to another worker when its own dies."""
SHARE_OF_GPU = 0.25
"""What a training takes of one, if the cluster has any: its networks are small."""


def as_they_end(work: Any, shared: Any, parts: Sequence[Any]) -> Generator[tuple[int, Any]]:
    """Start a task for each part; not many more are handed over than can run. Closing this cancels what still runs.

    Parameters
    ----------
    work
        A remote function; it is called with ``shared`` and a part.
    shared
        What all tasks read, put on the cluster once.
    parts
        Some may be added meanwhile.

    Yields
    ------
    int, ray.ObjectRef
        The number of a part and its task, which has ended.

    Raises
    ------
    UnavailableError
        If no cluster has been joined.
    """
    need_cluster("work side by side")
    put, begun = ray.put(shared), 0
    running: dict[Any, int] = {}
    try:
        while running or begun < len(parts):
            while begun < len(parts) and len(running) < 2 * cpus():
                running[work.remote(put, parts[begun])] = begun
                begun += 1
            (ended, *_), _ = ray.wait(list(running))
            yield running.pop(ended), ended
    finally:
        for task in running:
            ray.cancel(task)


def cpus() -> float:
    """Of the whole cluster, which may grow meanwhile."""
    return _total().get("CPU", 1.0)


def share_of_gpu() -> float:
    """What a training is to take of one; none where the cluster has none."""
    return SHARE_OF_GPU if _total().get("GPU", 0.0) > 0 else 0.0


def _total() -> dict[str, float]:
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return total


def need_cluster(what: str) -> None:
    """Refuse to go on without a cluster: Ray would start one of its own, as it likes.

    Raises
    ------
    UnavailableError
        If none has been joined.
    """
    if not ray.is_initialized():
        raise UnavailableError(f"{what} needs a cluster, and none has been joined", hint="msray.on_ray.session")
