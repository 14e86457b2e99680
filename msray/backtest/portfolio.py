"""``PortfolioManager``: cash and positions of one account, moved by fills, fees and funding only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msray.backtest.account import Account, as_float, money
from msray.errors import UsageError
from msray.market import PRICE_DECIMALS, Fill, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What happened between two moments without a position in an instrument.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    side
        1 for long, -1 for short.
    entry_ns, exit_ns
        When we learned of its first and last fill, nanoseconds UTC.
    size
        All that was entered, in the venue's units.
    entry_price, exit_price
        Averages, quote units.
    gross, fees, funding, net
        Quote units; ``net = gross - fees - funding``. What an inverse future brings is valued at its last price.
    net_return
        ``net`` as a fraction of the largest value held.
    reason
        Why it was closed: ``profit``, ``stop``, ``timeout``, or what the strategy said.
    """

    instrument: str
    side: int
    entry_ns: int
    exit_ns: int
    size: float
    entry_price: float
    exit_price: float
    gross: float
    fees: float
    funding: float
    net: float
    net_return: float
    reason: str


@dataclass(slots=True)
class _OpenTrade:
    """A trade that is not over; sums of what entered and what left."""

    side: int
    entry_ns: int
    gross: int
    fees: int
    funding: int
    entered: int = 0
    entered_at: int = 0
    left_at: int = 0
    most_value: int = 0


class PortfolioManager:
    """Cash and positions.

    Parameters
    ----------
    initial_capital
        Cash at the start, quote units.
    taker_fee_rate, maker_fee_rate
        Fractions of a trade's value; negative: a rebate.

    Notes
    -----
    At every moment ``equity = initial capital + realized + unrealized - fees - funding``, exactly. Balances of several
    quote currencies (USD, USDT) count as one.

    Attributes
    ----------
    accounts
        By instrument id.
    trades
        Those that are over, in the order in which they ended.
    """

    def __init__(self, initial_capital: float, taker_fee_rate: float, maker_fee_rate: float) -> None:
        self.initial = money(initial_capital)
        self.accounts: dict[str, Account] = {}
        self.trades: list[Trade] = []
        self._rates = round(taker_fee_rate * 1e9), round(maker_fee_rate * 1e9)
        self._open: dict[str, _OpenTrade] = {}
        self._marks: dict[str, int] = {}

    @property
    def rates(self) -> tuple[float, float]:
        """Fees of trades that take and that provide liquidity, as they are booked: fractions of a trade's value."""
        return self._rates[False] / 1e9, self._rates[True] / 1e9

    def add(self, instrument: Instrument, contract_size: float = 0.0) -> None:
        """Open the account of an instrument; ``contract_size`` above 0 says that it is an inverse future.

        Raises
        ------
        UsageError
            If it has one.
        """
        if instrument.id in self.accounts:
            raise UsageError(f"instrument {instrument.id} is named twice")
        self.accounts[instrument.id] = Account(instrument, money(contract_size))

    def mark(self, instrument_id: str, price: int) -> None:
        """Value an instrument at a price of ``10**-18`` from now on."""
        self._marks[instrument_id] = price

    def position(self, instrument_id: str) -> int:
        """Units held of an instrument; negative: sold short."""
        return self.accounts[instrument_id].size

    def value(self, instrument_id: str, size: int) -> float:
        """What a size of an instrument is worth at its mark, quote units; 0 before it has one."""
        return as_float(self.accounts[instrument_id].value(size, self._marks.get(instrument_id, 0)))

    @property
    def exposure(self) -> float:
        """Sum of what is held, without signs, quote units."""
        return math.fsum([abs(self.value(name, account.size)) for name, account in self.accounts.items()])

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return not any(account.size for account in self.accounts.values())

    @property
    def exact_equity(self) -> int:
        """Everything at its mark, an integer of ``10**-45``."""
        marks = self._marks
        return self.initial + sum([account.worth(marks.get(name, 0)) for name, account in self.accounts.items()])

    @property
    def equity(self) -> float:
        """Everything at its mark, quote units."""
        return as_float(self.exact_equity)

    def equities(self, marks: Mapping[str, Sequence[int | None]]) -> list[float]:
        """:attr:`equity` at other marks, as many of each instrument, by its id; None: as it is marked now."""
        accounts = [(account, self._marks.get(name, 0)) for name, account in self.accounts.items()]
        values: list[float] = []
        before: tuple[int | None, ...] = ()
        for at in zip(*(marks[name] for name in self.accounts), strict=True):
            if at != before:
                worths = [
                    account.worth(now if mark is None else mark)
                    for (account, now), mark in zip(accounts, at, strict=True)
                ]
                values.append(as_float(self.initial + sum(worths)))
                before = at
            else:
                values.append(values[-1])  # as most are in a quiet market
        return values

    def apply(self, fill: Fill, reason: str = "") -> None:
        """Book a trade of ours.

        Parameters
        ----------
        fill
            What traded.
        reason
            Why; where it ends a position, the position's trade keeps it.
        """
        account = self.accounts[fill.instrument]
        self._marks.setdefault(fill.instrument, fill.price)
        size = fill.side.sign * fill.size
        if account.size * size < 0 and abs(size) > abs(account.size):
            closing = -account.size
            self._book(account, fill, closing, reason)
            size -= closing
        self._book(account, fill, size, reason)

    def pay_funding(self, instrument_id: str, rate: float) -> None:
        """What is long pays this fraction of its value at the mark, what is short receives it."""
        account = self.accounts[instrument_id]
        if account.size:
            account.pay_funding(self._marks[instrument_id], round(rate * 1e9))

    def _book(self, account: Account, fill: Fill, size: int, reason: str) -> None:
        name = fill.instrument
        trade = self._open.get(name)
        if trade is None:
            side = 1 if size > 0 else -1
            trade = _OpenTrade(side, fill.local_ns, account.gross, account.fees, account.funding)
            self._open[name] = trade
        account.book(size, fill.price, self._rates[fill.is_maker])
        if size * trade.side > 0:
            trade.entered += abs(size)
            trade.entered_at += abs(size) * fill.price
        else:
            trade.left_at += abs(size) * fill.price
        trade.most_value = max(trade.most_value, abs(account.value(account.size, fill.price)))
        if account.size == 0:
            self.trades.append(self._closed(account, fill, self._open.pop(name), reason))

    @staticmethod
    def _closed(account: Account, fill: Fill, trade: _OpenTrade, reason: str) -> Trade:
        quote = fill.price / 10**PRICE_DECIMALS if account.contract else 1.0
        gross, fees, funding = (
            as_float(now - before) * quote
            for now, before in (
                (account.gross, trade.gross),
                (account.fees, trade.fees),
                (account.funding, trade.funding),
            )
        )
        net = gross - fees - funding
        return Trade(
            instrument=fill.instrument,
            side=trade.side,
            entry_ns=trade.entry_ns,
            exit_ns=fill.local_ns,
            size=account.instrument.size(trade.entered),
            entry_price=trade.entered_at / trade.entered / 10**PRICE_DECIMALS,
            exit_price=trade.left_at / trade.entered / 10**PRICE_DECIMALS,
            gross=gross,
            fees=fees,
            funding=funding,
            net=net,
            net_return=net / as_float(trade.most_value),
            reason=reason,
        )
