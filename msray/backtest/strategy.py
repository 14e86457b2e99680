"""What a strategy is: told of signals, fills and times, it places orders at a desk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import BacktestConfig
from msray.backtest.prints import Prints
from msray.backtest.quotes import Quote
from msray.backtest.risk import Refusal
from msray.market import Fill, Instrument, OrderKind, ReportKind, Side, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the venue said of an order, when we learned of it.

    Attributes
    ----------
    order_id
        The desk's number of it.
    kind
        What happened.
    left
        Units of the order that have not traded; 0 also where it is over.
    fill
        What traded, if something did.
    """

    instrument: str
    order_id: int
    kind: ReportKind
    left: int
    fill: Fill | None = None

    @property
    def is_over(self) -> bool:
        """Whether the order is open no more."""
        return self.kind is not ReportKind.RESTING and (self.fill is None or self.left == 0)


class Desk(Protocol):
    """Where a strategy looks and trades. Nothing here knows anything that was not known at ``now_ns``."""

    @property
    def now_ns(self) -> int:
        """Local time, nanoseconds UTC."""
        ...

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What can be traded."""
        ...

    @property
    def equity(self) -> float:
        """Cash and positions at their mids, quote units."""
        ...

    def quote(self, instrument: str) -> Quote | None:
        """The newest best prices; None before the first."""
        ...

    def is_synced(self, instrument: str) -> bool:
        """Whether the quote tells of a book that is known: not from a gap of the recording to the next quote."""
        ...

    def prints(self, instrument: str) -> Prints:
        """The market's trades that became known since they were last asked for; only if ``wants_prints``."""
        ...

    def values(self, instrument: str) -> NDArray[np.float64]:
        """The newest values of the strategy's ``columns``; only where there is a quote."""
        ...

    def position(self, instrument: str) -> int:
        """Units held; negative: sold short."""
        ...

    def average_price(self, instrument: str) -> float:
        """Average price of what is held, quote units; NaN where nothing is."""
        ...

    def size_for(self, instrument: str, value: float) -> int:
        """Units that are worth so much, quote units, at the newest mid; 0 before the first quote."""
        ...

    def place(
        self,
        instrument: str,
        side: Side,
        size: int,
        *,
        kind: OrderKind = OrderKind.MARKET,
        tick: int = 0,
        reason: str = "",
    ) -> int | Refusal:
        """Send an order; returns its number, or why it may not be sent."""
        ...

    def cancel(self, order_id: int) -> None:
        """Send the wish to take an order out."""
        ...

    def replace(self, order_id: int, tick: int, size: int) -> Refusal | None:
        """Send the wish to change an order's price or what is left of it; says why it may not be sent."""
        ...

    def wake_at(self, at_ns: int, token: int) -> None:
        """Be told (``on_time``) at a local time."""
        ...

    def watch(self, instrument: str, side: Side, low: int, high: int, token: int) -> None:
        """Be told (``on_touch``) once, when a side's best price is at or beyond one of two prices of ``10**-18``."""
        ...

    def unwatch(self, token: int) -> None:
        """Be told no more."""
        ...


class Strategy:
    """Base of strategies: does nothing. Override what is needed.

    Attributes
    ----------
    columns
        Names of the features that ``desk.values`` is to hold.
    wants_prints
        Whether ``desk.prints`` is to have trades; they are kept until they are asked for.
    wants_rows
        Whether it is told of every change of the best prices (``on_row``).

    Notes
    -----
    All methods are called in the order of local time. Randomness comes from a seeded generator that the strategy is
    given, time from the desk.
    """

    columns: tuple[str, ...] = ()
    wants_prints: bool = False
    wants_rows: bool = False

    def neighbours(self, config: BacktestConfig) -> list[BacktestConfig]:
        """Configurations beside this one that one could as well have chosen; a backtest is judged among them."""
        return []

    def on_start(self, desk: Desk) -> None:
        """Before anything else, at the first local time."""

    def on_signal(self, signal: Signal, desk: Desk) -> None:
        """A detector raised a signal."""

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """The venue said something of an order; a fill is booked already."""

    def on_time(self, token: int, desk: Desk) -> None:
        """A time asked for has come."""

    def on_row(self, instrument: str, desk: Desk) -> None:
        """New best prices, or values of the columns, are known."""

    def on_touch(self, token: int, desk: Desk) -> None:
        """A price watched for has come."""

    def on_halt(self, desk: Desk) -> None:
        """Trading has ended; only orders that make positions smaller pass now."""


MakeStrategy = Callable[[BacktestConfig], Strategy]
"""Makes a new strategy for a configuration."""
