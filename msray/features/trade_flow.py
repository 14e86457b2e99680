"""What was traded up to a row: volumes, signs, bursts, and what the trades paid.

Symbols: trade ``k`` has time ``t_k``, price ``p``, size ``v`` and sign ``D`` (+1: the buyer was the aggressor, 0: not
known, and the trade counts in no spread); ``m-`` is the last valid mid before the trade, in log order. Windows
are ``(t - W, t]`` over the trades before the row in log order. An EW sum with time constant tau decays by
``exp(-dt / tau)`` over every step ``dt`` of event time, then adds; over trades, an EW mean of ``x`` is the EW sum of
``x`` over the EW sum of 1, both decaying from trade to trade.

NaN rules. Windows and EW sums are NaN until the epoch has lasted their length, ratios where the denominator is 0; the
two spreads until a trade has counted, ``vwap_deviation_bps`` where the row's book has no mid. The rest does not read
the book.
"""

from msray.features.feature import Feature


def _column(name: str, unit: str, formula: str, source: str = "definition") -> Feature:
    return Feature(name, unit, formula, source, "trade_flow")


_HUANG_STOLL = "Huang, Stoll (1996), Dealer versus auction markets"
_BURST = (
    "over its mean a second: the EW sum (tau = 60 s) / (60 s (1 - exp(-age / 60 s))), age that of the epoch; "
    "NaN before 1 s of the epoch, and before the first trade"
)

TRADE_FLOW = (
    _column("trade_imbalance_1s", "1", "sum D v / sum v in 1 s; NaN without trades or before 1 s of the epoch"),
    _column("trade_imbalance_10s", "1", "sum D v / sum v in 10 s; NaN without trades or before 10 s of the epoch"),
    _column("signed_volume_ew_10s", "base", "EW sum of D v, tau = 10 s; NaN before 10 s of the epoch"),
    _column("volume_1s", "base", "sum v in 1 s; NaN before 1 s of the epoch"),
    _column("volume_10s", "base", "sum v in 10 s; NaN before 10 s of the epoch"),
    _column("volume_burst", "1", f"volume_1s {_BURST}"),
    _column("trade_rate_1s", "1/s", "trades in 1 s; NaN before 1 s of the epoch"),
    _column("arrival_burst", "1", f"trade_rate_1s {_BURST}"),
    _column("mean_trade_size_10s", "base", "sum v / trades in 10 s; NaN without trades or before 10 s of the epoch"),
    _column(
        "vwap_deviation_bps",
        "bps",
        "1e4 (m - vwap) / vwap, vwap = sum p v / sum v in 60 s; NaN without trades or before 60 s of the epoch",
        "Berkowitz, Logue, Noser (1988), The total cost of transactions on the NYSE",
    ),
    _column("effective_spread_bps", "bps", "EW mean (tau = 10 s) over trades of 2e4 D (p - m-) / m-", _HUANG_STOLL),
    _column(
        "realised_spread_bps",
        "bps",
        "EW mean (tau = 10 s) of 2e4 D (p - m+) / m-, m+ the mid at t_k + 5 s, over trades with t_k + 5 s < t",
        _HUANG_STOLL,
    ),
    _column(
        "hawkes_intensity",
        "1/s",
        "sum over trades of exp(-(t - t_k) / 1 s), both signs; NaN before 1 s of the epoch",
        "Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes",
    ),
)
"""The 13 columns of the family, in catalogue order."""
