"""What a report shows of the trading: the account, the trades on the price, their costs, the book around one."""

from collections.abc import Sequence

import numpy as np

from msray.backtest.config import SECOND
from msray.backtest.page import words as words
from msray.backtest.page.bars import cost_chart
from msray.backtest.page.book import book_history
from msray.backtest.page.charts import (
    MOST_MARKS,
    drawdown_chart,
    equity_chart,
    largest,
    price_chart,
    trade_legend,
)
from msray.backtest.page.heatmap import book_chart, full_colour
from msray.backtest.page.html import Markup, element, from_user, table, together, undefined
from msray.backtest.page.key import NO_TRADE
from msray.backtest.page.shown import Shown, figure, note, pair, twice
from msray.backtest.portfolio import Trade
from msray.backtest.report import Group
from msray.backtest.scoring import read_market

MOST_PRICES = 4
"""Instruments whose prices are drawn: those with the most trades."""
LISTED_TRADES = 12


def equity(shown: Shown) -> Markup:
    """The account over time."""
    result, period = shown.report.result, shown.period
    if not shown.report.events:
        return note(undefined("no message was recorded"))
    capital = result.config.initial_capital
    at_ns = np.array([period.begin_ns, *(point.at_ns for point in result.equity)], np.int64)
    values = np.array([capital, *(point.equity for point in result.equity)])
    told = "Valued at the mid each second while something is held and after each fill; steps are held in between."
    depth = words.percent(shown.report.drawdown.depth)
    return together(
        [
            figure(told, twice(lambda width: equity_chart(width, period, at_ns, values, capital))),
            figure(
                f"Loss from the highest equity so far; largest {depth}.",
                twice(lambda width: drawdown_chart(width, period, at_ns, values)),
            ),
        ]
    )


def prices(shown: Shown) -> Markup:
    """Prices, and what ended each trade."""
    by_trades = sorted(shown.report.by_instrument, key=lambda group: -group.trades)
    names = [group.name for group in by_trades if group.name in shown.tapes] or list(shown.tapes)
    drawn = [_price(shown, name) for name in names[:MOST_PRICES]]
    if not drawn:
        return note("No tape at hand: prices cannot be drawn.")
    if len(names) > MOST_PRICES:
        drawn.append(
            note(f"{len(names) - MOST_PRICES} more instruments, with no more trades than these, are not drawn.")
        )
    return together([trade_legend(), *drawn])


def _price(shown: Shown, name: str) -> Markup:
    path = read_market(shown.tapes[name], shown.report.result.config).prices
    trades = [trade for trade in shown.report.result.trades if trade.instrument == name]
    title = element("h3", {}, from_user(name))
    if np.isnan(path.mid).all():
        return together([title, note("No price was ever known.")])
    told = f"{len(trades):,} trades, each from its entry to its exit, at average prices, when we learned of it."
    if len(trades) > MOST_MARKS:
        told += f" Drawn are the {MOST_MARKS} with the largest net results, gains or losses."
    mids = path.at_ns, path.mid
    return together([title, figure(told, twice(lambda width: price_chart(width, shown.period, mids, trades)))])


def trades(shown: Shown) -> Markup:
    """The closed trades, grouped and the largest one by one."""
    report = shown.report
    if not report.result.trades:
        return note(undefined(NO_TRADE))
    return together(
        [
            _groups("By instrument", "instrument", report.by_instrument),
            _groups("By what ended them (barrier or reason)", "ended by", report.by_reason),
            _largest(report.result.trades),
        ]
    )


def _groups(caption: str, name: str, groups: Sequence[Group]) -> Markup:
    rows = [
        (
            from_user(group.name),
            f"{group.trades:,}",
            f"{group.won:,}",
            words.percent(group.won / group.trades),
            words.amount(group.net),
            words.signed_percent(group.mean_return),
            words.duration(group.mean_seconds),
        )
        for group in groups
    ]
    columns = (name, "trades", "won", "share won", "net, quote units", "mean net return", "mean time held")
    return table(caption, columns, rows)


def _largest(trades: Sequence[Trade]) -> Markup:
    chosen = largest(trades, LISTED_TRADES)
    rows = [
        (
            words.moment(trade.entry_ns),
            from_user(trade.instrument),
            "long" if trade.side > 0 else "short",
            f"{trade.size:g}",
            words.price(trade.entry_price),
            words.price(trade.exit_price),
            words.duration((trade.exit_ns - trade.entry_ns) / SECOND),
            from_user(trade.reason),
            words.amount(trade.gross),
            words.amount(trade.net),
        )
        for trade in chosen
    ]
    columns = ("entry, UTC", "instrument", "side", "size", "from", "to", "held", "ended by", "gross", "net")
    caption = f"{len(chosen)} of {len(trades):,} trades, those with the largest net results; money in quote units"
    return table(caption, columns, rows, texts=(1, 2, 7))


def costs(shown: Shown) -> Markup:
    """From gross to net."""
    report = shown.report
    paid, capital = report.costs, report.result.config.initial_capital
    net = report.result.final_equity - capital
    gross = net + paid.fees + paid.funding

    def row(name: str, value: float) -> tuple[str, ...]:
        of_turnover = f"{value / paid.turnover * 1e4:+.2f}" if paid.turnover else undefined("nothing traded")
        return name, words.amount(value), words.signed_percent(value / capital), of_turnover

    rows = [row("gross", gross), row("fees", 0.0 - paid.fees), row("funding", 0.0 - paid.funding), row("net", net)]
    rows.append(("turnover", words.amount(paid.turnover), f"{paid.turnover / capital:.1%}", ""))
    columns = ("", "quote units", "of the capital", "bps of turnover")
    told = "Spread and market impact are in the gross figure: orders traded at the prices that the book had."
    drawing = figure(told, cost_chart(gross, paid.fees, paid.funding, net))
    return pair(drawing, table("What trading cost, open positions included", columns, rows))


def book(shown: Shown) -> Markup:
    """The order book around the largest trade."""
    traded = [trade for trade in shown.report.result.trades if trade.instrument in shown.tapes]
    if not traded:
        why = NO_TRADE if not shown.report.result.trades else "no tape at hand"
        return note(undefined(why))
    (trade,) = largest(traded, 1)
    tape = shown.tapes[trade.instrument]
    known_ns = shown.known_ns[trade.instrument]
    history = book_history(tape, known_ns, trade)
    if history is None:
        return note(undefined("the book is not known there"))
    side = "long" if trade.side > 0 else "short"
    title = together([from_user(trade.instrument), f", {side}, net {words.amount(trade.net)} quote units, ended by "])
    steps = "a price step" if history.steps_a_row == 1 else f"{history.steps_a_row} price steps"
    told = (
        f"Blue, below: bids; orange, above: asks; full colour from {full_colour(history):.4g} units in {steps}. "
        "Lines: best bid and ask. Circles: the market's largest trades, hollow where a buyer was the aggressor. Small "
        "marks at the top: signals. Times are when it was known."
    )
    drawing = twice(lambda width: book_chart(width, history, tape, known_ns, trade))
    return together([element("h3", {}, title, from_user(trade.reason)), trade_legend(), figure(told, drawing)])
