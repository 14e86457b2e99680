"""SHFE's rows as anybody would read them: what a pair of rows says was traded, by trying every split."""

from typing import NamedTuple

from msray.market import SELL, UNSIGNED


class Trade(NamedTuple):
    """One record of a trade."""

    lots: int
    price: int
    flags: int


def trades(lots: int, turnover: int, bid: int | None, ask: int | None, *, is_known: bool) -> list[Trade]:
    """What ``lots`` at a sum of prices of ``turnover`` are, after a row with these best prices (None: no level)."""
    if not lots:
        return []
    if is_known and bid is not None and turnover <= bid * lots:
        prices, flags = _around(lots, turnover), (SELL, SELL)
    elif is_known and ask is not None and turnover >= ask * lots:
        prices, flags = _around(lots, turnover), (0, 0)
    elif is_known and bid is not None and ask is not None:
        prices, flags = (bid, ask), (SELL, 0)
    else:
        prices, flags = _around(lots, turnover), (UNSIGNED, UNSIGNED)
    low, high = prices
    at_high = min(range(lots + 1), key=lambda some: (abs(some * high + (lots - some) * low - turnover), -some))
    both = Trade(lots - at_high, low, flags[0]), Trade(at_high, high, flags[1])
    return [one for one in both if one.lots]


def _around(lots: int, turnover: int) -> tuple[int, int]:
    """The ticks at or below the mean, and above it."""
    below = max(price for price in range(turnover // lots + 2) if price * lots <= turnover)
    return below, below + 1
