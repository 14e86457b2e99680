"""What the book looks like after a message: a pure function of its covered levels.

Symbols: ``b``, ``a`` best bid and ask; ``qb``, ``qa`` their sizes; ``m = (a + b) / 2``; ``s = a - b``; ``b_i, qb_i``
and ``a_i, qa_i`` level ``i`` of a side, best first; ``B = sum qb_i``, ``A = sum qa_i``.

NaN rules. All of the family is NaN where a side is empty or its best level lies outside the covered range, and where
the book is crossed or locked (``b >= a``). "Top n" of a side with fewer than n levels means all it has, if the side is
wholly covered; where the covered range ends before n levels, the columns that ask for n are NaN.
"""

from msray.features.feature import Feature


def _column(name: str, unit: str, formula: str, source: str = "definition") -> Feature:
    return Feature(name, unit, formula, source, "book_shape")


_SLOPE = (
    "least-squares slope (with intercept) of cumulative size on distance from m in bps, top 10 of the {}s; "
    "NaN with fewer than 2 levels"
)
_NEAR = "size of the {}s within 10 bps of m; NaN where the covered range ends before that"
_NAES_SKJELTORP = "Naes, Skjeltorp (2006), Order book characteristics and the volume-volatility relation"
_GOULD_BONART = "Gould, Bonart (2016), Queue imbalance as a one-tick-ahead price predictor in a limit order book"
_GATHERAL_OOMEN = "Gatheral, Oomen (2010), Zero-intelligence realized variance estimation"

BOOK_SHAPE = (
    _column("mid_price", "quote", "m"),
    _column("spread", "quote", "s"),
    _column("spread_bps", "bps", "1e4 s / m"),
    _column("spread_ticks", "ticks", "s / tick, the venue's declared tick"),
    _column("microprice", "quote", "(b qa + a qb) / (qa + qb)", _GATHERAL_OOMEN),
    _column("microprice_offset_bps", "bps", "1e4 (microprice - m) / m", _GATHERAL_OOMEN),
    _column("imbalance_l1", "1", "(qb - qa) / (qb + qa)", _GOULD_BONART),
    _column("imbalance_l5", "1", "(B - A) / (B + A) over the top 5", _GOULD_BONART),
    _column("imbalance_l10", "1", "(B - A) / (B + A) over the top 10", _GOULD_BONART),
    _column("imbalance_weighted", "1", "(B - A) / (B + A) over the top 10, level i weighted exp(-(i - 1) / 2)"),
    _column("depth_bid_l10", "base", "B over the top 10"),
    _column("depth_ask_l10", "base", "A over the top 10"),
    _column("depth_bid_10bps", "base", _NEAR.format("bid")),
    _column("depth_ask_10bps", "base", _NEAR.format("ask")),
    _column("slope_bid", "base/bps", _SLOPE.format("bid"), _NAES_SKJELTORP),
    _column("slope_ask", "base/bps", _SLOPE.format("ask"), _NAES_SKJELTORP),
    _column(
        "book_convexity",
        "base/bps^2",
        "quadratic coefficient of cumulative size on distance from m in bps (least squares, top 10), mean of both "
        "sides; NaN with fewer than 3 levels a side",
    ),
    _column("queue_imbalance_log", "1", "log qb - log qa"),
    _column(
        "vwap_spread_bps",
        "bps",
        "1e4 (average price to buy - to sell `vwap_notional`, price times size, walking the covered book) / m; "
        "NaN where the covered book does not hold it",
    ),
    _column("gap_l1_l2_ticks", "ticks", "((b_1 - b_2) + (a_2 - a_1)) / 2 / tick; NaN where a side has one level"),
)
"""The 20 columns of the family, in catalogue order."""
