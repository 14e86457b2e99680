"""The processes of a running session: what they take, and how long the books of a killed one are away."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figure
from pydantic import SecretStr

from msray.cli.http import get_json
from msray.feeds.listings import fetch_listings
from msray.on_ray import live, running, session
from msray.on_ray.board import BoardView
from msray.on_ray.shard_report import ShardStatus

PAUSE_S = 10.0
"""Between two kills: a spare starts in it."""

SETTLED_S = 20.0
"""From the first synced books to the reading."""


async def plan(url: str, folder: Path, books: int) -> live.LivePlan:
    """Every instrument of a simulator, so many in each shard."""
    names = [one["instrument"] for one in get_json(f"{url}/oracle/status")["instruments"]]
    return live.LivePlan(
        instruments=(await fetch_listings(names, endpoint=url)).instruments,
        ledger_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
        raw_log=folder / "raw_log",
        endpoint=url,
        symbols_per_shard=books,
    )


def memory_figures(of: live.LivePlan) -> list[Figure]:
    """Proportional set of the process of the one shard, Ray's worker and all."""
    with _running(of) as view:
        (shard,) = view.shards
        time.sleep(SETTLED_S)
        lines = Path(f"/proc/{_process(shard)}/smaps_rollup").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    count = len(of.instruments)
    after = f"raw log on, {SETTLED_S:g} s after sync"
    how = f"proportional set of its Ray actor's process, {count} made-up instruments, 1x, {after}"
    return [
        Figure(
            name=f"shard memory, {count} instruments",
            value=round(kilobytes * 1024 / 1e6, 1),
            unit="MB",
            goal=250.0,
            how=how,
        )
    ]


def kill_figures(of: live.LivePlan) -> list[Figure]:
    """Seconds from ``kill -9`` until every book of the shard is synced again, seen through the board.

    Each shard is killed once: one that dies again within a minute of its start is given longer and longer pauses.
    """
    with _running(of) as view:
        away = sorted(_killed(shard.shard) for shard in view.shards)
    shards = f"{len(away)} shards of {of.symbols_per_shard} made-up books"
    how = f"{shards}, 1x, raw log on, each killed once, {PAUSE_S:g} s apart"
    found = {"median": away[len(away) // 2], "longest": away[-1]}
    return [
        Figure(name=f"shard killed -9, books back: {which}", value=round(seconds, 2), unit="s", goal=2.0, how=how)
        for which, seconds in found.items()
    ]


@contextlib.contextmanager
def _running(of: live.LivePlan) -> Iterator[BoardView]:
    """A session, its books synced."""
    session.start_local()
    try:
        live.start_live(of)
        yield running.wait_until_synced()
        running.stop_live(ends_cluster=True)
    finally:
        session.leave()


def _process(shard: ShardStatus) -> int:
    return int(shard.holder.rpartition(" ")[2])


def _killed(name: str) -> float:
    time.sleep(PAUSE_S)
    (before,) = (shard for shard in running.look().shards if shard.shard == name)
    started = time.monotonic()
    os.kill(_process(before), signal.SIGKILL)
    while not _is_back(name, before.started_ns):
        time.sleep(0.01)
    return time.monotonic() - started


def _is_back(name: str, since_ns: int) -> bool:
    view = running.look()
    (shard,) = (shard for shard in view.shards if shard.shard == name)
    books = [one for one in view.instruments if one.instrument in shard.instruments]
    return shard.started_ns > since_ns and all(one.state == "synced" for one in books)
