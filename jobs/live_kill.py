"""A shard whose process is killed, and how long its books are away."""

import os
import signal
import time
from pathlib import Path

from figures import Figure
from pydantic import SecretStr

from msray.cli.http import get_json
from msray.feeds.listings import fetch_listings
from msray.on_ray import live, session
from msray.on_ray.board import BoardView

KILLS, PAUSE_S = 7, 10.0


async def plan(url: str, folder: Path) -> live.LivePlan:
    """Every instrument of a simulator in one shard."""
    names = [one["instrument"] for one in get_json(f"{url}/oracle/status")["instruments"]]
    return live.LivePlan(
        instruments=(await fetch_listings(names, endpoint=url)).instruments,
        ledger_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
        raw_log=folder / "raw_log",
        endpoint=url,
    )


def kill_figures(of: live.LivePlan) -> list[Figure]:
    """Seconds from ``kill -9`` until every book is synced again, seen through the board."""
    session.start_local()
    try:
        live.start_live(of)
        live.wait_until_synced()
        away = sorted(_killed() for _ in range(KILLS))
        live.stop_live(ends_cluster=True)
    finally:
        session.leave()
    how = f"{KILLS} kills, {PAUSE_S:g} s apart, of one shard with {len(of.instruments)} books, 1x, raw log on"
    found = {"median": away[KILLS // 2], "longest": away[-1]}
    return [
        Figure(name=f"shard killed -9, books back: {which}", value=round(seconds, 2), unit="s", goal=2.0, how=how)
        for which, seconds in found.items()
    ]


def _killed() -> float:
    time.sleep(PAUSE_S)
    before = live.look().shards[0]
    started = time.monotonic()
    os.kill(int(before.holder.rpartition(" ")[2]), signal.SIGKILL)
    while not _is_back(live.look(), before.started_ns):
        time.sleep(0.01)
    return time.monotonic() - started


def _is_back(view: BoardView, since_ns: int) -> bool:
    (shard,) = view.shards
    return shard.started_ns > since_ns and all(one.state == "synced" for one in view.instruments)
