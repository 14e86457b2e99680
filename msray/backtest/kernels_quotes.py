"""Looking ahead in rows of best prices."""

from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel


@kernel
def first_touch(bests: NDArray[Any], column: int, begin: int, low: int, high: int) -> int:
    """First row from ``begin`` on whose ``column`` is at most ``low`` or at least ``high``; their number if none is."""
    i = begin
    while i < bests.shape[0] and low < bests[i, column] < high:
        i += 1
    return i
