"""What networks over order books read: every level of the top 10, and what the last rows did to them.

This family stands behind the 65 columns of a row and is computed only where one of its names is asked for; no detector
watches it. Windows are counted in rows, as these networks read rows and not seconds.

Symbols: ``m`` the mid; ``a_i, qa_i`` and ``b_i, qb_i`` price and size of level ``i`` of the asks and the bids, best
first; ``slog x = sign(x) log(1 + |x|)``, sizes in base units before the logarithm; ``-`` after a symbol: in the row
before; ``t`` event time of the row, which never runs backwards.

NaN rules. What reads the book is NaN where the row's book is NaN (``book_shape.py``). A level's columns are NaN where
the side has no such level or the covered range ends before it; ``ofi_log`` at level ``i`` where the covered range ends
before it in this row (a wholly covered side that has no such level counts as size 0 at the worst price), and of one row
also where it did in the row before: there nothing is known to have flowed, and sums add nothing. A window of n rows
needs n rows before this one in the epoch (a mean n with this one), since a window that has not filled looks like a
market that wakes up.
"""

from msray.features.feature import Feature


def _column(name: str, unit: str, formula: str, source: str = "definition") -> Feature:
    return Feature(name, unit, formula, source, "levels")


def _rows(count: int) -> str:
    return "1_row" if count == 1 else f"{count}_rows"


_DEEPLOB = "Zhang, Zohren, Roberts (2019), DeepLOB: deep convolutional neural networks for limit order books"
_KOLM = "Kolm, Turiel, Westray (2023), Deep order flow imbalance: extracting alpha at multiple horizons"
_TSANTEKIDIS = (
    "Tsantekidis et al. (2020), Using deep learning for price prediction by exploiting stationary limit order book "
    "features"
)


def _level(i: int) -> tuple[Feature, ...]:
    """The four columns of a level, in the order of LOBSTER's files and of DeepLOB's input."""
    return (
        _column(f"ask_price_bps_l{i}", "bps", f"1e4 (a_{i} - m) / m", _DEEPLOB),
        _column(f"ask_size_log_l{i}", "log(1 + base)", f"log(1 + qa_{i})", _DEEPLOB),
        _column(f"bid_price_bps_l{i}", "bps", f"1e4 (b_{i} - m) / m", _DEEPLOB),
        _column(f"bid_size_log_l{i}", "log(1 + base)", f"log(1 + qb_{i})", _DEEPLOB),
    )


def _flow(i: int) -> tuple[Feature, ...]:
    """What came to a level, in this row and the last ones."""
    flow = (
        f"[b_{i} >= b_{i}-] qb_{i} - [b_{i} <= b_{i}-] qb_{i}- - [a_{i} <= a_{i}-] qa_{i} + [a_{i} >= a_{i}-] qa_{i}-"
    )
    return (
        _column(f"ofi_log_l{i}", "log(1 + base)", f"slog f, f = {flow}", _KOLM),
        *(
            _column(f"ofi_log_l{i}_{_rows(n)}", "log(1 + base)", f"slog of the sum of ofi_log_l{i}'s f over {n} rows")
            for n in (10, 50)
        ),
    )


_LADDER = tuple(feature for i in range(1, 11) for feature in _level(i))
_FLOWS = tuple(feature for i in range(1, 6) for feature in _flow(i))
_DEVIATIONS = tuple(
    _column(
        f"mid_deviation_bps_{_rows(n)}",
        "bps",
        f"1e4 (m / mean - 1), mean of the mids of the last {n} rows with this one, those without a mid left out",
        _TSANTEKIDIS,
    )
    for n in (5, 10, 20, 50, 100)
)
_PACE = (
    *(
        _column(f"elapsed_log_{_rows(n)}", "log(1 + ms)", f"log(1 + (t - t_{n}) / 1 ms), t_{n} that of {n} rows before")
        for n in (1, 10, 50)
    ),
    *(
        _column(
            f"signed_volume_log_{_rows(n)}",
            "log(1 + base)",
            f"slog of the sum of D v (trade_flow.py) over the trades since {n} row{'s' * (n > 1)} before, in log order",
        )
        for n in (1, 10, 50)
    ),
)

LEVELS = (
    *_LADDER,
    _column("imbalance_l3", "1", "(B - A) / (B + A) over the top 3, as imbalance_l5"),
    *_FLOWS,
    *_DEVIATIONS,
    *_PACE,
)
"""The 67 columns of the family, in catalogue order."""

BOOK_COLUMNS: tuple[str, ...] = tuple(feature.name for feature in _LADDER)
"""40 names: ask price, ask size, bid price, bid size of level 1, of level 2, ... to level 10."""

NETWORK_COLUMNS: tuple[str, ...] = (
    *BOOK_COLUMNS,
    *("imbalance_l1", "imbalance_l3", "imbalance_l5", "imbalance_l10"),
    *(feature.name for feature in (*_FLOWS, *_DEVIATIONS)),
    "microprice_offset_bps",
    *(feature.name for feature in _PACE),
)
"""71 names: the family, and the four of the other 65 columns that belong to it. A row that networks learn from."""
