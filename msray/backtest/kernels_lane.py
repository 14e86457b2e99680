"""A compiled strategy's loop: rows, answers, times and values of the account in the order of local time.

It is what ``BacktestingEngine`` does with the same strategy - which is the slow twin that tests hold it against - as
long as nothing happens that needs more than integers and a judgement that is beyond doubt. There it stops, with
everything in the state between two events, or between two things that a decision asked for. What traded, and when the
account is to be valued, is logged and booked exactly afterwards.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.backtest import kernels as venue
from msray.backtest import kernels_desk as d
from msray.backtest import kernels_lane_orders as o
from msray.compiled import kernel

Arena = NDArray[Any]

_LOGGED = "at_ns", "mid_ticks", "order_id", "exchange_ns", "price_ticks", "size", "side", "is_maker"
LOG = np.dtype([(name, "i8") for name in _LOGGED])
"""A fill, or a moment at which the account is valued (``size`` 0); ``mid_ticks`` is bid and ask together."""

START, ROW, TIME, ANSWER = range(4)

FINISHED, VENUE, UNDONE, VALUE, LOG_FULL = range(5)
"""Why the loop stopped: at the time it was given, for what the venue asks for, for what a decision asked for and is
left to Python, before a value near a limit of loss (or the first of a day), and to empty the log."""


@kernel
def _book(lane: Arena, money: Arena, log: Any, report: Any, mid: float, mid_ticks: int) -> bool:
    """Book a fill that we learn of now; False where its value is near a limit of loss."""
    sign = 1 - 2 * report.side
    price = report.tick * money[o.UNIT] / lane[o.FACTOR]
    rate = money[o.MAKER] if report.is_maker else money[o.TAKER]
    held = lane[o.POSITION] + sign * report.size
    if money[o.CONTRACT] > 0.0:
        value = report.size * money[o.CONTRACT]
        flow = money[o.FLOW] + value / price * (sign - rate)
    else:
        value = report.size * price * money[o.UNIT_VALUE]
        flow = money[o.FLOW] - value * (sign + rate)
    money[o.TURNOVER] += value
    if not o.is_safe(lane, money, o.equity(money, mid, held, flow), o.slack(money, mid, held), lane[o.NOW]):
        money[o.TURNOVER] -= value
        return False
    money[o.FLOW] = flow
    lane[o.POSITION] = held
    if lane[o.SAMPLE_NS] == d.NEVER and held != 0:
        lane[o.SAMPLE_NS] = lane[o.NOW] + o.SECOND
    row = log[lane[o.LOGGED]]
    row.at_ns = lane[o.NOW]
    row.mid_ticks = mid_ticks
    row.order_id = report.order_id
    row.exchange_ns = report.at_ns
    row.price_ticks = report.tick
    row.size = report.size
    row.side = report.side
    row.is_maker = report.is_maker
    lane[o.LOGGED] += 1
    return True


@kernel
def _value(lane: Arena, money: Arena, log: Any, mid: float, mid_ticks: int) -> bool:
    """Value the account; False where that is near a limit of loss."""
    held = lane[o.POSITION]
    if not o.is_safe(lane, money, o.equity(money, mid, held, money[o.FLOW]), o.slack(money, mid, held), lane[o.NOW]):
        return False
    row = log[lane[o.LOGGED]]
    row.at_ns = lane[o.NOW]
    row.mid_ticks = mid_ticks
    row.size = 0
    lane[o.LOGGED] += 1
    lane[o.SAMPLE_NS] = lane[o.NOW] + o.SECOND if held != 0 else d.NEVER
    return True


@kernel
def _answer(lane: Arena, report: Any, told: Any) -> None:
    """What the venue said becomes known."""
    lane[o.ANSWERS + report.kind] += 1
    is_fill = report.kind == d.FILLED
    is_over = report.kind != d.RESTING and (not is_fill or report.left == 0)
    order = o.find(lane, o.ID, report.order_id)
    told.token = -1
    if order >= 0:
        told.token = lane[order + o.TOKEN]
        lane[o.ASKED + lane[order + o.SIDE]] += report.left - lane[order + o.ORDER_ASKED]
        lane[order + o.LEFT] = report.left
        lane[order + o.ORDER_ASKED] = report.left
        if is_over:
            lane[o.ASKED + lane[order + o.SIDE]] -= report.left
            last = o.ORDERS_AT + (lane[o.ORDERS] - 1) * o.ORDER_WORDS
            for w in range(o.ORDER_WORDS):
                lane[order + w] = lane[last + w]
            lane[o.ORDERS] -= 1
    told.kind = report.kind
    told.left = report.left
    if is_fill:
        told.side = report.side
        told.size = report.size
        told.tick = report.tick // lane[o.FACTOR]
        told.is_maker = report.is_maker


@kernel
def _tell(lane: Arena, told: Any, why: int) -> None:
    """Nothing of what has happened is told yet but why."""
    told.now_ns = lane[o.NOW]
    told.why = why
    told.token = 0
    told.kind = 0
    told.left = 0
    told.side = 0
    told.size = 0
    told.tick = 0
    told.is_maker = 0
    told.direction = 0
    told.score = 0.0


@kernel
def _tell_rest(lane: Arena, told: Any, known_ns: int, best: Arena) -> None:
    """How things stand."""
    told.position = lane[o.POSITION]
    told.open_orders = lane[o.ORDERS]
    told.is_synced = 1 if known_ns > lane[o.GAP_NS] else 0
    told.known_ns = known_ns
    told.bid_tick = best[0]
    told.bid_size = best[1]
    told.ask_tick = best[2]
    told.ask_size = best[3]


@kernel
def _learn(lane: Arena, known_ns: Arena, now_ns: int) -> None:
    """It is this time now: the newest row that is known by then."""
    lane[o.NOW] = now_ns
    at = lane[o.AT]
    while at + 1 < known_ns.shape[0] and known_ns[at + 1] <= now_ns:
        at += 1
    lane[o.AT] = at


@kernel
def _drop_timer(lane: Arena) -> int:
    """Take the first timer off; its token."""
    token = lane[o.TIMERS_AT + o.TIMER_TOKEN]
    lane[o.TIMERS] -= 1
    for w in range(o.TIMERS_AT, o.TIMERS_AT + lane[o.TIMERS] * o.TIMER_WORDS):
        lane[w] = lane[w + o.TIMER_WORDS]
    return token


def run(
    decide: Any,
    lane: Arena,
    money: Arena,
    desk: Arena,
    ladder: Arena,
    market: Any,
    rows: Any,
    mind: Any,
    reports: Any,
    log: Any,
    until_ns: int,
) -> int:
    """Run up to a local time, included, or to what is left to Python; returns why it stopped.

    Parameters
    ----------
    decide
        The strategy's function.
    lane, money
        The state of our side, and of its money in floats.
    desk, ladder
        The venue's.
    market, rows, mind
        ``(messages, levels, exchange_ns)``; ``(known_ns, bests, values)``; ``(told, value, words, reals, asks)``.
    reports, log
        What the venue says; what is booked afterwards.
    """
    messages, levels, exchange_ns = market
    known_ns, bests, values = rows
    told, value, words, reals, asks = mind
    while True:
        answer_ns = d.NEVER
        if lane[o.TAKEN] < desk[d.REPORTS]:
            answer_ns = max(lane[o.ANSWERED], reports[lane[o.TAKEN]].at_ns + lane[o.RESPONSE])
        else:
            lane[o.TAKEN] = 0
            desk[d.REPORTS] = 0
        row_ns = known_ns[lane[o.NEXT_ROW]] if lane[o.NEXT_ROW] < known_ns.shape[0] else d.NEVER
        timer_ns = lane[o.TIMERS_AT + o.TIMER_NS] if lane[o.TIMERS] > 0 else d.NEVER
        next_ns = min(min(answer_ns, row_ns), min(timer_ns, lane[o.SAMPLE_NS]))
        if desk[d.ORDERS] > 0 or desk[d.SENT_LAST] > 0:
            # While an answer is on its way, nothing that the venue says can come before it.
            desk[d.STOPS_AT_REPORTS] = 1 if answer_ns == d.NEVER else 0
            last_ns = min(next_ns, until_ns)
            lane[o.BATCH_AT] = venue.advance(
                desk, ladder, messages, levels, exchange_ns, lane[o.BATCH_AT], last_ns, last_ns, reports
            )
            if desk[d.STOP] == d.REPORTED or (answer_ns == d.NEVER and desk[d.REPORTS] > 0):
                continue
            if desk[d.STOP] != d.DONE:
                return VENUE
        if next_ns > until_ns:
            return FINISHED
        if lane[o.LOGGED] == log.shape[0]:
            return LOG_FULL
        _learn(lane, known_ns, next_ns)
        at = lane[o.AT]
        mid_ticks = bests[at, 0] + bests[at, 2]
        mid = mid_ticks * 0.5 * money[o.UNIT]
        why = ROW
        if answer_ns == next_ns:
            report = reports[lane[o.TAKEN]]
            if report.kind == d.FILLED and not _book(lane, money, log, report, mid, mid_ticks):
                return VALUE
            why = ANSWER
            lane[o.ANSWERED] = answer_ns
            lane[o.TAKEN] += 1
            _tell(lane, told[0], why)
            _answer(lane, report, told[0])
        elif row_ns == next_ns:
            lane[o.NEXT_ROW] = at + 1
            _tell(lane, told[0], why)
        elif timer_ns == next_ns:
            why = TIME
            token = _drop_timer(lane)
            _tell(lane, told[0], why)
            told[0].token = token
        elif _value(lane, money, log, mid, mid_ticks):
            lane[o.EVENTS] += 1
            continue
        else:
            return VALUE
        lane[o.EVENTS] += 1
        _tell_rest(lane, told[0], known_ns[at], bests[at])
        for c in range(value.shape[0]):
            value[c] = values[at, c]
        lane[o.FIRST_ASK] = 0
        lane[o.ASKS] = decide(told[0], value, words, reals, asks)
        if lane[o.ASKS] < 0 or lane[o.ASKS] > asks.shape[0] or not o.do(lane, money, desk, mid, asks):
            return UNDONE
