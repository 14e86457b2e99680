"""Scripted orders through hftbacktest, in the environment of the book's peers: ``hftbacktest_orders.py`` runs there."""

import json
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from book_peers import PINS, PYTHONS
from peers import peer_python
from scripted_orders import Assumed, Market, Rows, merged

from msray.market import DEPTH, TRADE


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of hftbacktest.

    Attributes
    ----------
    market, orders, assumed
        The same as ours.
    exchange
        ``whole``: its NoPartialFillExchange; ``partial``: its PartialFillExchange.
    depth
        Its book, ``roi`` or ``hashmap``.
    books
        2: the exchange's and the local one, as always; 1: without the local one, which scripted orders never look at.
    timed
        Number of timed replays; 0 asks for the fills instead.
    """

    market: Market
    orders: Rows
    assumed: Assumed
    exchange: str
    depth: str = "roi"
    books: int = 1
    timed: int = 0


def hftbacktest(runs: list[Run]) -> list[dict[str, Any]]:
    """Do runs, all in one process.

    Returns
    -------
    list of dict
        Of each run ``version`` and either the ``seconds`` of its timed replays or its ``fills``, the ``account`` at the
        end (position, balance and fees, in ticks and units) and ``code``, 10 or more where hftbacktest broke off. Empty
        if its environment cannot be made; why is on stderr.
    """
    python = peer_python("book", PINS, PYTHONS)
    if python is None:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder, markets = Path(name), {id(run.market): run.market for run in runs}
        for key, market in markets.items():
            np.savez(folder / f"market_{key}.npz", **_columns(market))
        told = []
        for number, run in enumerate(runs):
            np.savez(folder / f"orders_{number}.npz", orders=run.orders)
            files = {"market": f"market_{id(run.market)}", "orders": f"orders_{number}", "out": f"out_{number}"}
            words = {"exchange": run.exchange, "depth": run.depth, "books": run.books, "timed": run.timed}
            told.append(asdict(run.assumed) | words | {key: str(folder / f"{file}.npz") for key, file in files.items()})
        (folder / "runs.json").write_text(json.dumps(told))
        program = Path(__file__).with_name("hftbacktest_orders.py")
        subprocess.run([str(python), "-I", str(program), str(folder / "runs.json")], check=True)
        return [_read(one["out"]) for one in told]


def _columns(market: Market) -> dict[str, Rows]:
    """Rows of (is trade, is ask or seller, tick, size, exchange ns, local ns), the snapshot apart."""
    log = market.chain.log.copy()
    kinds = log.messages["kind"]
    assert set(kinds[1:].tolist()) <= {DEPTH, TRADE}, "hftbacktest is given recordings without a gap"
    message = np.repeat(np.arange(len(log)), log.messages["end"] - log.messages["begin"])
    of_level = log.levels["flags"] & 1, log.levels["tick"], log.levels["size"]
    columns = [kinds[message] == TRADE, *of_level, market.exchange_ns[message], market.known_ns[message]]
    rows = np.column_stack(columns).astype(np.int64)
    return {"snapshot": rows[message == 0], "events": rows[message > 0]}


def _read(path: str) -> dict[str, Any]:
    with np.load(path) as file:
        found = dict(file)
    return found | ({"fills": merged(found["fills"])} if "fills" in found else {})
