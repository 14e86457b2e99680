"""The order book of one instrument: exact levels, and the machine that keeps them in sequence."""

from msray.book.depth import Best, L2Book
from msray.book.sync import SequenceRule

__all__ = ["Best", "L2Book", "SequenceRule"]
