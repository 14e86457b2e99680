"""What chart readers watch, on one-second bars of the mid.

Bars are the seconds of ``price_path.py``: ``close`` the last valid mid before the second's end, ``high`` and ``low``
over the mids that stood in it, the previous close included (so ``high - low`` is Wilder's true range). An EWn of closes
starts at the first close and moves by ``2 / (n + 1)`` of the difference each bar. Wilder's mean starts as the plain
mean of the first 14 values and then moves by 1/14 of the difference.

NaN rules. All keep their value from one close to the next and are NaN until they have the bars they name; after a
silence over 300 s the bars start anew. ``momentum_30s`` alone reads the row's own mid: NaN as ``return_30s`` is.
"""

from msray.features.feature import Feature


def _column(name: str, unit: str, formula: str, source: str = "definition") -> Feature:
    return Feature(name, unit, formula, source, "technical")


_WILDER = "Wilder (1978), New concepts in technical trading systems"
_APPEL = "Appel (2005), Technical analysis: power tools for active investors"

TECHNICAL = (
    _column("momentum_30s", "bps", "1e4 (m_t - m_(t - 30 s)) / m_(t - 30 s)"),
    _column(
        "rsi_14",
        "0-100",
        "100 G / (G + L), Wilder's means of rises and falls of the close; 15 bars; NaN where it never moved",
        _WILDER,
    ),
    _column("macd", "bps", "1e4 (EW12 - EW26) / close; 26 bars", _APPEL),
    _column("macd_signal", "bps", "1e4 EW9(EW12 - EW26) / close; 34 bars", _APPEL),
    _column(
        "bollinger_position",
        "1",
        "(close - mean20) / (2 sd20) of the last 20 closes, sd with divisor 20; NaN where they are equal",
        "Bollinger (2001), Bollinger on Bollinger bands",
    ),
    _column(
        "stochastic_k_14",
        "0-1",
        "(close - min low) / (max high - min low) of the last 14 bars, 0 to 1; NaN where they are equal",
        "Lane (1984), Lane's stochastics",
    ),
    _column(
        "atr_14_bps",
        "bps",
        "1e4 / close times Wilder's mean of high - low; 15 bars",
        _WILDER,
    ),
    _column(
        "ema_cross",
        "bars",
        "bars since the sign of EW5 - EW20 last changed (0 at the change; within 1e-6 ticks of 0 is no sign); 20 bars "
        "and one change",
        "Brock, Lakonishok, LeBaron (1992), Simple technical trading rules",
    ),
)
"""The 8 columns of the family, in catalogue order."""
