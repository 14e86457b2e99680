"""Decimal strings as exact integers, and the grids that hold them. Slow and sure: nothing here rounds."""

import math
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np

from msray.errors import MessageError
from msray.market import LEVEL, MAX_SIZE, MAX_TICK, Instrument, Levels

EXACT_DECIMALS = 18
"""Decimals of *exact units*: every price and size that is accepted is a whole number of ``10**-18``."""

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?")


class Reason(StrEnum):
    """Why a frame was refused."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    JSON = "json"
    FIELD = "field"
    DUPLICATE_KEY = "duplicate_key"
    EVENT = "event"
    SYMBOL = "symbol"
    NUMBER = "number"
    RANGE = "range"
    VENUE_ERROR = "venue_error"


class RefusedError(MessageError):
    """One message that cannot be read exactly, with a reason that can be counted."""

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class OffGridError(Exception):
    """A message needs a finer grid; for our own use, no caller sees it.

    Attributes
    ----------
    prices
        All prices of the message, in exact units.
    """

    def __init__(self, prices: list[int]) -> None:
        super().__init__(prices)
        self.prices = prices


def shown(value: object) -> str:
    """A value as it may stand in a message: quoted, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def exact_units(text: str, name: str) -> int:
    """A plain decimal as a whole number of ``10**-18``.

    Parameters
    ----------
    text
        Digits, with a point between them or without: no sign, no exponent, no leading zero, at most 18 digits a part.
    name
        What the number is, for the message.

    Raises
    ------
    RefusedError
        If it is anything else.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise RefusedError(
            Reason.NUMBER,
            f"{name} must be a plain decimal of at most 18 digits before and after the point, got {shown(text)}",
        )
    return int(match[1] + (match[2] or "").ljust(EXACT_DECIMALS, "0"))


def decimals_needed(units: int) -> int:
    """Fewest decimals that hold a number of exact units; 0 for zero."""
    decimals = EXACT_DECIMALS
    while decimals and units % 10 == 0:
        units //= 10
        decimals -= 1
    return decimals


def step_units(instrument: Instrument) -> int:
    """An instrument's grid in exact units."""
    return int(instrument.grid * 10 ** (EXACT_DECIMALS - instrument.price_decimals))


def finer(instrument: Instrument, prices: Iterable[int], highest: int) -> tuple[Instrument, int]:
    """The instrument on the coarsest grid that holds these prices too.

    Parameters
    ----------
    instrument
        As it is.
    prices
        Positive prices in exact units, at least one of them off the grid.
    highest
        Highest tick on the present grid that the new one must still hold.

    Returns
    -------
    tuple
        The instrument, and by how much its grid is finer.

    Raises
    ------
    RefusedError
        If the largest tick cannot hold all of that.
    """
    prices = list(prices)
    old = step_units(instrument)
    new = math.gcd(old, *prices)
    decimals = max(instrument.price_decimals, decimals_needed(new))
    last = max(max(prices) // new, highest * (old // new))
    if last > MAX_TICK:
        raise RefusedError(
            Reason.RANGE,
            f"price of {instrument.id} must be on a grid that {MAX_TICK} steps can span, got one that needs {last}",
        )
    return instrument.regridded(decimals, new // 10 ** (EXACT_DECIMALS - decimals)), old // new


def place_levels(levels: Sequence[tuple[int, str, str]], instrument: Instrument, *, is_trade: bool) -> Levels:
    """Levels as the venue wrote them, as records on an instrument's grid.

    Parameters
    ----------
    levels
        Flags, price and size of each.
    instrument
        Whose they are.
    is_trade
        Whether a size of zero makes no sense.

    Raises
    ------
    RefusedError
        If a number is malformed or out of range.
    OffGridError
        If that is not so, but a price is no multiple of the grid.
    """
    step, size_step = step_units(instrument), 10 ** (EXACT_DECIMALS - instrument.size_decimals)
    prices, sizes = [], []
    for _, price_text, size_text in levels:
        price = exact_units(price_text, f"price of {instrument.id}")
        size, rest = divmod(exact_units(size_text, f"size of {instrument.id}"), size_step)
        if rest:
            raise RefusedError(
                Reason.NUMBER,
                f"size of {instrument.id} must have up to {instrument.size_decimals} decimals, got {shown(size_text)}",
            )
        if not price or size > MAX_SIZE or (is_trade and not size):
            wanted = f"price above 0, size {'above' if is_trade else 'from'} 0 up to {MAX_SIZE} units"
            raise RefusedError(
                Reason.RANGE, f"level of {instrument.id} must have a {wanted}, got {shown((price_text, size_text))}"
            )
        prices.append(price)
        sizes.append(size)
    if any(price % step for price in prices):
        raise OffGridError(prices)
    if (most := max(prices, default=0) // step) > MAX_TICK:
        raise RefusedError(
            Reason.RANGE, f"price of {instrument.id} must be at most {MAX_TICK} steps of {instrument.step}, got {most}"
        )
    placed = np.empty(len(prices), LEVEL)
    placed["size"], placed["tick"] = sizes, [price // step for price in prices]
    placed["flags"] = [flags for flags, _, _ in levels]
    return placed
