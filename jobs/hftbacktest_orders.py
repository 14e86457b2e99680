"""Scripted orders through hftbacktest, run by ``order_peers.py`` in hftbacktest's own environment.

RUNS.json is a list of runs; ``order_peers.py`` writes it, and says what its words and the answers in ``out`` mean.

    python hftbacktest_orders.py RUNS.json
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hftbacktest as hft
import numpy as np
from hftbacktest.order import GTC, GTX, IOC, LIMIT, MARKET, NEW, PARTIALLY_FILLED
from hftbacktest.types import event_dtype
from numba import njit

AT_NS, ORDER_ID, IS_CANCEL, SIDE, KIND, TICK, SIZE = range(7)
END_OF_DATA, ANSWER, FIRST_ERROR = 1, 3, 10
FOR_EVER_NS = 10**18
# LIMIT, IOC, POST_ONLY and MARKET of ours.
TERMS = np.array([(GTC, LIMIT), (IOC, LIMIT), (GTX, LIMIT), (GTC, MARKET)], np.uint8)


def main() -> int:
    """Do every run."""
    for run in json.loads(Path(sys.argv[1]).read_text()):
        with np.load(run["market"]) as file:
            market = dict(file)
        with np.load(run["orders"]) as file:
            orders = file["orders"]
        np.savez(run["out"], version=version("hftbacktest"), **_run(run, market, orders))
    return 0


def _run(run: dict[str, Any], market: dict[str, Any], orders: Any) -> dict[str, Any]:
    # hftbacktest keeps the address of an array, not the array: these must outlive the replay.
    flags = hft.EXCH_EVENT | (hft.LOCAL_EVENT if run["books"] == 2 else 0)
    events, snapshot = _events(market["events"], flags), _events(market["snapshot"], flags)
    ticks = np.concatenate([events["px"], snapshot["px"]])

    def prepare() -> Any:
        asset = hft.BacktestAsset().data([events]).initial_snapshot(snapshot).tick_size(1.0).lot_size(1.0)
        asset = asset.linear_asset(1.0).constant_order_latency(run["entry_ns"], run["response_ns"])
        asset = asset.trading_value_fee_model(run["maker_fee"], run["taker_fee"]).last_trades_capacity(0)
        power = run["power"]
        asset = asset.power_prob_queue_model(power) if run["queue"] == "power" else asset.risk_adverse_queue_model()
        asset = asset.partial_fill_exchange() if run["exchange"] == "partial" else asset.no_partial_fill_exchange()
        if run["depth"] == "hashmap":
            return hft.HashMapMarketDepthBacktest([asset])
        return hft.ROIVectorMarketDepthBacktest([asset.roi_lb(ticks.min()).roi_ub(ticks.max())])

    if run["timed"] == 0:
        return _fills(prepare(), orders)
    return {"seconds": [_seconds(prepare(), orders) for _ in range(run["timed"] + 1)][1:]}  # the first compiles


def _fills(replay: Any, orders: Any) -> dict[str, Any]:
    fills = np.zeros((20 * len(orders), 5), np.int64)
    rows, code = _noted(replay, orders, fills)
    values = replay.state_values(0)
    account = np.array([values.position, values.balance, values.fee])
    replay.close()
    return {"fills": fills[:rows], "code": code, "account": account}


def _seconds(replay: Any, orders: Any) -> float:
    begin = time.process_time()
    code = _driven(replay, orders)
    spent = time.process_time() - begin
    replay.close()  # nothing else frees it
    if code >= FIRST_ERROR:
        raise SystemExit(f"hftbacktest broke off with {code}")
    return spent


def _events(rows: Any, flags: int) -> Any:
    """Rows of (is trade, is ask or seller, tick, size, exchange ns, local ns) as hftbacktest's, in ticks and units."""
    events = np.zeros(len(rows), event_dtype)
    what = np.where(rows[:, 0], hft.TRADE_EVENT, hft.DEPTH_EVENT)
    events["ev"] = np.where(rows[:, 1], hft.SELL_EVENT, hft.BUY_EVENT) | what | flags
    for name, number in {"px": 2, "qty": 3, "exch_ts": 4, "local_ts": 5}.items():
        events[name] = rows[:, number]
    return events


@njit
def _send(replay: Any, order: Any) -> None:
    """Send one order or cancel; a cancel of an order that is gone does nothing."""
    number, size = order[ORDER_ID], float(order[SIZE])
    force, kind = TERMS[order[KIND]]
    if order[IS_CANCEL]:
        replay.cancel(0, number, False)
    elif order[SIDE] == 0:
        replay.submit_buy_order(0, number, float(order[TICK]), size, force, kind, False)
    else:
        replay.submit_sell_order(0, number, float(order[TICK]), size, force, kind, False)


@njit
def _driven(replay: Any, orders: Any) -> int:
    """Send everything at its time, look at nothing."""
    replay.elapse(0)
    for order in orders:
        code = replay.elapse(order[AT_NS] - replay.current_timestamp)
        if code >= FIRST_ERROR:
            return code
        replay.clear_inactive_orders(0)
        _send(replay, order)
    return replay.elapse(FOR_EVER_NS)


@njit
def _noted(replay: Any, orders: Any, fills: Any) -> Any:
    """Send everything at its time, and write down the fills of each answer."""
    open_orders, left = np.zeros(len(orders), np.int64), np.zeros(len(orders), np.float64)
    count, rows, code = 0, 0, replay.elapse(0)
    for i in range(len(orders) + 1):
        until_ns = orders[i, AT_NS] if i < len(orders) else replay.current_timestamp + FOR_EVER_NS
        while replay.current_timestamp < until_ns and code < FIRST_ERROR and code != END_OF_DATA:
            code = replay.wait_next_feed(True, until_ns - replay.current_timestamp)
            if code == ANSWER:
                count, rows = _note(replay, open_orders[:count], left, fills, rows)
        if i < len(orders) and code < FIRST_ERROR:
            _send(replay, orders[i])
            if not orders[i, IS_CANCEL]:
                open_orders[count], left[count] = orders[i, ORDER_ID], orders[i, SIZE]
                count += 1
    return rows, code


@njit
def _note(replay: Any, open_orders: Any, left: Any, fills: Any, rows: int) -> Any:
    """Fills since the last look; several at one instant come as one, at the price of the last."""
    known, kept = replay.orders(0), 0
    for i in range(len(open_orders)):
        order = known.get(open_orders[i])
        if order.leaves_qty < left[i]:
            fill = fills[rows]
            fill[0], fill[1], fill[2] = open_orders[i], order.exch_timestamp, order.exec_price_tick
            fill[3], fill[4] = round(left[i] - order.leaves_qty), order.arr[0].maker
            rows += 1
        if order.req != 0 or order.status == NEW or order.status == PARTIALLY_FILLED:
            open_orders[kept], left[kept] = open_orders[i], order.leaves_qty
            kept += 1
    return kept, rows


if __name__ == "__main__":
    sys.exit(main())
