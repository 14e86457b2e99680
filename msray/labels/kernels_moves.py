"""One pass over a price."""

from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel


@kernel
def completed_moves(price: NDArray[Any], move_pct: float, out: NDArray[Any]) -> int:
    """Write the rows at which the price has come ``move_pct`` of the last reference; after NaN it begins anew.

    Returns their number.
    """
    count = 0
    low = 0.0
    high = 0.0
    for i in range(price.shape[0]):
        now = price[i]
        if low < now < high:
            continue
        if now <= low or now >= high > 0.0:
            out[count] = i
            count += 1
        # NaN compares false with everything, so it comes here; then there is no reference until the next price.
        is_known = now == now
        low = now * (1.0 - move_pct) if is_known else 0.0
        high = now * (1.0 + move_pct) if is_known else 0.0
    return count
