"""One chain through order_book and hftbacktest, run by ``book_peers.py`` in their own environment.

Prints a JSON object: for each peer the median seconds of a replay that reads its best prices after every message, and
how it was driven and what it got wrong.

    python replay_peers.py CHAIN.npz RUNS
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import hftbacktest as hft
import numpy as np
from hftbacktest.types import event_dtype
from numba import njit
from order_book import OrderBook

ONE_BOOK, TWO_BOOKS = hft.LOCAL_EVENT, hft.LOCAL_EVENT | hft.EXCH_EVENT
MESSAGE_NS, PATIENCE_NS = 1_000, 1_000_000_000
MARKET_FEED = 2


def main() -> int:
    """Measure every peer."""
    with np.load(sys.argv[1]) as file:
        chain = dict(file)
    runs = int(sys.argv[2])
    found = {
        "order_book": _order_book(chain, runs),
        "hftbacktest": _hftbacktest(chain, runs, ONE_BOOK),
        "hftbacktest with its two books": _hftbacktest(chain, runs, TWO_BOOKS),
    }
    json.dump(found, sys.stdout)
    return 0


def _order_book(chain: dict[str, Any], runs: int) -> dict[str, Any]:
    """The C book of cryptofeed with integer keys, driven from a loop as its users do."""
    ends = np.cumsum(chain["counts"])
    spans = list(zip((ends - chain["counts"]).tolist(), ends.tolist(), strict=True))
    start, rows = chain["start"].tolist(), chain["changes"].tolist()

    def prepare() -> Any:
        book = OrderBook()
        for is_ask, tick, size in start:
            (book.asks if is_ask else book.bids)[tick] = size
        return book

    def replay(book: Any) -> list[tuple[int, int]]:
        bids, asks, bests = book.bids, book.asks, []
        for begin, end in spans:
            for is_ask, tick, size in rows[begin:end]:
                side = asks if is_ask else bids
                if size:
                    side[tick] = size
                elif tick in side:
                    del side[tick]
            bests.append((bids.index(0)[0], asks.index(0)[0]))
        return bests

    how = f"order_book {version('order_book')}, a Python loop over integers"
    return _measured(chain, how, prepare, replay, lambda book: [book.bids.to_dict(), book.asks.to_dict()], runs)


def _hftbacktest(chain: dict[str, Any], runs: int, flag: int) -> dict[str, Any]:
    """The faster of its depth types; its exchange keeps a second book if events are flagged for it too."""
    # hftbacktest keeps the address of an array, not the array: these must outlive every replay.
    time_ns = np.repeat(np.arange(1, len(chain["counts"]) + 1) * MESSAGE_NS, chain["counts"])
    snapshot = _events(chain["start"], flag | hft.DEPTH_SNAPSHOT_EVENT, 0)
    changes = _events(chain["changes"], flag | hft.DEPTH_EVENT, time_ns)
    ticks = np.unique(np.concatenate([chain["start"][:, 1], chain["changes"][:, 1]]))
    bests = np.zeros((len(chain["counts"]), 2), np.int64)

    def prepare(depth: Callable[[Any], Any]) -> Any:
        asset = hft.BacktestAsset().data([changes]).initial_snapshot(snapshot).tick_size(1.0).lot_size(1.0)
        return depth([asset.roi_lb(float(ticks[0])).roi_ub(float(ticks[-1]))])

    def sides(book: Any) -> list[dict[int, float]]:
        sizes = np.zeros((2, len(ticks)))
        _read_sizes(book, ticks, sizes)
        book.close()  # nothing else frees it
        return [{tick: size for tick, size in zip(ticks.tolist(), row, strict=True) if size} for row in sizes.tolist()]

    found, books, release = [], "one book" if flag == ONE_BOOK else "two books", version("hftbacktest")
    for depth in (hft.HashMapMarketDepthBacktest, hft.ROIVectorMarketDepthBacktest):
        how = f"hftbacktest {release}, {depth.__name__}, {books}, its loop woken by each message, no latency"
        found.append(_measured(chain, how, partial(prepare, depth), lambda book: _read_bests(book, bests), sides, runs))
    return min(found, key=lambda one: one["seconds"])


def _measured(
    chain: dict[str, Any],
    how: str,
    prepare: Callable[[], Any],
    replay: Callable[[Any], Any],
    sides: Callable[[Any], list[dict[int, Any]]],
    runs: int,
) -> dict[str, Any]:
    spent = []
    for _ in range(runs + 1):  # the first compiles
        book = prepare()
        begin = time.process_time()
        bests = replay(book)
        spent.append(time.process_time() - begin)
        found = sides(book)
    expected: list[dict[int, int]] = [{}, {}]
    for is_ask, tick, size in chain["end"].tolist():
        expected[is_ask][tick] = size
    wrong_bests = int((np.asarray(bests) != chain["bests"]).any(axis=1).sum())
    wrong_sizes = sum(
        mine.get(tick) != right.get(tick)
        for mine, right in zip(found, expected, strict=True)
        for tick in mine.keys() | right.keys()
    )
    same = "best after every message and depth at the end as ours"
    differs = f"best differs after {wrong_bests} messages, the end by {wrong_sizes} levels"
    return {
        "seconds": statistics.median(spent[1:]),
        "how": f"{how}; {differs if wrong_bests or wrong_sizes else same}",
    }


def _events(levels: Any, flag: int, time_ns: Any) -> Any:
    """Rows of (is ask, tick, size) as hftbacktest's; price and size stay integers, of tick and lot size one."""
    events = np.zeros(len(levels), event_dtype)
    events["ev"] = np.where(levels[:, 0], hft.SELL_EVENT, hft.BUY_EVENT) | flag
    events["exch_ts"] = events["local_ts"] = time_ns
    events["px"], events["qty"] = levels[:, 1], levels[:, 2]
    return events


@njit
def _read_bests(replay: Any, bests: Any) -> Any:
    """Replay all; the last message ends the data instead of waking the loop."""
    row, is_over = 0, False
    while not is_over:
        is_over = replay.wait_next_feed(False, PATIENCE_NS) != MARKET_FEED
        depth = replay.depth(0)
        bests[row, 0], bests[row, 1] = depth.best_bid_tick, depth.best_ask_tick
        row += 1
    return bests


@njit
def _read_sizes(replay: Any, ticks: Any, sizes: Any) -> None:
    depth = replay.depth(0)
    for i in range(len(ticks)):
        sizes[0, i], sizes[1, i] = depth.bid_qty_at_tick(ticks[i]), depth.ask_qty_at_tick(ticks[i])


if __name__ == "__main__":
    sys.exit(main())
