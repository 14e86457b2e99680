"""Signals on ticks through one peer, run by ``measure_backtest_ticks.py`` in an environment of their own.

Prints a JSON object: median CPU seconds, number of trades and mean net return of a trade.

    python tick_peers.py NAME MARKET.npz PROFIT STOP HOLDING_S FEE RUNS
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Outcome = tuple[int, float]
"""Number of trades, and mean net return."""
CASH = 1e12


def main() -> int:
    """Measure one peer."""
    name, path = sys.argv[1:3]
    profit, stop, holding_s, fee = map(float, sys.argv[3:7])
    runs = int(sys.argv[7])
    with np.load(path) as file:
        market = dict(file)
    work = PEERS[name](market, profit, stop, int(holding_s * 1e9), fee)
    trades, mean_return = work()
    spent = []
    for _ in range(runs):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    json.dump({"seconds": statistics.median(spent), "trades": trades, "mean_return": mean_return}, sys.stdout)
    return 0


def _vectorbt(is_timed: bool) -> Callable[..., Callable[[], Outcome]]:
    """``Portfolio.from_signals``; a time limit can only be said as stops that become 0 when it is over."""

    def of(market: dict[str, Any], profit: float, stop: float, holding_ns: int, fee: float) -> Callable[[], Outcome]:
        import vectorbt as vbt
        from numba import njit

        at_ns, price, side = market["at_ns"], market["price"], market["side"]

        @njit
        def stop_loss(c: Any, at_ns: Any, holding_ns: int) -> tuple[float, bool]:
            is_over = c.init_i >= 0 and at_ns[c.i] - at_ns[c.init_i] >= holding_ns
            return (0.0 if is_over else c.curr_stop), False

        @njit
        def take_profit(c: Any, at_ns: Any, holding_ns: int) -> float:
            is_over = c.init_i >= 0 and at_ns[c.i] - at_ns[c.init_i] >= holding_ns
            return 0.0 if is_over else c.curr_stop

        timed = {
            "adjust_sl_func_nb": stop_loss,
            "adjust_sl_args": (at_ns, holding_ns),
            "adjust_tp_func_nb": take_profit,
            "adjust_tp_args": (at_ns, holding_ns),
        }

        def work() -> Outcome:
            portfolio = vbt.Portfolio.from_signals(
                price,
                entries=side > 0,
                exits=False,
                short_entries=side < 0,
                short_exits=False,
                size=1.0,
                size_type="amount",
                fees=fee,
                init_cash=CASH,
                sl_stop=stop,
                tp_stop=profit,
                stop_entry_price="close",
                stop_exit_price="close",
                upon_opposite_entry="ignore",
                **(timed if is_timed else {}),
            )
            closed = portfolio.trades.records_arr
            closed = closed[closed["status"] == 1]
            return len(closed), float(closed["return"].mean()) if len(closed) else float("nan")

        return work

    return of


def _backtesting(
    market: dict[str, Any], profit: float, stop: float, holding_ns: int, fee: float
) -> Callable[[], Outcome]:
    """A strategy whose ``next`` looks at the signal of the tick, and at the time."""
    import warnings

    import pandas as pd
    from backtesting import Backtest, Strategy

    warnings.simplefilter("ignore")
    at_ns, price, side = market["at_ns"], market["price"], market["side"].tolist()
    # Its index must rise, and its time is only looked at below.
    table = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), price), index=pd.RangeIndex(len(price)))
    times, prices = at_ns.tolist(), price.tolist()

    class Follower(Strategy):
        def init(self) -> None:
            self.row = 0

        def next(self) -> None:
            i = len(self.data) - 1
            if self.trades:
                if times[i] - times[self.row] >= holding_ns:
                    self.position.close()
            elif side[i] and not self.orders:
                self.row = i
                now, sign = prices[i], side[i]
                order = self.buy if sign > 0 else self.sell
                order(size=1, sl=now * (1 - sign * stop), tp=now * (1 + sign * profit))

    def work() -> Outcome:
        trades = Backtest(table, Follower, cash=CASH, commission=fee, trade_on_close=True).run()["_trades"]
        paid = trades["EntryPrice"] * trades["Size"].abs()
        return len(trades), float((trades["PnL"] / paid).mean())

    return work


PEERS = {
    "vectorbt": _vectorbt(True),
    "vectorbt without a time limit": _vectorbt(False),
    "backtesting.py": _backtesting,
}


if __name__ == "__main__":
    sys.exit(main())
