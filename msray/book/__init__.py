"""The order book of one instrument: exact levels, their sequence, what a feed is worth, and a synthetic market."""

from msray.book.depth import Best, L2Book
from msray.book.pace import SyncLimits
from msray.book.quality import FeedFigures, Quality
from msray.book.sync import BookSync, SequenceRule
from msray.book.synthetic import KINDS, TRUTH, RegimePlan, SyntheticMarket, create_synthetic_order_book_data

__all__ = [
    "KINDS",
    "TRUTH",
    "Best",
    "BookSync",
    "FeedFigures",
    "L2Book",
    "Quality",
    "RegimePlan",
    "SequenceRule",
    "SyncLimits",
    "SyntheticMarket",
    "create_synthetic_order_book_data",
]
