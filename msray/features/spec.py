"""The catalogue: every column there is, in order. Importing it loads no compiler."""

from collections.abc import Iterable

from msray.errors import UnknownNameError
from msray.features.book_shape import BOOK_SHAPE
from msray.features.feature import Feature
from msray.features.feed import FEED
from msray.features.levels import LEVELS
from msray.features.order_flow import ORDER_FLOW
from msray.features.price_path import PRICE_PATH
from msray.features.technical import TECHNICAL
from msray.features.trade_flow import TRADE_FLOW

FEATURES: tuple[Feature, ...] = (*BOOK_SHAPE, *ORDER_FLOW, *TRADE_FLOW, *PRICE_PATH, *TECHNICAL, *FEED)
"""The 65 columns of every row, in its order."""

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
"""Their names."""

CATALOGUE: tuple[Feature, ...] = (*FEATURES, *LEVELS)
"""Every column there is: ``FEATURES``, and behind them the ``levels``, which a row has where they are asked for."""

_PLACES = {feature.name: place for place, feature in enumerate(CATALOGUE)}


def column(name: str) -> int:
    """Place of a column in the catalogue, and in a row that has it, from 0.

    Raises
    ------
    UnknownNameError
        If there is no such feature; offers the nearest name.

    Examples
    --------
    >>> column("spread_bps")
    2
    """
    try:
        return _PLACES[name]
    except KeyError:
        raise UnknownNameError("feature", name, tuple(_PLACES)) from None


def has_levels(columns: Iterable[int]) -> bool:
    """Whether any of these columns is one that a row has only where it is asked for.

    Examples
    --------
    >>> has_levels([column("spread_bps")]), has_levels([column("ask_price_bps_l1")])
    (False, True)
    """
    return any(number >= len(FEATURES) for number in columns)
