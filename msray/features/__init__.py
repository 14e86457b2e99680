"""Features: what is computed (``CATALOGUE``), and ``FeatureEngineering``, which computes it.

The catalogue is loaded at once, the compiled code with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.faces import lazily
from msray.features.feature import Feature
from msray.features.levels import BOOK_COLUMNS, LEVELS, NETWORK_COLUMNS
from msray.features.spec import CATALOGUE, FEATURES, NAMES, column, has_levels

if TYPE_CHECKING:
    from msray.features.engineering import FeatureEngineering, FeatureTable
    from msray.features.state import grow, new_state, regrid, reset

__all__ = [
    "BOOK_COLUMNS",
    "CATALOGUE",
    "FEATURES",
    "LEVELS",
    "NAMES",
    "NETWORK_COLUMNS",
    "Feature",
    "FeatureEngineering",
    "FeatureTable",
    "column",
    "grow",
    "has_levels",
    "new_state",
    "regrid",
    "reset",
]

__getattr__ = lazily(
    __name__,
    dict.fromkeys(("FeatureEngineering", "FeatureTable"), "msray.features.engineering")
    | dict.fromkeys(("grow", "new_state", "regrid", "reset"), "msray.features.state"),
)
