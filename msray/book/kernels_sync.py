"""Sequence rules over a batch of messages: what ``BookSync`` asks in bulk."""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import DEPTH, TRADE, Messages

Arena = NDArray[Any]

SYNC_RULE, SYNC_BOOK_ID, SYNC_TRADE_ID, SYNC_STOP = 0, 1, 2, 3
SYNC_WORDS = 4
STOP_NONE, STOP_OLD, STOP_REPEATED, STOP_GAP, STOP_SPECIAL = range(5)


@kernel
def follow(ids: Arena, messages: Messages, begin: int, end: int) -> int:
    """Check the sequence of messages ``begin`` to ``end``, as far as nothing needs attention.

    Returns the index of the first message that does, or ``end``; ``ids[SYNC_STOP]`` says why. All before it follow the
    book's id, which has moved with them.
    """
    linked = ids[SYNC_RULE] == 1
    book_id = ids[SYNC_BOOK_ID]
    trade_id = ids[SYNC_TRADE_ID]
    stop = STOP_NONE
    i = begin
    while i < end:
        message = messages[i]
        if message.kind == DEPTH:
            if message.last_id <= book_id:
                stop = STOP_OLD
                break
            if (message.prev_id != book_id) if linked else (message.first_id > book_id + 1):
                stop = STOP_GAP
                break
            book_id = message.last_id
        elif message.kind == TRADE:
            if message.first_id <= trade_id:
                stop = STOP_REPEATED
                break
            trade_id = message.first_id
        else:
            stop = STOP_SPECIAL
            break
        i += 1
    ids[SYNC_BOOK_ID] = book_id
    ids[SYNC_TRADE_ID] = trade_id
    ids[SYNC_STOP] = stop
    return i


@kernel
def first_after(messages: Messages, snapshot_id: int, rule: int) -> int:
    """Index of the first depth message to apply on a snapshot.

    Returns the number of messages where all are older than the snapshot, and -1 where the snapshot is older than the
    first message that is left: something between them is missing.
    """
    for i in range(messages.shape[0]):
        message = messages[i]
        if message.kind != DEPTH:
            continue
        if rule == 0:
            if message.last_id <= snapshot_id:
                continue
            return i if message.first_id <= snapshot_id + 1 else -1
        if message.last_id < snapshot_id:
            continue
        # Documented: U <= id <= u. Ids are shared between symbols and jump, so id may also lie between pu and U.
        return i if message.first_id <= snapshot_id or message.prev_id <= snapshot_id else -1
    return messages.shape[0]
