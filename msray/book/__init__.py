"""The order book of one instrument: exact levels, the machine that keeps them in sequence, and what a feed is worth."""

from msray.book.depth import Best, L2Book
from msray.book.pace import SyncLimits
from msray.book.quality import FeedFigures, Quality
from msray.book.sync import BookSync, SequenceRule

__all__ = ["Best", "BookSync", "FeedFigures", "L2Book", "Quality", "SequenceRule", "SyncLimits"]
