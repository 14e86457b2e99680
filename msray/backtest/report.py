"""``BacktestReport``: what a backtest says in the end, with the interval and the rival of every figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from msray.backtest.account import as_float
from msray.backtest.config import SECOND
from msray.backtest.portfolio import Trade
from msray.backtest.result import BacktestResult
from msray.backtest.scoring import SignalScore
from msray.backtest.variants import Trials
from msray.evaluation import (
    BootstrapInterval,
    Drawdown,
    TradeReport,
    measure_performance,
    measure_trades,
    stationary_bootstrap_interval,
)
from msray.market import PRICE_DECIMALS

LEAST_TRADES = 5
"""Fewer say nothing of how far another sample of them might lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading cost, quote units, at the time at which it was paid.

    Attributes
    ----------
    fees, funding
        Paid; negative: received.
    turnover
        Value of everything that traded.
    """

    fees: float
    funding: float
    turnover: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Trades that have something in common.

    Attributes
    ----------
    name
        What they have in common: the instrument, or why they ended.
    trades, won
        Their number, and that of those that brought something after all costs.
    net
        What they brought after all costs, quote units.
    mean_return
        Mean net return, as a fraction of the value held.
    mean_seconds
        Mean time held.
    """

    name: str
    trades: int
    won: int
    net: float
    mean_return: float
    mean_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """What came out.

    Attributes
    ----------
    result
        Everything that happened.
    events
        Messages of the recordings that were played.
    begin_ns, end_ns
        First and last time at which anything was known.
    interval
        Of the net return of the closed trades, as a fraction of the capital; None with fewer than ``LEAST_TRADES``.
    drawdown
        The largest loss from a peak.
    trade_figures
        Of the closed trades, net.
    by_instrument, by_reason
        The closed trades, grouped.
    costs
        What trading cost.
    signals
        What the signals were worth, apart from the strategy.
    trials
        The backtest among its neighbours.
    """

    result: BacktestResult
    events: int
    begin_ns: int
    end_ns: int
    interval: BootstrapInterval | None
    drawdown: Drawdown
    trade_figures: TradeReport
    by_instrument: tuple[Group, ...]
    by_reason: tuple[Group, ...]
    costs: Costs
    signals: SignalScore
    trials: Trials

    @property
    def seconds(self) -> float:
        """Length of what was played."""
        return (self.end_ns - self.begin_ns) / SECOND

    @property
    def verdict(self) -> str:
        """One plain sentence of the closed trades: whether there is an edge after costs."""
        trades = self.result.trades
        if not trades:
            return "No trade was closed: nothing can be said of an edge."
        net = math.fsum(trade.net for trade in trades) / self.result.config.initial_capital
        earned = f"{net:+.3%} after costs in {len(trades)} trades"
        if self.interval is None:
            return f"{earned}: too few to say anything of an edge."
        within = f"({self.interval.level:.0%} interval {self.interval.low:+.3%} to {self.interval.high:+.3%})"
        if self.interval.high < 0:
            return f"The edge is negative: {earned} {within}."
        if self.interval.low <= 0:
            return f"No edge is shown: {earned} {within}."
        luck = self.trials.deflated_sharpe
        if not luck >= 0.95:
            return (
                f"No edge is shown: {earned} {within}, but {self.trials.different} trials explain it (DSR {luck:.2f})."
            )
        return f"There is an edge: {earned} {within}, DSR {luck:.2f} among {self.trials.different} trials."

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain mappings and numbers; NaN where one is not defined."""
        result, lead, overfitting = self.result, self.signals.lead, self.trials.overfitting
        return {
            "verdict": self.verdict,
            "events": self.events,
            "begin_ns": self.begin_ns,
            "end_ns": self.end_ns,
            "seconds": self.seconds,
            "instruments": [instrument.id for instrument in result.instruments],
            "signals": len(result.signals),
            "orders": result.orders,
            "fills": len(result.fills),
            "trades": len(result.trades),
            "open_positions": sum(account.size != 0 for account in result.accounts.values()),
            "initial_capital": result.config.initial_capital,
            "final_equity": result.final_equity,
            "net_return": result.net_return,
            "net_return_interval": None if self.interval is None else asdict(self.interval),
            "max_drawdown": self._drawdown(),
            "trade_figures": asdict(self.trade_figures),
            "costs": asdict(self.costs),
            "by_instrument": [asdict(group) for group in self.by_instrument],
            "by_reason": [asdict(group) for group in self.by_reason],
            "answers": dict(result.answers),
            "refusals": dict(result.refusals),
            "halted": None if result.halted is None else result.halted.text,
            "judged_signals": self.signals.judged,
            "unjudged_signals": self.signals.unjudged,
            "precision_at_k": [asdict(one) for one in self.signals.precision],
            "random_precision": self.signals.random_rate,
            "moves": self.signals.events,
            "move_pct": result.config.profit_target_pct,
            "lead_time_s": None if lead is None else _lead(lead),
            "dsr": self.trials.deflated_sharpe,
            "pbo": None if overfitting is None else overfitting.pbo,
            "trials": self.trials.count,
            "tried_before": self.trials.earlier,
            "different_trials": self.trials.different,
            "best_trial_net_return": self.trials.best_net_return,
        }

    def _drawdown(self) -> dict[str, Any]:
        times = _equity_times(self.result, self.begin_ns, self.end_ns)
        return {
            "depth": self.drawdown.depth,
            "seconds": self.drawdown.seconds,
            "peak_ns": times[self.drawdown.peak],
            "bottom_ns": times[self.drawdown.bottom],
        }


def make_report(
    result: BacktestResult, signals: SignalScore, trials: Trials, *, events: int, begin_ns: int, end_ns: int
) -> BacktestReport:
    """Put a report together.

    Parameters
    ----------
    result, signals, trials
        What happened, and how it was judged.
    events, begin_ns, end_ns
        What was played.
    """
    equity = [result.config.initial_capital, *(point.equity for point in result.equity), result.final_equity]
    times = _equity_times(result, begin_ns, end_ns)
    return BacktestReport(
        result=result,
        events=events,
        begin_ns=begin_ns,
        end_ns=end_ns,
        interval=net_interval(result),
        drawdown=measure_performance(equity, times_ns=times, per_year=1.0).drawdown,
        trade_figures=measure_trades([trade.net for trade in result.trades]),
        by_instrument=_groups(result, "instrument"),
        by_reason=_groups(result, "reason"),
        costs=_costs(result),
        signals=signals,
        trials=trials,
    )


def _equity_times(result: BacktestResult, begin_ns: int, end_ns: int) -> list[int]:
    """Of the capital at the begin, the values in between, and the one at the end."""
    return [begin_ns, *(point.at_ns for point in result.equity), max(end_ns, begin_ns + 1)]


def net_interval(result: BacktestResult) -> BootstrapInterval | None:
    """Of the net return of the closed trades, as a fraction of the capital; None with fewer than ``LEAST_TRADES``."""
    if len(result.trades) < LEAST_TRADES:
        return None
    returns = np.array([trade.net for trade in result.trades]) / result.config.initial_capital
    return stationary_bootstrap_interval(returns, _sum, rng=np.random.default_rng(result.config.seed))


def _sum(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return math.fsum(values)


def _groups(result: BacktestResult, by: str) -> tuple[Group, ...]:
    trades: dict[str, list[Trade]] = {}
    for trade in result.trades:
        trades.setdefault(getattr(trade, by), []).append(trade)
    found = []
    for name, mine in sorted(trades.items()):
        count = len(mine)
        found.append(
            Group(
                name=name,
                trades=count,
                won=sum(trade.net > 0 for trade in mine),
                net=math.fsum(trade.net for trade in mine),
                mean_return=math.fsum(trade.net_return for trade in mine) / count,
                mean_seconds=math.fsum(trade.exit_ns - trade.entry_ns for trade in mine) / count / SECOND,
            )
        )
    return tuple(found)


def _costs(result: BacktestResult) -> Costs:
    """Sums over accounts; what an inverse future paid in coins is valued at its last price."""
    last = {fill.instrument: fill.price / 10**PRICE_DECIMALS for fill in result.fills}
    funding = turnover = 0.0
    for name, account in result.accounts.items():
        quote = last.get(name, 0.0) if account.contract else 1.0
        funding += as_float(account.funding) * quote
        turnover += math.fsum(
            as_float(account.value(fill.size, fill.price)) for fill in result.fills if fill.instrument == name
        )
    return Costs(fees=result.fees, funding=funding, turnover=turnover)


def _lead(lead: Any) -> Mapping[str, Any]:
    names: Sequence[str] = ("detection_rate", "low", "high", "median_s", "restricted_mean_s", "false_alarms_per_hour")
    return {**{name: getattr(lead, name) for name in names}, "random": asdict(lead.random)}
