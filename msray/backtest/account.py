"""The account of one instrument: what is held, what has flowed for it, exact in integers.

All money is an integer of ``10**-45``: prices and sizes have at most 18 decimals, rates 9. Python's integers have no
end, so nothing is ever rounded but the quotient by which an inverse future is paid, and that once, when it is booked.

==========  =====================  ========================  ==================================
future      buying ``n`` at ``p``  worth at a mark ``m``     flows in
==========  =====================  ========================  ==================================
linear      flow - n p             flow + n m                quote units (also spot and shares)
inverse     flow + n c / p         flow m - n c              coins; a contract stands for ``c``
==========  =====================  ========================  ==================================
"""

from dataclasses import dataclass, field

from msray.market import PRICE_DECIMALS, Instrument

MONEY_DECIMALS = 45
_MONEY: int = 10**MONEY_DECIMALS
_PRICE: int = 10**PRICE_DECIMALS
_RATE = 10**9


def money(amount: float) -> int:
    """The exact value of a float, as an integer of ``10**-45``; digits beyond are cut.

    Examples
    --------
    >>> as_float(money(0.25))
    0.25
    """
    top, bottom = amount.as_integer_ratio()
    return top * _MONEY // bottom


def as_float(amount: int) -> float:
    """Money as a float, correctly rounded."""
    return amount / _MONEY


@dataclass(slots=True)
class Account:
    """What is held of one instrument and what has flowed for it.

    Attributes
    ----------
    instrument
        Gives the decimals of sizes.
    contract
        Money a contract of an inverse future stands for; 0: not inverse.
    size
        Held, in units of the instrument; negative: sold short.
    gross
        What has flowed for trades.
    cost
        The part of it that what is held now brought, with its sign turned: its cost.
    fees, funding
        What was paid; in the currency that flows.
    """

    instrument: Instrument
    contract: int = 0
    size: int = 0
    gross: int = 0
    cost: int = 0
    fees: int = 0
    funding: int = 0
    _units: int = field(init=False, repr=False, compare=False)
    _unit_value: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._units = 10**self.instrument.size_decimals
        self._unit_value = _MONEY // _PRICE // self._units

    @property
    def flow(self) -> int:
        """What has flowed in all."""
        return self.gross - self.fees - self.funding

    @property
    def realized(self) -> int:
        """What closed positions brought, before fees and funding."""
        return self.gross + self.cost

    def value(self, size: int, price: int) -> int:
        """Quote money that a size is worth at a price of ``10**-18``; for an inverse future the same at every price."""
        if self.contract:
            return size * self.contract // self._units
        return size * price * self._unit_value

    def worth(self, mark: int) -> int:
        """Quote money that everything here is worth at a mark of ``10**-18``."""
        if self.contract:
            return self.flow * mark // _PRICE - self.value(self.size, mark)
        return self.flow + self.value(self.size, mark)

    def average_price(self) -> float:
        """Average price of what is held, quote units; NaN where nothing is."""
        if self.size == 0:
            return float("nan")
        if self.contract:
            return self.value(self.size, 0) / -self.cost
        return self.cost / self.value(self.size, _PRICE)

    def book(self, size: int, price: int, rate: int) -> None:
        """Book a trade that does not turn the position around.

        Parameters
        ----------
        size
            Bought, in units; negative: sold.
        price
            Integer of ``10**-18``.
        rate
            Fee, integer of ``10**-9``; negative: a rebate.
        """
        flow = self._flow(size, price)
        if self.size * size >= 0:
            self.cost -= flow
        else:
            # Floor division: what it leaves stays in the cost, so that nothing is lost.
            self.cost -= self.cost * -size // self.size
        self.gross += flow
        self.size += size
        self.fees += abs(flow) * rate // _RATE

    def pay_funding(self, mark: int, rate: int) -> None:
        """A long position pays ``rate`` (integer of ``10**-9``) of its value; a short one receives it."""
        self.funding -= self._flow(self.size, mark) * rate // _RATE * (-1 if self.contract else 1)

    def _flow(self, size: int, price: int) -> int:
        if self.contract:
            return self.value(size, price) * _PRICE // price
        return -self.value(size, price)
