"""What is sent to a venue, and what it answers."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Side(IntEnum):
    """Of an order or a fill; a resting buy is a bid, so the numbers are those of the book's sides."""

    BUY = 0
    SELL = 1

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return -1 if self else 1

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side(1 - self)


class OrderKind(IntEnum):
    """What becomes of the part of an order that does not trade at once."""

    LIMIT = 0
    """It rests at its price."""
    IOC = 1
    """It expires; nothing trades beyond the price."""
    POST_ONLY = 2
    """It rests; where any of it would trade at once, the whole order is refused."""
    MARKET = 3
    """It expires when the book is empty; any price will do."""


class ReportKind(IntEnum):
    """What happened to an order at the venue."""

    RESTING = 0
    """It rests in the book, with what is left of it."""
    FILLED = 1
    """Some or all of it traded."""
    CANCELED = 2
    """Taken out as asked."""
    EXPIRED = 3
    """What was left of it could not trade and may not rest."""
    REFUSED_WOULD_TAKE = 4
    """Post-only, and it would have traded at once."""
    REFUSED_UNKNOWN_ORDER = 5
    """There is no such order any more: filled, or taken out before."""
    REFUSED_UNKNOWN_BOOK = 6
    """The recording has a gap there: nobody knows what the order would have met."""
    LOST = 7
    """It rested when a gap of the recording began; taken out, since nobody knows what it would have met."""


REPORT = np.dtype(
    [
        ("at_ns", "i8"),
        ("order_id", "i8"),
        ("size", "i8"),
        ("left", "i8"),
        ("tick", "i4"),
        ("kind", "i1"),
        ("side", "i1"),
        ("is_maker", "i1"),
        ("is_through", "i1"),
    ]
)
"""One thing that happened to an order: exchange time, what traded (or rests) and what is left of it, price in ticks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade of ours.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    order_id
        The order that traded.
    side
        Of the order.
    price
        Units of ``10**-18`` of the quote currency: exact, whatever the grid.
    size
        Units of ``10**-size_decimals``.
    is_maker
        Whether the order rested when it traded, which is what fees ask for.
    exchange_ns
        When it traded, exchange time.
    local_ns
        When its owner learned of it.
    """

    instrument: str
    order_id: int
    side: Side
    price: int
    size: int
    is_maker: bool
    exchange_ns: int
    local_ns: int
