"""What a message did to the top of the book: order flow imbalance, size added and removed, pace.

Symbols: ``t`` event time of the row, which never runs backwards; ``qb-`` is ``qb`` after the message before; an EW sum
with time constant tau decays by ``exp(-dt / tau)`` over every step ``dt`` of event time, then adds.

NaN rules. All but ``quote_rate_1s`` are NaN where this row's book is NaN (``book_shape.py``); where the row before has
no valid book, nothing is known to have flowed: ``ofi_l1`` and ``ofi_multilevel`` are NaN and the sums add nothing. What
needs the top 10 is NaN where the covered range ends before them. Windows and EW sums are NaN until the epoch (the
records since a snapshot) has lasted their length, since a window that has not filled looks like a market that wakes up.
"""

from msray.features.feature import Feature


def _column(name: str, unit: str, formula: str, source: str = "definition") -> Feature:
    return Feature(name, unit, formula, source, "order_flow")


_CONT = "Cont, Kukanov, Stoikov (2014), The price impact of order book events"
_TOP = "the top 10 of both sides, compared price by price as far as the rows before and after both show"

ORDER_FLOW = (
    _column("ofi_l1", "base", "[b >= b-] qb - [b <= b-] qb- - [a <= a-] qa + [a >= a-] qa-", _CONT),
    _column("ofi_ew_1s", "base", "EW sum of ofi_l1, tau = 1 s; NaN before 1 s of the epoch", _CONT),
    _column("ofi_ew_10s", "base", "EW sum of ofi_l1, tau = 10 s; NaN before 10 s of the epoch", _CONT),
    _column(
        "ofi_multilevel",
        "base",
        "sum over ranks i = 1..10 of exp(-(i - 1) / 2) times ofi_l1's formula at rank i; a level that a wholly covered "
        "side does not have counts as size 0 at the worst price",
        "Xu, Gould, Howison (2018), Multi-level order-flow imbalance in a limit order book",
    ),
    _column("add_rate_10s", "base/s", f"size added in (t - 10 s, t] / 10 s: {_TOP}; NaN before 10 s"),
    _column(
        "cancel_rate_10s", "base/s", f"size removed, by trades too, in (t - 10 s, t] / 10 s: {_TOP}; NaN before 10 s"
    ),
    _column("quote_rate_1s", "1/s", "depth messages in (t - 1 s, t] / 1 s; NaN before 1 s of the epoch"),
    _column(
        "cancel_to_trade_10s",
        "1",
        "max(0, removed - traded) / traded, sizes of the last 10 s as above; NaN without a trade in them, before 10 s",
    ),
)
"""The 8 columns of the family, in catalogue order."""
