"""What an instrument's numbers mean. Nothing else in msray converts prices or sizes."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from numpy.typing import NDArray

from msray.errors import UsageError
from msray.market.events import MAX_TICK

PRICE_DECIMALS = 18
"""No price has more; an integer of ``10**-18`` is exact whatever an instrument's grid becomes."""

Number = TypeVar("Number", int, NDArray[Any])

_ID = re.compile(r"[a-z0-9_]{2,32}:[^\s:/?#\x00-\x1f]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable thing at one venue, and the integers its prices and sizes are kept in.

    Attributes
    ----------
    venue, symbol
        ``binance_usdm`` and ``BTCUSDT``; together the id ``binance_usdm:BTCUSDT``, the same everywhere.
    price_decimals, size_decimals
        Prices and sizes are integers of ``10**-decimals``.
    tick
        The venue's price step, in units of ``10**-price_decimals``. Features use it.
    grid
        The book's storage step, in the same units. It divides ``tick``, and may be finer where old orders rest off the
        step; it is never a reason to refuse a price.
    is_inferred
        True where no ``exchangeInfo`` said so and the tick was read off a snapshot.
    """

    venue: str
    symbol: str
    price_decimals: int
    size_decimals: int
    tick: int
    grid: int
    is_inferred: bool = False

    def __post_init__(self) -> None:
        check_id(self.id)
        for name in ("price_decimals", "size_decimals"):
            value = getattr(self, name)
            if not 0 <= value <= 18:
                raise UsageError(f"{name} of {self.id} must be 0 to 18, got {value}")
        if self.tick < 1 or self.grid < 1 or self.tick % self.grid:
            raise UsageError(f"grid of {self.id} must be positive and divide tick, got {self.grid} and {self.tick}")

    @property
    def id(self) -> str:
        """``venue:SYMBOL``."""
        return f"{self.venue}:{self.symbol}"

    @property
    def ticks_per_step(self) -> int:
        """Grid ticks in one price step of the venue."""
        return self.tick // self.grid

    def price(self, ticks: Number) -> Any:
        """Price in quote units of a price in grid ticks; correctly rounded: ``float`` of the venue's string."""
        return ticks * self.grid / 10**self.price_decimals

    def exact_price(self, ticks: int) -> int:
        """Price of grid ticks as an integer of ``10**-18`` quote units."""
        scale: int = 10 ** (PRICE_DECIMALS - self.price_decimals)
        return int(ticks) * self.grid * scale

    def size(self, units: Number) -> Any:
        """Size in the venue's units (base; contracts where it trades contracts); correctly rounded."""
        return units / 10**self.size_decimals

    def ticks(self, price: str | Decimal) -> int:
        """Grid ticks of an exact decimal price.

        Raises
        ------
        UsageError
            If the price is no whole number of ticks, not positive, or beyond the largest tick.
        """
        units, rest = divmod(Decimal(price).scaleb(self.price_decimals), self.grid)
        if rest or not 0 < units <= MAX_TICK:
            raise UsageError(f"price of {self.id} must be 1 to {MAX_TICK} steps of {self.step}, got {price}")
        return int(units)

    @property
    def step(self) -> Decimal:
        """The grid as a decimal price."""
        return Decimal(self.grid).scaleb(-self.price_decimals)

    def regridded(self, price_decimals: int, grid: int) -> "Instrument":
        """The same instrument on a finer grid.

        Parameters
        ----------
        price_decimals
            New decimals, at least the present ones.
        grid
            New storage step, in units of the new decimals; it divides the present one.
        """
        scale = 10 ** (price_decimals - self.price_decimals)
        return replace(self, price_decimals=price_decimals, tick=self.tick * scale, grid=grid)


def check_id(instrument_id: str) -> str:
    """The id itself, or an error that says what an id looks like."""
    if not _ID.fullmatch(instrument_id):
        raise UsageError(
            f"instrument must look like venue:SYMBOL, got {instrument_id[:80]!r}",
            hint="for example binance_usdm:BTCUSDT",
        )
    return instrument_id
