"""A book as anybody would write it: two dicts of decimals or integers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Generic, TypeVar

Number = TypeVar("Number", int, Decimal)


class NaiveBook(Generic[Number]):
    """Price to size, a dict a side."""

    def __init__(self) -> None:
        self.bids: dict[Number, Number] = {}
        self.asks: dict[Number, Number] = {}

    def set(self, side: int, levels: Iterable[tuple[Number, Number]]) -> None:
        book = self.asks if side else self.bids
        for price, size in levels:
            if size:
                book[price] = size
            else:
                book.pop(price, None)

    def best(self) -> tuple[Number | None, Number | None, Number | None, Number | None]:
        bid = max(self.bids, default=None)
        ask = min(self.asks, default=None)
        return (
            bid,
            None if bid is None else self.bids[bid],
            ask,
            None if ask is None else self.asks[ask],
        )
