"""``exchangeInfo`` documents to instruments: the venue's own word on ticks and decimals."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from msray.errors import MessageError, UnknownNameError
from msray.market import Instrument
from msray.venues.catalog import find_venue
from msray.venues.exact import EXACT_DECIMALS, decimals_needed, exact_units

Decimals = Annotated[int, Meta(ge=0, le=EXACT_DECIMALS)]

TRADING = "TRADING"
"""What every venue calls an instrument whose orders are matched."""

_ROOM = 2**62
"""A thousand times the largest order must stay below this, or sizes get fewer decimals."""


class _Filter(msgspec.Struct):
    filterType: str  # noqa: N815
    tickSize: str | UnsetType = UNSET  # noqa: N815
    maxQty: str | UnsetType = UNSET  # noqa: N815


class _Symbol(msgspec.Struct):
    symbol: str
    filters: list[_Filter]
    status: str | UnsetType = UNSET
    contractStatus: str | UnsetType = UNSET  # noqa: N815
    baseAssetPrecision: Decimals | UnsetType = UNSET  # noqa: N815
    quantityPrecision: Decimals | UnsetType = UNSET  # noqa: N815


class _Document(msgspec.Struct):
    symbols: list[dict[str, Any]]


class _Status(msgspec.Struct):
    symbol: str = ""
    status: str = ""
    contractStatus: str = ""  # noqa: N815


class _Statuses(msgspec.Struct):
    symbols: list[_Status]


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as the venue lists it.

    Attributes
    ----------
    instrument
        Its numbers.
    status
        The venue's word: ``TRADING``, ``BREAK``, ``HALT``, ``PENDING_TRADING`` ...
    """

    instrument: Instrument
    status: str

    @property
    def is_trading(self) -> bool:
        """Whether orders are matched now."""
        return self.status == TRADING


def read_exchange_info(document: bytes, venue: str, symbols: Collection[str] | None = None) -> dict[str, Listing]:
    """Read an ``exchangeInfo`` document.

    Parameters
    ----------
    document
        What the venue answered.
    venue
        Which one that is.
    symbols
        Those that are wanted; None for all.

    Returns
    -------
    dict
        Symbol to listing, in the document's order.

    Raises
    ------
    UnknownNameError
        If the venue is not known, or does not list a wanted symbol.
    MessageError
        If the document cannot be read exactly; it names the symbol and the field.

    Notes
    -----
    ``tick`` and ``grid`` are PRICE_FILTER's ``tickSize``, ``price_decimals`` as few as it needs. ``size_decimals`` are
    those of the strings the venue sends, not of its lot step: old orders rest off the step. Spot sends
    ``baseAssetPrecision`` decimals, futures ``quantityPrecision``; fewer are taken only where a thousand orders of
    LOT_SIZE's ``maxQty`` would not fit 62 bits.
    """
    is_futures = find_venue(venue).is_futures
    try:
        rows = msgspec.json.decode(document, type=_Document).symbols
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MessageError(f"exchangeInfo of {venue} must be a JSON object with symbols: {error}") from error
    names = {row.get("symbol") for row in rows}
    for symbol in symbols or ():
        if symbol not in names:
            raise UnknownNameError(f"symbol of {venue}", symbol, [name for name in names if isinstance(name, str)])
    found = (_listing(row, venue, is_futures) for row in rows if symbols is None or row.get("symbol") in symbols)
    return {listing.instrument.symbol: listing for listing in found}


def read_trading(document: bytes, venue: str) -> set[str]:
    """Symbols that an ``exchangeInfo`` document lists as trading; what else it says of them is passed over.

    Raises
    ------
    MessageError
        If the document cannot be read.
    """
    try:
        rows = msgspec.json.decode(document, type=_Statuses).symbols
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MessageError(f"exchangeInfo of {venue} must be a JSON object with symbols: {error}") from error
    return {row.symbol for row in rows if TRADING in (row.status, row.contractStatus)}


def _listing(row: dict[str, Any], venue: str, is_futures: bool) -> Listing:
    name = f"exchangeInfo of {venue}, {str(row.get('symbol'))[:40]}"
    try:
        part = msgspec.convert(row, _Symbol, strict=True)
    except msgspec.ValidationError as error:
        raise MessageError(f"{name}: {error}") from error
    decimals = part.quantityPrecision if is_futures else part.baseAssetPrecision
    status = part.status if part.status is not UNSET else part.contractStatus
    filters = {one.filterType: one for one in part.filters}
    tick = filters["PRICE_FILTER"].tickSize if "PRICE_FILTER" in filters else UNSET
    most = filters["LOT_SIZE"].maxQty if "LOT_SIZE" in filters else UNSET
    if decimals is UNSET or status is UNSET or tick is UNSET or most is UNSET:
        raise MessageError(
            f"{name} must have a status, PRICE_FILTER.tickSize, LOT_SIZE.maxQty and "
            f"{'quantityPrecision' if is_futures else 'baseAssetPrecision'}, got {sorted(row)}"
        )
    step = exact_units(tick, f"{name}: tickSize")
    if not step:
        raise MessageError(f"{name}: tickSize must be positive, got {tick}")
    price_decimals = decimals_needed(step)
    grid = step // 10 ** (EXACT_DECIMALS - price_decimals)
    instrument = Instrument(
        venue=venue,
        symbol=part.symbol,
        price_decimals=price_decimals,
        size_decimals=_fitting(decimals, Decimal(exact_units(most, f"{name}: maxQty")).scaleb(-EXACT_DECIMALS)),
        tick=grid,
        grid=grid,
    )
    return Listing(instrument, status)


def _fitting(decimals: int, most: Decimal) -> int:
    """At most so many decimals that a thousand of the largest order fit."""
    while decimals and most * 1000 * 10**decimals > _ROOM:
        decimals -= 1
    return decimals
