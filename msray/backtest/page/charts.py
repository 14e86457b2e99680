"""What a report draws over time: the account, its drawdown, and prices with the trades on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND
from msray.backtest.page import words as words
from msray.backtest.page.html import Markup, element
from msray.backtest.page.svg import SHAPES, Floats, Plot, envelope, percent_ticks, ticks, time_ticks
from msray.backtest.portfolio import Trade

Times = NDArray[np.int64]

MOST_MARKS = 200
"""Trades on one chart: those with the largest net results."""
OUTCOMES = {"profit": "up", "stop": "down", "timeout": "square"}
"""Why a trade ended -> the shape of its mark; any other reason is a diamond."""


@dataclass(frozen=True, slots=True)
class Period:
    """The time that charts show, nanoseconds UTC."""

    begin_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.begin_ns) / SECOND

    def place(self, at_ns: Times) -> Floats:
        """Times as seconds from the begin."""
        return np.asarray((at_ns - self.begin_ns) / SECOND)


def over_time(label: str, size: tuple[float, float], period: Period, y: tuple[float, float]) -> Plot:
    """A chart whose x axis is a period; the y axis is still to be drawn."""
    plot = Plot(label, size, (0.0, period.seconds), y)
    plot.x_axis(*time_ticks(period.begin_ns, period.end_ns, int(size[0] / 95)))
    return plot


def equity_chart(width: float, period: Period, at_ns: Times, equity: Floats, capital: float) -> Markup:
    """The account over time, and what it began with."""
    x, y = envelope(period.place(at_ns), equity, period.seconds, columns(width))
    plot = over_time("Equity over time", (width, 240.0), period, roomy(*_bounds(y, capital)))
    plot.y_axis(ticks(plot.y.low, plot.y.high, 5), "equity, quote units")
    plot.level(capital, "muted", f"initial capital {words.amount(capital)}")
    plot.line(x, y, "own")
    return plot.svg()


def drawdown_chart(width: float, period: Period, at_ns: Times, equity: Floats) -> Markup:
    """How far the account is below its peak."""
    below = equity / np.maximum.accumulate(equity) - 1.0
    x, y = envelope(period.place(at_ns), below, period.seconds, columns(width))
    plot = over_time("Drawdown over time", (width, 160.0), period, (min(float(y.min()) * 1.1, -1e-4), 0.0))
    plot.y_axis(percent_ticks(plot.y.low, 0.0, 3), "below the peak")
    plot.area(x, y, "loss")
    plot.line(x, y, "loss")
    return plot.svg()


def price_chart(width: float, period: Period, mids: tuple[Times, Floats], trades: Sequence[Trade]) -> Markup:
    """A price, and the trades in it: each from its entry to its exit."""
    x, y = envelope(period.place(mids[0]), mids[1], period.seconds, columns(width))
    shown = largest(trades, MOST_MARKS)
    paid = [price for trade in shown for price in (trade.entry_price, trade.exit_price)]
    plot = over_time("Mid price and trades", (width, 320.0), period, roomy(*_bounds(y, *paid)))
    plot.y_axis(ticks(plot.y.low, plot.y.high, 6), "mid price, quote units")
    plot.line(x, y, "price")
    for trade in shown:
        trade_marks(plot, period, trade)
    return plot.svg()


def trade_marks(plot: Plot, period: Period, trade: Trade, more: str = "") -> None:
    """A circle where a trade began, its way, and where it ended a shape that says why; ``more`` classes for all."""
    x = period.place(np.array([trade.entry_ns, trade.exit_ns]))
    y = np.array([trade.entry_price, trade.exit_price])
    kind = f"{trade.reason if trade.reason in OUTCOMES else 'other'} {more}".rstrip()
    plot.line(x, y, f"{kind} way" if trade.side > 0 else f"{kind} way short")
    plot.mark("circle", x[0], y[0], f"{kind} hollow")
    plot.mark(OUTCOMES.get(trade.reason, "diamond"), x[1], y[1], f"{kind} solid", _told(trade))


def trade_legend() -> Markup:
    """What the marks of trades mean."""
    shapes = [(SHAPES["circle"], "other hollow", "entry")]
    shapes += [(SHAPES[shape], f"{reason} solid", f"exit: {reason}") for reason, shape in OUTCOMES.items()]
    shapes += [(SHAPES["diamond"], "other solid", "exit: other reason")]
    lines = [("M-12 0H12", "line way other", "long"), ("M-12 0H12", "line way short other", "short")]
    return legend([("M0 0" + d, kind, text) for d, kind, text in shapes] + lines)


def legend(entries: Sequence[tuple[str, str, str]]) -> Markup:
    """Paths around 0, their classes, and what they mean."""
    return element(
        "p",
        {"class": "legend"},
        *(
            element(
                "span",
                {},
                element(
                    "svg",
                    {"viewBox": "-13 -8 26 16", "aria-hidden": "true"},
                    element("path", {"class": kind, "d": d}),
                ),
                text,
            )
            for d, kind, text in entries
        ),
    )


def largest(trades: Sequence[Trade], most: int) -> list[Trade]:
    """So many trades with the largest net results, gains or losses, in the order in which they were."""
    chosen = sorted(range(len(trades)), key=lambda number: -abs(trades[number].net))[:most]
    return [trades[number] for number in sorted(chosen)]


def columns(width: float) -> int:
    """How finely a curve is drawn."""
    return int(width / 1.5)


def roomy(low: float, high: float) -> tuple[float, float]:
    """Bounds with some room around."""
    room = 0.06 * (high - low)
    return low - room, high + room


def _bounds(y: Floats, *more: float) -> tuple[float, float]:
    seen = [*more, float(np.nanmin(y)), float(np.nanmax(y))]
    return min(seen), max(seen)


def _told(trade: Trade) -> str:
    side = "long" if trade.side > 0 else "short"
    held = words.duration((trade.exit_ns - trade.entry_ns) / SECOND)
    return (
        f"{side} {trade.size:g} from {words.price(trade.entry_price)} at {words.moment(trade.entry_ns)} UTC to "
        f"{words.price(trade.exit_price)} after {held}; {trade.reason[:40]}; net {words.amount(trade.net)}"
    )
