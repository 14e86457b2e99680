"""Shards whose processes are killed, and how long their books are away."""

import os
import signal
import time
from pathlib import Path

from figures import Figure
from pydantic import SecretStr

from msray.cli.http import get_json
from msray.feeds.listings import fetch_listings
from msray.on_ray import live, session

BOOKS, PAUSE_S = 3, 10.0
"""Books of a shard, and what there is between two kills: a spare starts in it."""


async def plan(url: str, folder: Path) -> live.LivePlan:
    """Every instrument of a simulator, a few in each shard."""
    names = [one["instrument"] for one in get_json(f"{url}/oracle/status")["instruments"]]
    return live.LivePlan(
        instruments=(await fetch_listings(names, endpoint=url)).instruments,
        ledger_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
        raw_log=folder / "raw_log",
        endpoint=url,
        symbols_per_shard=BOOKS,
    )


def kill_figures(of: live.LivePlan) -> list[Figure]:
    """Seconds from ``kill -9`` until every book of the shard is synced again, seen through the board.

    Each shard is killed once: one that dies again within a minute of its start is given longer and longer pauses.
    """
    session.start_local()
    try:
        live.start_live(of)
        shards = [shard.shard for shard in live.wait_until_synced().shards]
        away = sorted(_killed(shard) for shard in shards)
        live.stop_live(ends_cluster=True)
    finally:
        session.leave()
    how = f"{len(shards)} shards of {BOOKS} made-up books, 1x, raw log on, each killed once, {PAUSE_S:g} s apart"
    found = {"median": away[len(away) // 2], "longest": away[-1]}
    return [
        Figure(name=f"shard killed -9, books back: {which}", value=round(seconds, 2), unit="s", goal=2.0, how=how)
        for which, seconds in found.items()
    ]


def _killed(name: str) -> float:
    time.sleep(PAUSE_S)
    (before,) = (shard for shard in live.look().shards if shard.shard == name)
    started = time.monotonic()
    os.kill(int(before.holder.rpartition(" ")[2]), signal.SIGKILL)
    while not _is_back(name, before.started_ns):
        time.sleep(0.01)
    return time.monotonic() - started


def _is_back(name: str, since_ns: int) -> bool:
    view = live.look()
    (shard,) = (shard for shard in view.shards if shard.shard == name)
    books = [one for one in view.instruments if one.instrument in shard.instruments]
    return shard.started_ns > since_ns and all(one.state == "synced" for one in books)
