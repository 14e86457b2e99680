"""The catalogue: every column of a feature row, in order. Importing it loads no compiler."""

from msray.errors import UnknownNameError
from msray.features.book_shape import BOOK_SHAPE
from msray.features.feature import Feature
from msray.features.feed import FEED
from msray.features.order_flow import ORDER_FLOW
from msray.features.price_path import PRICE_PATH
from msray.features.technical import TECHNICAL
from msray.features.trade_flow import TRADE_FLOW

FEATURES: tuple[Feature, ...] = (*BOOK_SHAPE, *ORDER_FLOW, *TRADE_FLOW, *PRICE_PATH, *TECHNICAL, *FEED)
"""All 65 columns, in the order of a row."""

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
"""Their names."""

_PLACES = {name: place for place, name in enumerate(NAMES)}


def column(name: str) -> int:
    """Place of a column in a row, from 0.

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
        raise UnknownNameError("feature", name, NAMES) from None
