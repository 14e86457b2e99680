"""What a backtest gives: everything that happened, exactly, and tables of it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from msray.backtest.account import Account, as_float
from msray.backtest.config import BacktestConfig
from msray.backtest.portfolio import Trade
from msray.backtest.risk import Refusal
from msray.extras import from_extra
from msray.market import PRICE_DECIMALS, Fill, Instrument, Signal

if TYPE_CHECKING:
    import pandas as pd


class EquityPoint(NamedTuple):
    """Value of the account, quote units, at a local time."""

    at_ns: int
    equity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """What happened.

    Attributes
    ----------
    config
        What was assumed.
    instruments
        What could be traded.
    signals
        All that became known, in that order.
    fills, trades
        In the order in which we learned of them, and in which they ended.
    equity
        The account each second while something was held, and after every fill.
    accounts
        By instrument id, as they ended.
    answers
        Number of answers of the venues, by kind.
    refusals
        Number of orders that were not sent, by the limit they would have broken.
    halted
        Why trading ended early, if it did.
    orders
        Number of orders that were sent.
    """

    config: BacktestConfig
    instruments: tuple[Instrument, ...]
    signals: tuple[Signal, ...]
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    equity: tuple[EquityPoint, ...]
    accounts: Mapping[str, Account]
    answers: Mapping[str, int]
    refusals: Mapping[str, int]
    halted: Refusal | None
    orders: int

    @property
    def final_equity(self) -> float:
        """Value of the account at the end, quote units."""
        return self.equity[-1].equity if self.equity else self.config.initial_capital

    @property
    def net_return(self) -> float:
        """What was earned after all costs, as a fraction of the initial capital."""
        return self.final_equity / self.config.initial_capital - 1.0

    @property
    def fees(self) -> float:
        """Fees paid, quote units; what an inverse future paid in coins is valued at its last price."""
        last = {fill.instrument: fill.price / 10**PRICE_DECIMALS for fill in self.fills}
        return math.fsum(
            as_float(account.fees) * (last.get(name, 0.0) if account.contract else 1.0)
            for name, account in self.accounts.items()
        )

    def to_pandas(self) -> "pd.DataFrame":
        """The trades, a row each, times as UTC timestamps."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        table = pd.DataFrame([asdict(trade) for trade in self.trades], columns=list(Trade.__dataclass_fields__))
        for name in ("entry_ns", "exit_ns"):
            table[name.removesuffix("_ns")] = pd.to_datetime(table.pop(name), unit="ns", utc=True)
        return table


def binned_returns(result: BacktestResult, begin_ns: int, end_ns: int, bins: int) -> NDArray[np.float64]:
    """Change of the equity in each of so many equal pieces of a time, as fractions of the initial capital.

    What happened after the end counts to the last piece.
    """
    capital = result.config.initial_capital
    edges = np.linspace(begin_ns, end_ns, bins + 1)[1:]
    at_ns = np.array([0, *(point.at_ns for point in result.equity)])
    equity = np.array([capital, *(point.equity for point in result.equity)])
    last = equity[np.searchsorted(at_ns, edges, side="right") - 1]
    last[-1] = result.final_equity
    return np.asarray(np.diff(last, prepend=capital) / capital)
