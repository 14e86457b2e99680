"""A compiled strategy's loop: rows, answers, times and values of the account in the order of local time.

It is what ``BacktestingEngine`` does with the same strategy, as long as nothing happens that needs more than integers
and a judgement that is beyond doubt; there it stops, with everything in the state between two events, or between two
things that a decision asked for. Limits are judged in floats here, with room to spare: what is near one is left to
Python's exact sums. What traded, and when the account is to be valued, is logged and booked exactly afterwards.

Lane (one ``int64`` array)::

    header | timers | open orders | times of what was sent last, a ring
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.backtest import kernels as venue
from msray.backtest import kernels_desk as d
from msray.compiled import kernel
from msray.market import MAX_TICK

Arena = NDArray[Any]

POSITION, NUMBER, ENTRY, RESPONSE, LAST_ARRIVAL, ANSWERED, NOW = range(7)
AT, NEXT_ROW, GAP_NS, SAMPLE_NS, DAY, FACTOR = range(7, 13)
TAKEN, BATCH_AT, LOGGED, EVENTS, FIRST_ASK, ASKS = range(13, 19)
ORDERS, ORDER_CAPACITY, MAX_OPEN, TIMERS = range(19, 23)
SENT, SENT_AT, SENT_CAPACITY = range(23, 26)
ASKED = 26  # one word a side
ANSWERS = 28  # one word a kind of report
HEADER = 40

TIMERS_AT, TIMER_CAPACITY = HEADER, 64
TIMER_NS, TIMER_TOKEN = range(2)
TIMER_WORDS = 2
ORDERS_AT = TIMERS_AT + TIMER_CAPACITY * TIMER_WORDS
TOKEN, ID, SIDE, KIND, LEFT, ORDER_ASKED = range(6)
ORDER_WORDS = 6

INITIAL, FLOW, TURNOVER, UNIT, UNIT_VALUE, CONTRACT, TAKER, MAKER = range(8)
MAX_ORDER, MAX_POSITION, MAX_EXPOSURE, MAX_DAILY_LOSS, MAX_DRAWDOWN, HIGHEST, DAY_EQUITY = range(8, 15)
MONEY = 15

SECOND, DAY_NS = 1_000_000_000, 86_400_000_000_000
MOST = 2**48
"""Sizes beyond are left to Python: below, no two of them have one value in floats."""
SURE = 1.0 - 1e-6
"""Of a limit: within it, floats are beyond doubt."""
DOUBT = 1e-9

_LOGGED = "at_ns", "mid_ticks", "order_id", "exchange_ns", "price_ticks", "size", "side", "is_maker"
LOG = np.dtype([(name, "i8") for name in _LOGGED])
"""A fill, or a moment at which the account is valued (``size`` 0); ``mid_ticks`` is bid and ask together."""

PLACE, CANCEL, REPLACE, WAKE = range(4)
START, ROW, TIME, ANSWER = range(4)

FINISHED, VENUE, UNDONE, VALUE, LOG_FULL = range(5)
"""Why the loop stopped: at the time it was given, for what the venue asks for, for what a decision asked for and is
left to Python, before a value near a limit of loss (or the first of a day), and to empty the log."""


@kernel
def _each(money: Arena, mid: float) -> float:
    """Value of a unit."""
    return money[CONTRACT] if money[CONTRACT] > 0.0 else mid * money[UNIT_VALUE]


@kernel
def _slack(money: Arena, mid: float, held: int) -> float:
    """By how much the equity may be wrong at most."""
    return DOUBT * (money[INITIAL] + money[TURNOVER] + abs(held) * _each(money, mid))


@kernel
def _equity(money: Arena, mid: float, held: int, flow: float) -> float:
    if money[CONTRACT] > 0.0:
        return money[INITIAL] + flow * mid - held * money[CONTRACT]
    return money[INITIAL] + flow + held * mid * money[UNIT_VALUE]


@kernel
def _is_safe(lane: Arena, money: Arena, equity: float, slack: float, now_ns: int) -> bool:
    """Whether an equity breaks no limit of loss, beyond doubt; then it is noted as observed."""
    if now_ns // DAY_NS != lane[DAY]:
        return False
    highest = max(money[HIGHEST], equity)
    floor = max(money[DAY_EQUITY] * (1.0 - money[MAX_DAILY_LOSS]), highest * (1.0 - money[MAX_DRAWDOWN]))
    if equity - 3.0 * slack <= floor:
        return False
    money[HIGHEST] = highest
    return True


@kernel
def _note_sent(lane: Arena, now_ns: int) -> None:
    lane[lane[SENT_AT] + lane[SENT] % lane[SENT_CAPACITY]] = now_ns
    lane[SENT] += 1


@kernel
def _passes(lane: Arena, money: Arena, mid: float, side: int, size: int, replaced: int) -> bool:
    """Whether so much more of a side may be asked for, beyond doubt; then it counts as sent."""
    held = lane[POSITION]
    sign = 1 - 2 * side
    after = held + sign * (lane[ASKED + side] + size)
    if max(abs(held), abs(after), size) > MOST:
        return False
    turns = (held > 0 and after < 0) or (held < 0 and after > 0)
    if turns or abs(after) >= abs(held):
        room = (_equity(money, mid, held, money[FLOW]) - _slack(money, mid, held)) * SURE
        each = _each(money, mid)
        if room <= 0.0 or max(size, 0) * each > money[MAX_ORDER] * room:
            return False
        if abs(after) * each > min(money[MAX_POSITION], money[MAX_EXPOSURE]) * room:
            return False
        if lane[ORDERS] - replaced >= lane[MAX_OPEN]:
            return False
        if lane[SENT] >= lane[SENT_CAPACITY]:
            if lane[lane[SENT_AT] + lane[SENT] % lane[SENT_CAPACITY]] > lane[NOW] - SECOND:
                return False
    _note_sent(lane, lane[NOW])
    return True


@kernel
def _find(lane: Arena, word: int, value: int) -> int:
    """Word of an open order by its token or number; -1 if there is none."""
    for i in range(lane[ORDERS]):
        o = ORDERS_AT + i * ORDER_WORDS
        if lane[o + word] == value:
            return o
    return -1


@kernel
def _send(lane: Arena, desk: Arena, action: int, number: int, side: int, tick: int, size: int, kind: int) -> None:
    s = desk[d.SENT_AT] + desk[d.SENT_LAST] * d.SENT_WORDS
    lane[LAST_ARRIVAL] = max(lane[LAST_ARRIVAL], lane[NOW] + lane[ENTRY])
    desk[s + d.SENT_NS] = lane[LAST_ARRIVAL]
    desk[s + d.ACTION] = action
    desk[s + d.SENT_ID] = number
    desk[s + d.SENT_SIDE] = side
    desk[s + d.SENT_TICK] = tick * lane[FACTOR]
    desk[s + d.SENT_SIZE] = size
    desk[s + d.SENT_KIND] = kind
    desk[d.SENT_LAST] += 1


@kernel
def _is_price(lane: Arena, tick: int) -> bool:
    return 0 < tick <= MAX_TICK // lane[FACTOR]


@kernel
def _place(lane: Arena, money: Arena, desk: Arena, mid: float, ask: Any) -> bool:
    """Send an order; False where that is left to Python."""
    if not (0 <= ask.side <= 1 and 0 <= ask.kind <= d.MARKET and 0 < ask.size <= MOST):
        return False
    if ask.kind != d.MARKET and not _is_price(lane, ask.tick):
        return False
    if lane[ORDERS] == lane[ORDER_CAPACITY] or _find(lane, TOKEN, ask.token) >= 0:
        return False
    if not _passes(lane, money, mid, ask.side, ask.size, 0):
        return False
    lane[NUMBER] += 1
    _send(lane, desk, d.PLACE, lane[NUMBER], ask.side, ask.tick, ask.size, ask.kind)
    o = ORDERS_AT + lane[ORDERS] * ORDER_WORDS
    lane[o + TOKEN] = ask.token
    lane[o + ID] = lane[NUMBER]
    lane[o + SIDE] = ask.side
    lane[o + KIND] = ask.kind
    lane[o + LEFT] = ask.size
    lane[o + ORDER_ASKED] = ask.size
    lane[ORDERS] += 1
    lane[ASKED + ask.side] += ask.size
    return True


@kernel
def _replace(lane: Arena, money: Arena, desk: Arena, mid: float, ask: Any) -> bool:
    """Send the wish to change an order; False where that is left to Python."""
    o = _find(lane, TOKEN, ask.token)
    if o < 0 or not (0 < ask.size <= MOST and _is_price(lane, ask.tick)):
        return False
    side = lane[o + SIDE]
    if not _passes(lane, money, mid, side, ask.size - lane[o + ORDER_ASKED], 1):
        return False
    more = max(ask.size - lane[o + ORDER_ASKED], 0)
    lane[o + ORDER_ASKED] += more
    lane[ASKED + side] += more
    _send(lane, desk, d.REPLACE, lane[o + ID], 0, ask.tick, ask.size, lane[o + KIND])
    return True


@kernel
def _wake(lane: Arena, at_ns: int, token: int) -> bool:
    """Write a timer down, behind those of the same time."""
    count = lane[TIMERS]
    if count == TIMER_CAPACITY:
        return False
    at_ns = max(at_ns, lane[NOW])
    t = TIMERS_AT + count * TIMER_WORDS
    while t > TIMERS_AT and lane[t - TIMER_WORDS + TIMER_NS] > at_ns:
        for w in range(TIMER_WORDS):
            lane[t + w] = lane[t - TIMER_WORDS + w]
        t -= TIMER_WORDS
    lane[t + TIMER_NS] = at_ns
    lane[t + TIMER_TOKEN] = token
    lane[TIMERS] += 1
    return True


@kernel
def _do(lane: Arena, money: Arena, desk: Arena, mid: float, asks: Any) -> bool:
    """Do what was asked for; False, and ``FIRST_ASK``, where the rest is left to Python."""
    for i in range(lane[FIRST_ASK], lane[ASKS]):
        ask = asks[i]
        lane[FIRST_ASK] = i
        if ask.what == WAKE:
            if not _wake(lane, ask.at_ns, ask.token):
                return False
            continue
        if desk[d.SENT_LAST] == desk[d.SENT_CAPACITY]:
            return False
        if ask.what == PLACE:
            if not _place(lane, money, desk, mid, ask):
                return False
        elif ask.what == REPLACE:
            if not _replace(lane, money, desk, mid, ask):
                return False
        elif ask.what == CANCEL:
            o = _find(lane, TOKEN, ask.token)
            if o >= 0:
                _note_sent(lane, lane[NOW])
                _send(lane, desk, d.CANCEL, lane[o + ID], 0, 0, 0, 0)
        else:
            return False
    lane[FIRST_ASK] = lane[ASKS]
    return True


@kernel
def _book(lane: Arena, money: Arena, log: Any, report: Any, mid: float, mid_ticks: int) -> bool:
    """Book a fill that we learn of now; False where its value is near a limit of loss."""
    sign = 1 - 2 * report.side
    price = report.tick * money[UNIT] / lane[FACTOR]
    rate = money[MAKER] if report.is_maker else money[TAKER]
    held = lane[POSITION] + sign * report.size
    if money[CONTRACT] > 0.0:
        value = report.size * money[CONTRACT]
        flow = money[FLOW] + value / price * (sign - rate)
    else:
        value = report.size * price * money[UNIT_VALUE]
        flow = money[FLOW] - value * (sign + rate)
    money[TURNOVER] += value
    if not _is_safe(lane, money, _equity(money, mid, held, flow), _slack(money, mid, held), lane[NOW]):
        money[TURNOVER] -= value
        return False
    money[FLOW] = flow
    lane[POSITION] = held
    if lane[SAMPLE_NS] == d.NEVER and held != 0:
        lane[SAMPLE_NS] = lane[NOW] + SECOND
    row = log[lane[LOGGED]]
    row.at_ns = lane[NOW]
    row.mid_ticks = mid_ticks
    row.order_id = report.order_id
    row.exchange_ns = report.at_ns
    row.price_ticks = report.tick
    row.size = report.size
    row.side = report.side
    row.is_maker = report.is_maker
    lane[LOGGED] += 1
    return True


@kernel
def _value(lane: Arena, money: Arena, log: Any, mid: float, mid_ticks: int) -> bool:
    """Value the account; False where that is near a limit of loss."""
    held = lane[POSITION]
    if not _is_safe(lane, money, _equity(money, mid, held, money[FLOW]), _slack(money, mid, held), lane[NOW]):
        return False
    row = log[lane[LOGGED]]
    row.at_ns = lane[NOW]
    row.mid_ticks = mid_ticks
    row.size = 0
    lane[LOGGED] += 1
    lane[SAMPLE_NS] = lane[NOW] + SECOND if held != 0 else d.NEVER
    return True


@kernel
def _answer(lane: Arena, report: Any, told: Any) -> None:
    """What the venue said becomes known."""
    lane[ANSWERS + report.kind] += 1
    is_fill = report.kind == d.FILLED
    is_over = report.kind != d.RESTING and (not is_fill or report.left == 0)
    o = _find(lane, ID, report.order_id)
    told.token = -1
    if o >= 0:
        told.token = lane[o + TOKEN]
        lane[ASKED + lane[o + SIDE]] += report.left - lane[o + ORDER_ASKED]
        lane[o + LEFT] = report.left
        lane[o + ORDER_ASKED] = report.left
        if is_over:
            lane[ASKED + lane[o + SIDE]] -= report.left
            last = ORDERS_AT + (lane[ORDERS] - 1) * ORDER_WORDS
            for w in range(ORDER_WORDS):
                lane[o + w] = lane[last + w]
            lane[ORDERS] -= 1
    told.kind = report.kind
    told.left = report.left
    if is_fill:
        told.side = report.side
        told.size = report.size
        told.tick = report.tick // lane[FACTOR]
        told.is_maker = report.is_maker


@kernel
def _tell(lane: Arena, told: Any, why: int) -> None:
    """Nothing of what has happened is told yet but why."""
    told.now_ns = lane[NOW]
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
    told.position = lane[POSITION]
    told.open_orders = lane[ORDERS]
    told.is_synced = 1 if known_ns > lane[GAP_NS] else 0
    told.known_ns = known_ns
    told.bid_tick = best[0]
    told.bid_size = best[1]
    told.ask_tick = best[2]
    told.ask_size = best[3]


@kernel
def _learn(lane: Arena, known_ns: Arena, now_ns: int) -> None:
    """It is this time now: the newest row that is known by then."""
    lane[NOW] = now_ns
    at = lane[AT]
    while at + 1 < known_ns.shape[0] and known_ns[at + 1] <= now_ns:
        at += 1
    lane[AT] = at


@kernel
def _drop_timer(lane: Arena) -> int:
    """Take the first timer off; its token."""
    token = lane[TIMERS_AT + TIMER_TOKEN]
    lane[TIMERS] -= 1
    for w in range(TIMERS_AT, TIMERS_AT + lane[TIMERS] * TIMER_WORDS):
        lane[w] = lane[w + TIMER_WORDS]
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
        if lane[TAKEN] < desk[d.REPORTS]:
            answer_ns = max(lane[ANSWERED], reports[lane[TAKEN]].at_ns + lane[RESPONSE])
        else:
            lane[TAKEN] = 0
            desk[d.REPORTS] = 0
        row_ns = known_ns[lane[NEXT_ROW]] if lane[NEXT_ROW] < known_ns.shape[0] else d.NEVER
        timer_ns = lane[TIMERS_AT + TIMER_NS] if lane[TIMERS] > 0 else d.NEVER
        next_ns = min(min(answer_ns, row_ns), min(timer_ns, lane[SAMPLE_NS]))
        if desk[d.ORDERS] > 0 or desk[d.SENT_LAST] > 0:
            # While an answer is on its way, nothing that the venue says can come before it.
            desk[d.STOPS_AT_REPORTS] = 1 if answer_ns == d.NEVER else 0
            last_ns = min(next_ns, until_ns)
            lane[BATCH_AT] = venue.advance(
                desk, ladder, messages, levels, exchange_ns, lane[BATCH_AT], last_ns, last_ns, reports
            )
            if desk[d.STOP] == d.REPORTED or (answer_ns == d.NEVER and desk[d.REPORTS] > 0):
                continue
            if desk[d.STOP] != d.DONE:
                return VENUE
        if next_ns > until_ns:
            return FINISHED
        if lane[LOGGED] == log.shape[0]:
            return LOG_FULL
        _learn(lane, known_ns, next_ns)
        at = lane[AT]
        mid_ticks = bests[at, 0] + bests[at, 2]
        mid = mid_ticks * 0.5 * money[UNIT]
        why = ROW
        if answer_ns == next_ns:
            report = reports[lane[TAKEN]]
            if report.kind == d.FILLED and not _book(lane, money, log, report, mid, mid_ticks):
                return VALUE
            why = ANSWER
            lane[ANSWERED] = answer_ns
            lane[TAKEN] += 1
            _tell(lane, told[0], why)
            _answer(lane, report, told[0])
        elif row_ns == next_ns:
            lane[NEXT_ROW] = at + 1
            _tell(lane, told[0], why)
        elif timer_ns == next_ns:
            why = TIME
            token = _drop_timer(lane)
            _tell(lane, told[0], why)
            told[0].token = token
        elif _value(lane, money, log, mid, mid_ticks):
            lane[EVENTS] += 1
            continue
        else:
            return VALUE
        lane[EVENTS] += 1
        _tell_rest(lane, told[0], known_ns[at], bests[at])
        for c in range(value.shape[0]):
            value[c] = values[at, c]
        lane[FIRST_ASK] = 0
        lane[ASKS] = decide(told[0], value, words, reals, asks)
        if lane[ASKS] < 0 or lane[ASKS] > asks.shape[0] or not _do(lane, money, desk, mid, asks):
            return UNDONE
