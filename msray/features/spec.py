"""The catalogue: every column of a feature row, in order. Importing it loads no compiler."""

import hashlib
import json
from collections.abc import Iterable

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


def schema_digest(names: Iterable[str]) -> str:
    """Digest of what columns mean, in their order: name, unit, formula and clock of each.

    What has learned from rows of one digest must not be shown rows of another.

    Raises
    ------
    UnknownNameError
        If there is no such feature.

    Examples
    --------
    >>> schema_digest(["spread_bps"]) == schema_digest(["spread_bps"]) != schema_digest(["imbalance_l1"])
    True
    """
    chosen = [FEATURES[column(name)] for name in names]
    meaning = [(feature.name, feature.unit, feature.formula, feature.clock) for feature in chosen]
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
