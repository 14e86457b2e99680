"""``RiskManager``: yes or no to an order, with the reason; and the switch that ends trading."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND, RiskConfig

DAY_NS = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order may not be sent.

    Attributes
    ----------
    limit
        The limit it would break: a field of :class:`RiskConfig`; ``halted``, ``equity`` where there is none left, or
        ``unknown_order`` where an order to be changed is over.
    text
        The same with the numbers.
    """

    limit: str
    text: str


class Exposure(NamedTuple):
    """Where an order would lead, in quote units.

    Attributes
    ----------
    equity
        Of the account now.
    order_value
        Of the order, not negative.
    position_before, position_after
        Of its instrument, with sign; after: if all of it trades.
    others
        Of all other instruments, without signs.
    open_orders
        Number of orders that are open now.
    """

    equity: float
    order_value: float
    position_before: float
    position_after: float
    others: float
    open_orders: int

    @property
    def reduces(self) -> bool:
        """Whether the order can only make the position smaller."""
        return self.position_before * self.position_after >= 0 and abs(self.position_after) < abs(self.position_before)


class RiskManager:
    """Judges orders.

    Parameters
    ----------
    config
        The limits.

    Notes
    -----
    An order that can only make a position smaller is always let through: no limit may keep one in a loss. Once trading
    is halted it stays so; somebody has to look.

    Attributes
    ----------
    halted
        Why trading has ended; None while it has not.
    refusals
        Number of orders refused, by limit.
    sent_ns
        When orders and cancels of the last second were sent; may hold older ones too.
    highest, day, day_equity
        The highest equity so far, the number of the present day, and the equity at its first value.
    """

    def __init__(self, config: RiskConfig) -> None:
        self.config = config
        self.halted: Refusal | None = None
        self.refusals: Counter[str] = Counter()
        self.sent_ns: deque[int] = deque()
        self.highest = 0.0
        self.day = -1
        self.day_equity = 0.0

    def observe(self, equity: float, now_ns: int) -> Refusal | None:
        """Watch the equity; returns why trading ends now, if it does."""
        self.highest = max(self.highest, equity)
        if now_ns // DAY_NS != self.day:
            self.day, self.day_equity = now_ns // DAY_NS, equity
        if self.halted is not None:
            return None
        for limit, base in (("max_daily_loss_pct", self.day_equity), ("max_drawdown_pct", self.highest)):
            allowed = getattr(self.config, limit)
            if equity <= base * (1.0 - allowed):
                text = f"{limit}: equity fell from {base:.2f} to {equity:.2f}, more than {allowed:.2%}"
                return self.halt(Refusal(limit, text))
        return None

    def quiet(self, equity: NDArray[np.float64], at_ns: NDArray[np.int64]) -> int:
        """How many values, from the first on, :meth:`observe` would let pass: those of a new day are not looked at.

        Parameters
        ----------
        equity, at_ns
            The values that come next, and when.
        """
        is_quiet = at_ns // DAY_NS == self.day
        if self.halted is None:
            highest = np.maximum.accumulate(np.maximum(equity, self.highest))
            is_quiet &= equity > self.day_equity * (1.0 - self.config.max_daily_loss_pct)
            is_quiet &= equity > highest * (1.0 - self.config.max_drawdown_pct)
        return len(is_quiet) if is_quiet.all() else int(is_quiet.argmin())

    def halt(self, why: Refusal) -> Refusal:
        """End trading: the kill switch. Only orders that make positions smaller pass from now on."""
        self.halted = why
        return why

    def check(self, order: Exposure, now_ns: int) -> Refusal | None:
        """Why an order may not be sent now; None: it may, and counts as sent.

        Parameters
        ----------
        order
            What it would do.
        now_ns
            Local time.
        """
        while self.sent_ns and self.sent_ns[0] <= now_ns - SECOND:
            self.sent_ns.popleft()
        refusal = None if order.reduces else self._breaks(order)
        if refusal is None:
            self.note_sent(now_ns)
        else:
            self.refusals[refusal.limit] += 1
        return refusal

    def note_sent(self, now_ns: int) -> None:
        """Something was sent that needs no leave, a cancel: it counts for the rate."""
        self.sent_ns.append(now_ns)

    def _breaks(self, order: Exposure) -> Refusal | None:
        if self.halted is not None:
            return Refusal("halted", f"trading is halted, {self.halted.text}")
        equity, config = order.equity, self.config
        if equity <= 0:
            return Refusal("equity", f"equity must be positive to open a position, got {equity:.2f}")
        after = abs(order.position_after)
        for limit, value in (
            ("max_order_pct", order.order_value / equity),
            ("max_position_pct", after / equity),
            ("max_exposure_pct", (after + order.others) / equity),
        ):
            if value > getattr(config, limit) * (1 + 1e-9):
                return Refusal(limit, f"{limit} is {getattr(config, limit):g}, got {value:.4g}")
        if order.open_orders >= config.max_open_orders:
            return Refusal("max_open_orders", f"max_open_orders is {config.max_open_orders}, all of them are open")
        most = config.max_orders_per_s
        if len(self.sent_ns) >= most:
            return Refusal("max_orders_per_s", f"max_orders_per_s is {most}, so many were sent within a second")
        return None
