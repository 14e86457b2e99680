"""Every venue that is known, by name."""

from msray.book import SequenceRule
from msray.errors import UnknownNameError
from msray.venues.binance_futures import BINANCE_COINM, BINANCE_USDM
from msray.venues.binance_spot import BINANCE_SPOT
from msray.venues.lobster import LOBSTER
from msray.venues.venue import Venue

VENUES: dict[str, Venue] = {venue.name: venue for venue in (BINANCE_SPOT, BINANCE_USDM, BINANCE_COINM)}
"""Name to venue."""


def rule_of(name: str) -> SequenceRule:
    """How a venue numbers its depth messages; where only records of it are known, they are numbered without holes."""
    return VENUES[name].rule if name in VENUES else SequenceRule.CONTIGUOUS


def tells_orders(name: str) -> bool:
    """Whether records of a venue say of each change which order made it (level flag ``ORDER``)."""
    return name == LOBSTER


def find_venue(name: str) -> Venue:
    """The venue of that name.

    Raises
    ------
    UnknownNameError
        If there is none; it offers the nearest.
    """
    try:
        return VENUES[name]
    except KeyError:
        raise UnknownNameError("venue", name, VENUES) from None
