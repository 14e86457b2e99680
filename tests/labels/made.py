"""Made-up prices, as the product and as the naive twins take them."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from msray.labels import Prices
from tests.naive.labels import Row

NAN = math.nan
GAP = (NAN, NAN, NAN)


def prices_of(rows: Sequence[Row], *, bars: bool) -> Prices:
    at_ns = np.array([row.at_ns for row in rows], np.int64)
    bid, ask = (np.array([getattr(row, side) for row in rows], float).reshape(-1, 3).T for side in ("bid", "ask"))
    return Prices.of_bars(at_ns, bid, ask) if bars else Prices.of_quotes(at_ns, bid[2], ask[2])


@st.composite
def some_rows(draw: st.DrawFn, *, bars: bool = False, most: int = 60, gaps: bool = True) -> list[Row]:
    """A walk around 1,000 ticks with ties in time and gaps."""
    rows: list[Row] = []
    at_ns, bid = draw(st.integers(0, 5)), 1000
    for _ in range(draw(st.integers(0, most))):
        at_ns += draw(st.integers(int(bars), 4))
        bid += draw(st.integers(-3, 3))
        spread = draw(st.integers(0, 2))
        if gaps and draw(st.integers(0, 12)) == 0:
            rows.append(Row(at_ns, GAP, GAP))
            continue
        down, up = (draw(st.integers(0, 4)), draw(st.integers(0, 4))) if bars else (0, 0)
        rows.append(Row(at_ns, (bid - down, bid + up, bid), (bid + spread - down, bid + spread + up, bid + spread)))
    return rows
