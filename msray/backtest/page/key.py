"""The figures that come first in a report, each with its interval, its rival, or what it was chosen from beside it."""

import math
from collections.abc import Sequence

from msray.backtest.page.html import Markup, element, together, undefined
from msray.backtest.page.words import (
    amount,
    chance,
    counted,
    duration,
    known,
    number,
    percent,
    probability,
    signed_percent,
)
from msray.backtest.report import LEAST_TRADES, BacktestReport
from msray.evaluation import PrecisionAtK

NO_TRADE = "no trade was closed"
TOO_FEW = f"fewer than {LEAST_TRADES} closed trades"
NOT_JUDGED = "no signal could be judged"
NEVER_MOVED = "equity never moved"
NONE_TRADED = "fewer than two of the trials ever held anything"

Card = tuple[str, str, Sequence[str]]


def key_figures(report: BacktestReport) -> Markup:
    """All of them."""
    return cards(
        _net_return(report),
        _drawdown(report),
        _trades(report),
        _costs(report),
        _precision(report),
        _lead(report),
        _deflated(report),
        _overfitting(report),
    )


def cards(*figures: Card) -> Markup:
    """Figures: the name of each, its value, and what stands beside it."""
    return element("dl", {"class": "cards"}, *(_card(*figure) for figure in figures))


def no_lead(report: BacktestReport) -> str:
    """Why there are no lead times."""
    if report.signals.events:
        return "no signal came while prices were known"
    return f"no move of {percent(report.result.config.profit_target_pct)} was recorded"


def headline(precision: Sequence[PrecisionAtK]) -> PrecisionAtK:
    """The precision of the largest k for which there are as many signals."""
    return max(precision, key=lambda one: (one.k == one.k_used, one.k_used))


def _card(name: str, value: str, beside: Sequence[str]) -> Markup:
    lines = (element("dd", {"class": "beside"}, line) for line in beside)
    return element("div", {}, element("dt", {}, name), element("dd", {"class": "value"}, value), *lines)


def _net_return(report: BacktestReport) -> Card:
    interval, trials = report.interval, report.trials
    if interval is None:
        within: str = together(["interval ", undefined(TOO_FEW)])
    else:
        low, high = signed_percent(interval.low), signed_percent(interval.high)
        within = f"{interval.level:.0%} interval of closed trades {low} to {high}"
    best = f"best of {counted(len(trials.net_returns), 'trial')}: {signed_percent(trials.best_net_return)}"
    return "Net return, after all costs", signed_percent(report.result.net_return), (within, best)


def _drawdown(report: BacktestReport) -> Card:
    drawdown, limit = report.drawdown, report.result.config.risk.max_drawdown_pct
    lasted = f"{duration(drawdown.seconds)} until made good or the end" if drawdown.depth > 0 else "equity never fell"
    return "Largest drawdown", percent(drawdown.depth), (lasted, f"limit {percent(limit)}, then trading ends")


def _trades(report: BacktestReport) -> Card:
    figures, result = report.trade_figures, report.result
    won = sum(group.won for group in report.by_reason)
    is_open = sum(account.size != 0 for account in result.accounts.values())
    rate = known(figures.hit_rate, lambda share: f"won {won} ({percent(share)})", NO_TRADE)
    lost = NO_TRADE if not result.trades else "no trade lost"
    factor = together(["profit factor ", known(figures.profit_factor, number, lost)])
    return (
        "Closed trades",
        f"{len(result.trades):,}",
        (rate, factor, f"{is_open} still open, {len(result.fills)} fills"),
    )


def _costs(report: BacktestReport) -> Card:
    costs = report.costs
    paid = costs.fees + costs.funding
    net = report.result.final_equity - report.result.config.initial_capital
    share = known(
        paid / costs.turnover * 1e4 if costs.turnover else math.nan, lambda bps: f"{bps:.2f} bps", "nothing traded"
    )
    return (
        "Fees and funding, quote units",
        amount(paid),
        (together([share, " of the turnover"]), f"gross {amount(net + paid)}, net {amount(net)}"),
    )


def _precision(report: BacktestReport) -> Card:
    score = report.signals
    if not score.precision:
        return "Precision of the best signals", undefined(NOT_JUDGED), (f"{score.unjudged} signals, none judged",)
    one = headline(score.precision)
    rival = known(score.random_rate, percent, "nothing could be judged at random times")
    return (
        f"Precision@{one.k}",
        percent(one.precision),
        (
            f"95% interval {percent(one.low)} to {percent(one.high)}",
            f"all {score.judged} judged signals {percent(one.base_rate)}",
            together(["random times ", rival]),
        ),
    )


def _lead(report: BacktestReport) -> Card:
    lead, moves = report.signals.lead, report.signals.events
    if lead is None:
        return "Median lead time", undefined(no_lead(report)), (f"{moves} moves, {len(report.result.signals)} signals",)
    rival = lead.random
    random = known(rival.median_s, lambda s: f"{s:.1f} s", "none was in time")
    return (
        "Median lead time",
        known(lead.median_s, lambda s: f"{s:.1f} s", "no move was warned of"),
        (
            together(["random alarms ", random, f" ({chance(rival.p_median)})"]),
            f"warned of {percent(lead.detection_rate)} of {moves} moves",
            f"random alarms {percent(rival.detection_rate)} ({chance(rival.p_detection_rate)})",
        ),
    )


def _deflated(report: BacktestReport) -> Card:
    value = known(report.trials.deflated_sharpe, probability, NEVER_MOVED)
    return "Deflated Sharpe ratio (DSR)", value, (counted(report.trials.count, "trial"), "skill: 0.95 and above")


def _overfitting(report: BacktestReport) -> Card:
    overfitting, trials = report.trials.overfitting, report.trials
    if overfitting is None:
        return "Probability of overfitting (PBO)", undefined(NONE_TRADED), (counted(trials.count, "trial"),)
    beside = f"{counted(trials.count, 'trial')}, {len(overfitting.logit)} ways to halve the time"
    return "Probability of overfitting (PBO)", percent(overfitting.pbo), (beside, "chance alone: about 50%")
