"""Where the mid came from: returns, range, volatility.

Symbols: ``m_t`` the mid of the row, ``m_{t-W}`` the last valid mid with event time at most ``t - W``. ``r_j`` are
returns of closes of whole exchange seconds: the close of a second is the last valid mid before its end, carried over
empty seconds; a second is closed by the first row at or after its end. After a silence over 300 s the seconds start
anew.

NaN rules. Returns, range and z-score are NaN without a valid book in the row, and until there is a mid ``W`` old. What
is made of seconds keeps its value from one close to the next and is NaN until it has all the returns it names.
"""

from msray.features.feature import Feature


def _column(name: str, unit: str, formula: str, source: str = "definition") -> Feature:
    return Feature(name, unit, formula, source, "price_path")


_REALISED = "Andersen, Bollerslev, Diebold, Labys (2003), Modeling and forecasting realized volatility"
_BIPOWER = "Barndorff-Nielsen, Shephard (2004), Power and bipower variation with stochastic volatility and jumps"

PRICE_PATH = (
    *(_column(f"return_{seconds}s", "1", f"log(m_t / m_(t - {seconds} s))") for seconds in (1, 5, 30, 300)),
    _column("realised_vol_10s", "1", "sqrt(sum of r_j^2 over the last 10 seconds)", _REALISED),
    _column("realised_vol_60s", "1", "sqrt(sum of r_j^2 over the last 60 seconds)", _REALISED),
    _column("bipower_vol_60s", "1", "sqrt(pi / 2 sum |r_j r_(j-1)|), both in the last 60 seconds", _BIPOWER),
    _column(
        "jump_share_60s", "1", "max(0, 1 - (bipower_vol_60s / realised_vol_60s)^2); NaN where nothing moved", _BIPOWER
    ),
    _column("vol_ratio", "1", "realised_vol_10s sqrt(6) / realised_vol_60s; NaN where nothing moved"),
    _column(
        "range_60s_bps",
        "bps",
        "1e4 log(max m / min m) over the valid mids that stood in (t - 60 s, t], the one at its start included",
        "Alizadeh, Brandt, Diebold (2002), Range-based estimation of stochastic volatility models",
    ),
    _column(
        "zscore_60s",
        "1",
        "(m - mean) / sqrt(var); in each valid row w = 1 - exp(-dt / 60 s), d = m - mean, then mean += w d and "
        "var = (1 - w)(var + w d^2), from mean = m, var = 0; NaN where var is 0",
    ),
    _column(
        "autocorr_r_60s",
        "1",
        "c / sqrt(v v'), EW means of r_j r_(j-1), r_j^2, r_(j-1)^2: c += w (x - c) every second from 0, "
        "w = 1 - exp(-1 / 60); NaN before 60 returns or where nothing moved",
        "Campbell, Lo, MacKinlay (1997), The econometrics of financial markets, 2.4",
    ),
)
"""The 12 columns of the family, in catalogue order."""
