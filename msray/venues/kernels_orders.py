"""Since when each order of a day stands: a table from order ids to numbers, in one array.

A row is an id and its number; rows are found by the id's hash, or behind it. Id 0 marks an empty row. The table must
have a power of two of rows, and more than it holds.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an array is, only the kernel knows.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import allocating_kernel, kernel

Table = NDArray[np.int64]
U: Any = np.uintp
U64: Any = np.uint64
I64: Any = np.int64
MIXER: Any = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: ids that follow each other come to lie far apart (Knuth, volume 3, section 6.4)."""


@kernel
def place_of(orders: Table, order: int) -> int:
    """The row of an order, or the empty one where it belongs."""
    last = U64(orders.shape[0] - 1)
    row = ((U64(order) * MIXER) >> U64(32)) & last
    while orders[U(row), 0] != 0 and orders[U(row), 0] != order:
        row = (row + U64(1)) & last
    return I64(row)


@allocating_kernel
def copy_orders(orders: Table, larger: Table) -> None:
    """Copy all orders of one table into another."""
    for row in range(orders.shape[0]):
        if orders[row, 0] != 0:
            larger[place_of(larger, orders[row, 0])] = orders[row]
