"""The cluster that a verb's own tasks run on."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from msray.cli.live import keep_ray_quiet, running_address

if TYPE_CHECKING:
    from msray.cli.settings import Settings


def cluster_for(context: typer.Context, settings: "Settings", address: str | None) -> Callable[[int], None]:
    """Join the cluster named, else the one started here; else what this returns starts one that ends with the verb.

    It is called once, before the first task, with the bytes that the processes of such a cluster are to share.

    Raises
    ------
    UnavailableError
        If the cluster named is not there; so that is said before anything is read.
    """
    from msray.on_ray import session

    keep_ray_quiet(context, context.obj)
    known = running_address(settings, address)
    if known is not None:
        session.join(known)

    def start(store_bytes: int) -> None:
        if known is None:
            session.start_local(cpus=os.cpu_count(), store_bytes=store_bytes)

    return start
