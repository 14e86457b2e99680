"""Our side of a compiled strategy's market: what it holds, has open and has sent, in one array; limits in floats.

Limits are judged with room to spare: what is near one is left to Python's exact sums.

Lane (one ``int64`` array)::

    header | timers | open orders | times of what was sent last, a ring

Money (one ``float64`` array): what has flowed, what a unit is worth, and the limits.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

from numpy.typing import NDArray

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

PLACE, CANCEL, REPLACE, WAKE = range(4)


@kernel
def each(money: Arena, mid: float) -> float:
    """Value of a unit."""
    return money[CONTRACT] if money[CONTRACT] > 0.0 else mid * money[UNIT_VALUE]


@kernel
def slack(money: Arena, mid: float, held: int) -> float:
    """By how much the equity may be wrong at most."""
    return DOUBT * (money[INITIAL] + money[TURNOVER] + abs(held) * each(money, mid))


@kernel
def equity(money: Arena, mid: float, held: int, flow: float) -> float:
    """Of the account, at a mid, with so much held and so much having flowed."""
    if money[CONTRACT] > 0.0:
        return money[INITIAL] + flow * mid - held * money[CONTRACT]
    return money[INITIAL] + flow + held * mid * money[UNIT_VALUE]


@kernel
def is_safe(lane: Arena, money: Arena, value: float, doubt: float, now_ns: int) -> bool:
    """Whether an equity breaks no limit of loss, beyond doubt; then it is noted as observed."""
    if now_ns // DAY_NS != lane[DAY]:
        return False
    highest = max(money[HIGHEST], value)
    floor = max(money[DAY_EQUITY] * (1.0 - money[MAX_DAILY_LOSS]), highest * (1.0 - money[MAX_DRAWDOWN]))
    if value - 3.0 * doubt <= floor:
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
        room = (equity(money, mid, held, money[FLOW]) - slack(money, mid, held)) * SURE
        worth = each(money, mid)
        if room <= 0.0 or max(size, 0) * worth > money[MAX_ORDER] * room:
            return False
        if abs(after) * worth > min(money[MAX_POSITION], money[MAX_EXPOSURE]) * room:
            return False
        if lane[ORDERS] - replaced >= lane[MAX_OPEN]:
            return False
        if lane[SENT] >= lane[SENT_CAPACITY]:
            if lane[lane[SENT_AT] + lane[SENT] % lane[SENT_CAPACITY]] > lane[NOW] - SECOND:
                return False
    _note_sent(lane, lane[NOW])
    return True


@kernel
def find(lane: Arena, word: int, value: int) -> int:
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
    if lane[ORDERS] == lane[ORDER_CAPACITY] or find(lane, TOKEN, ask.token) >= 0:
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
    o = find(lane, TOKEN, ask.token)
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
def do(lane: Arena, money: Arena, desk: Arena, mid: float, asks: Any) -> bool:
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
            o = find(lane, TOKEN, ask.token)
            if o >= 0:
                _note_sent(lane, lane[NOW])
                _send(lane, desk, d.CANCEL, lane[o + ID], 0, 0, 0, 0)
        else:
            return False
    lane[FIRST_ASK] = lane[ASKS]
    return True
