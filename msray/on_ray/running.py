"""What runs on a cluster: looked at, waited for, and ended."""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import ray

from msray.errors import UnavailableError
from msray.on_ray.board import BoardView
from msray.on_ray.calls import answer_now
from msray.on_ray.session import API_APP, BOARD, ENSEMBLE_APP, LEDGER, NAMESPACE, SUPERVISOR, find

SYNC_S = 60.0


def look(seen: int = 0) -> BoardView:
    """What there is to see now; UnavailableError where nothing runs."""
    view: BoardView = answer_now(find(BOARD).look.remote(seen))
    return view


def is_live() -> bool:
    """Whether live detection runs on this cluster."""
    with contextlib.suppress(UnavailableError):
        find(SUPERVISOR)
        return True
    return False


def supervised() -> dict[str, dict[str, Any]]:
    """How each shard is doing, by name; none where there is nothing but models."""
    if not is_live():
        return {}
    status: dict[str, dict[str, Any]] = answer_now(find(SUPERVISOR).status.remote())
    return status


def wait_until_synced(timeout_s: float = SYNC_S, *, is_over: Callable[[], bool] = lambda: False) -> BoardView:
    """Wait until every book is synced, but for those of halted symbols, or until nothing more will come.

    Parameters
    ----------
    timeout_s
        For so long at most.
    is_over
        Asked once every shard has reported: a short recording may have been played before anybody looked. What it
        raises is raised.

    Raises
    ------
    UnavailableError
        If it takes longer; it names the books that are not.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        view, shards = look(), supervised()
        waiting = [one.instrument for one in view.instruments if one.state not in ("synced", "halted")]
        have_told = {shard.shard for shard in view.shards} >= shards.keys()
        if have_told and (not waiting or is_over()):
            return view
        if time.monotonic() > deadline:
            problems = [one["problem"] for one in shards.values() if one["problem"]]
            problems += [text for shard in view.shards for text in shard.problems]
            raise UnavailableError(
                f"books must be synced within {timeout_s:g} s, waiting for {', '.join(waiting) or 'the shards'}",
                hint="; ".join(problems[:3]),
            )
        time.sleep(0.2)


def stop_live(*, ends_cluster: bool = False) -> None:
    """Stop the shards once their signals are stored, then all else, unless the cluster ends next and takes it along.

    Where nothing runs there is nothing to do.
    """
    with contextlib.ExitStack() as after:
        if not ends_cluster:
            after.callback(kill_all)
            after.callback(stop_served)
        for name, method in ((SUPERVISOR, "stop"), (LEDGER, "close")):
            with contextlib.suppress(UnavailableError):
                answer_now(getattr(find(name), method).remote())


def stop_served() -> None:
    """End our applications, and Serve with them where nobody else has one."""
    ours = {API_APP, ENSEMBLE_APP}
    running = served()
    if running and running <= ours:
        _serve().shutdown()  # its proxy holds the port otherwise
        return
    for name in running & ours:
        _serve().delete(name)


def served() -> set[str]:
    """Applications of the cluster's Serve; none where it is not running."""
    with contextlib.suppress(ray.exceptions.RayError, RuntimeError):
        return set(_serve().status().applications)
    return set()


def _serve() -> Any:
    """Ray Serve, which takes a second to load, and tells of each step unless it is told not to."""
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    return serve


def kill_all() -> None:
    """Every actor of ours; the supervisor first, or it would start shards again."""
    named = ray.util.list_named_actors(all_namespaces=True)
    own = [actor["name"] for actor in named if actor["namespace"] == NAMESPACE]
    for name in sorted(own, key=lambda name: name != SUPERVISOR):
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(name, namespace=NAMESPACE))
