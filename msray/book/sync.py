"""``BookSync``: a pure state machine that turns a venue's messages into a gap-free input log."""

from enum import IntEnum


class SequenceRule(IntEnum):
    """How a venue numbers its depth messages."""

    CONTIGUOUS = 0
    """The first id of a message is the last id of the one before, plus one (Binance spot)."""
    LINKED = 1
    """Ids jump; each message names the last id of the one before (Binance futures, ``pu``)."""
