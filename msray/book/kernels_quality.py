"""One pass over a batch of messages for the figures of ``quality.py``."""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import DEPTH, GAP, TRADE, GapReason, Messages

Arena = NDArray[Any]

DEPTHS, TRADES, CHANGES = 0, 1, 2
NEGATIVE_LATENCY, OUT_OF_ORDER, LATE, STALE = 3, 4, 5, 6
LAST_EVENT, LAST_LOCAL, LAST_DEPTH_EVENT, USUAL_INTERVAL = 7, 8, 9, 10
TRADE_ID, TRADE_GAPS, LATENCIES = 11, 12, 13
RING_AT = 16
RING = 1024
WORDS = RING_AT + RING

STALE_INTERVALS = 5
CLOSED = int(GapReason.CLOSED)


@kernel
def observe(figures: Arena, messages: Messages, late_ns: int, stale_ns: int) -> None:
    """Add the messages of one instrument to its figures; while a market is closed, silence is not stale.

    Parameters
    ----------
    late_ns
        A latency above the usual one (the newest in the ring) by more than this counts as late.
    stale_ns
        Least silence that counts as stale; the other bound is five times the usual interval.
    """
    for i in range(messages.shape[0]):
        message = messages[i]
        if message.kind == GAP and message.prev_id == CLOSED:
            figures[LAST_DEPTH_EVENT] = figures[TRADE_ID] = 0
        is_depth = message.kind == DEPTH
        if not is_depth and message.kind != TRADE:
            continue
        event_ns = message.event_ns
        if is_depth:
            figures[DEPTHS] += 1
            figures[CHANGES] += message.end - message.begin
            last = figures[LAST_DEPTH_EVENT]
            if last > 0:
                pause = event_ns - last
                usual = figures[USUAL_INTERVAL]
                if pause > max(stale_ns, STALE_INTERVALS * usual):
                    figures[STALE] += 1
                if pause > 0:
                    figures[USUAL_INTERVAL] = usual + (pause - usual) // 64 if usual > 0 else pause
            figures[LAST_DEPTH_EVENT] = max(last, event_ns)
        else:
            figures[TRADES] += 1
            if figures[TRADE_ID] > 0 and message.first_id > figures[TRADE_ID] + 1:
                figures[TRADE_GAPS] += message.first_id - figures[TRADE_ID] - 1
            figures[TRADE_ID] = max(figures[TRADE_ID], message.first_id)
        if event_ns < figures[LAST_EVENT]:
            figures[OUT_OF_ORDER] += 1
        figures[LAST_EVENT] = max(figures[LAST_EVENT], event_ns)
        local_ns = message.local_ns
        if local_ns == 0:
            continue
        figures[LAST_LOCAL] = max(figures[LAST_LOCAL], local_ns)
        latency = local_ns - event_ns
        if latency < 0:
            figures[NEGATIVE_LATENCY] += 1
        count = figures[LATENCIES]
        if count > 0 and latency > figures[RING_AT + (count - 1) % RING] + late_ns:
            figures[LATE] += 1
        if is_depth:
            figures[RING_AT + count % RING] = latency
            figures[LATENCIES] = count + 1
