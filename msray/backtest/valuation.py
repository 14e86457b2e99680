"""``Valuation``: the account each second while something is held.

Between two answers only the mids move, so the values up to the next thing that may become known are worked out in one
go. They count when nothing came between; what comes between makes them be worked out anew.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from msray.backtest.agenda import NEVER_NS
from msray.backtest.config import SECOND
from msray.backtest.desk import TradingDesk
from msray.backtest.result import EquityPoint

SAMPLE_NS = SECOND
"""While something is held, the account is valued, and the limits of loss are watched, this often."""
_LEAST, _MOST = 4, 3600
"""Values that are worked out in one go; fewer are quicker one by one."""


class Valuation:
    """Values of an account.

    Parameters
    ----------
    desk
        Whose account it is.
    history
        So many of the latest are kept; None: all.

    Attributes
    ----------
    points
        The values so far.
    next_ns
        When the next one is due; :data:`NEVER_NS` while nothing is held.
    """

    def __init__(self, desk: TradingDesk, history: int | None) -> None:
        self.points: deque[EquityPoint] = deque(maxlen=history)
        self._desk = desk
        self.next_ns = NEVER_NS
        self._ahead: list[float] = []

    @property
    def due_ns(self) -> int:
        """When :meth:`take_due` is due: the first time that is not worked out."""
        return self.next_ns + len(self._ahead) * SAMPLE_NS

    def take(self) -> bool:
        """Value the account now; says whether that ends trading."""
        desk = self._desk
        now_ns, equity = desk.now_ns, desk.equity
        self.points.append(EquityPoint(now_ns, equity))
        self.forget()
        if self.next_ns == NEVER_NS and not desk.portfolio.is_flat:
            self.next_ns = now_ns + SAMPLE_NS
        return desk.risk.observe(equity, now_ns) is not None

    def note(self, at_ns: NDArray[np.int64], values: list[float]) -> None:
        """Note values of one day of which it is known that they do not end trading."""
        if not values:
            return
        risk = self._desk.risk
        assert risk.quiet(np.array(values), at_ns) == len(values), "a value that ends trading"
        risk.observe(max(values), int(at_ns[-1]))
        self.points.extend(map(EquityPoint, at_ns.tolist(), values))

    def take_due(self) -> bool:
        """Value the account because the time for it has come; says whether that ends trading."""
        self.next_ns = NEVER_NS
        return self.take()

    def forget(self) -> None:
        """The account has changed, or is about to."""
        self._ahead = []

    def look_ahead(self, until_ns: int) -> None:
        """Work out the values up to a time, included, as long as nothing else happens and they break no limit."""
        desk = self._desk
        if self._ahead or self.next_ns + _LEAST * SAMPLE_NS > until_ns or desk.portfolio.is_flat:
            return
        at_ns = np.arange(self.next_ns, min(until_ns, self.next_ns + _MOST * SAMPLE_NS) + 1, SAMPLE_NS)
        mids = {name: market.quotes.mid_prices(at_ns) for name, market in desk.markets.items()}
        values = desk.portfolio.equities(mids)
        self._ahead = values[: desk.risk.quiet(np.array(values), at_ns)]

    def go_to(self, now_ns: int) -> None:
        """Nothing has happened up to a time, included: what was worked out up to then is so."""
        if self.next_ns > now_ns or not self._ahead:
            return
        count = min((now_ns - self.next_ns) // SAMPLE_NS + 1, len(self._ahead))
        at_ns = self.next_ns + SAMPLE_NS * np.arange(count)
        self.note(at_ns, self._ahead[:count])
        self._desk.go_to(int(at_ns[-1]))
        self.next_ns += count * SAMPLE_NS
        del self._ahead[:count]
