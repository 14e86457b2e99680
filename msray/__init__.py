"""msray: real-time market microstructure on Ray.

The names users know are importable from here and loaded on first use, so that ``import msray`` costs nothing::

    >>> from msray import OrderBookParser
"""

from msray.faces import lazily

__version__ = "0.1.0"

_WHERE = {
    "DataStreamer": "msray.feeds.stream",
    "FeatureEngineering": "msray.features.engineering",
    "OrderBookParser": "msray.venues.parser",
    "PredictionEngine": "msray.prediction.engine",
    "create_synthetic_order_book_data": "msray.book.synthetic",
}
"""Public name -> the module that defines it."""

__getattr__ = lazily(__name__, _WHERE)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE]
