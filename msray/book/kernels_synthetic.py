"""The order flow of a made-up market, millisecond by millisecond.

A *fair price* ``v`` (in price steps, a real number) parts the book: bids rest at or below ``floor(v)``, asks above, so
the book can be neither crossed nor locked, and one ring of sizes holds both sides. In each millisecond, in this order:

1. Market orders, self-exciting, each with a sticky sign; they eat the best levels. ``v`` moves with the *surprise* in
   the sign (Madhavan, Richardson and Roomans 1997), so that sign memory alone makes no trend.
2. Pressure, an Ornstein-Uhlenbeck process, tilts the sizes of new orders to one side and pulls ``v`` after it; now and
   then ``v`` jumps. Orders that ``v`` passed are withdrawn, the other side follows, each step of it with a fresh level.
3. Limit orders arrive and are cancelled at a distance from ``v`` with a power-law tail. A cancellation takes all or a
   uniform part of what rests there, so outflow is proportional to depth and depth neither dries up nor piles up
   (Smith, Farmer, Gillemot and Krishnamurthy 2003; Cont, Stoikov and Talreja 2010).
4. On the cadence, a depth message with what differs from the last one.

A fresh level is drawn from what 3. settles at: full two times in three, then two orders on average. So a price
that moves leaves the book's shape alone, and depth, trade rate and volatility can be changed one by one.

Bits: the generator is splitmix64, and only ``+ - * / sqrt floor`` follow it, which IEEE 754 fixes; no libm, no numpy
generator. Both arrays together are the whole state.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.compiled import kernel
from msray.market import ASK, DEPTH, SELL, TRADE, Levels, Messages

Arena = NDArray[Any]

# Integer words.
RNG, DONE_MS, FAIR, SHOWN_FAIR, LOWEST, HIGHEST = 0, 1, 2, 3, 4, 5
LAST_ID, TRADE_ID, EVENTS, IS_LINKED, SIGN = 6, 7, 8, 9, 10
START_NS, CADENCE_MS, INSTRUMENT, UNITS_PER_LOT, TICKS_PER_STEP = 11, 12, 13, 14, 15
MESSAGES, LEVELS = 16, 17
NOW_AT = 32

# Real words: state, scale of the market, and what a regime changes.
PRICE, PRESSURE, EXCITEMENT = 0, 1, 2
VOLATILITY_STEPS, TRADES_PER_MS, ORDERS_PER_MS, ORDER_LOTS, TRADE_LOTS = 3, 4, 5, 6, 7
MOVE_STEPS, IMPACT_STEPS, DRIFT_STEPS = 8, 9, 10
FACTORS_AT = 11  # one factor a kind of change, in the order of ``KINDS``
VOLATILITY, IMBALANCE, INTENSITY, LIQUIDITY = 11, 12, 13, 14
REALS = 15

REACH = 1024
"""Steps from the fair price to the last level of a side; nor does the fair price move farther between two messages."""
RING = 4 * REACH
SHOWN_AT = NOW_AT + RING
WORDS = SHOWN_AT + RING

MOST_ORDERS = 4
MOST_FILLS = 8
ROOM_MESSAGES = MOST_ORDERS * MOST_FILLS + 1
ROOM_LEVELS = RING + MOST_ORDERS * MOST_FILLS

MS = 1_000_000
# The shape of the flow, the same at every scale.
MOVES_PER_MS = 0.04
STICKINESS = 0.6
BRANCHING = 0.3
EXCITEMENT_MS = 300.0
PRESSURE_MS = 1000.0
PRESSURE_SD = 0.2
MOST_TILT = 0.9
OCCUPIED = 2.0 / 3.0
NEAR_STEPS = 20.0

U: Any = np.uintp
U64: Any = np.uint64
I64: Any = np.int64
GOLDEN: Any = np.uint64(0x9E3779B97F4A7C15)
MIX_1: Any = np.uint64(0xBF58476D1CE4E5B9)
MIX_2: Any = np.uint64(0x94D049BB133111EB)
S12, S16, S27, S30, S31, S32, S48 = (np.uint64(bits) for bits in (12, 16, 27, 30, 31, 32, 48))
LOW_16: Any = np.uint64(0xFFFF)


@kernel
def _mix(z: Any) -> np.uint64:
    """Scramble 64 bits: the output function of splitmix64 (Steele, Lea and Flood 2014)."""
    z = (z ^ (z >> S30)) * MIX_1
    z = (z ^ (z >> S27)) * MIX_2
    mixed: np.uint64 = z ^ (z >> S31)
    return mixed


@kernel
def _unit(z: Any) -> float:
    """Uniform on (0, 1), neither end included, from 64 random bits."""
    unit: float = (I64(z >> S12) + 0.5) * (1.0 / 4503599627370496.0)
    return unit


@kernel
def derived_seed(seed: int, number: int) -> int:
    """Seed of the stream of a number, independent of those of other numbers."""
    derived: int = I64(_mix(_mix(U64(seed) + GOLDEN) ^ U64(number)))
    return derived


@kernel
def uniform_at(seed: int, number: int) -> float:
    """The uniform that belongs to a number, whatever was drawn before."""
    return _unit(U64(derived_seed(seed, number)))


@kernel
def _bits(words: Arena) -> np.uint64:
    """The next 64 random bits."""
    z = U64(words[RNG]) + GOLDEN
    words[RNG] = I64(z)
    return _mix(z)


@kernel
def _uniform(words: Arena) -> float:
    """The next uniform on (0, 1)."""
    return _unit(_bits(words))


@kernel
def _bell(words: Arena) -> float:
    """A sum of four 16-bit uniforms, mean 0, variance 1, at most 3.47 from 0: as normal as a step needs to be."""
    z = _bits(words)
    total = I64(z & LOW_16) + I64((z >> S16) & LOW_16) + I64((z >> S32) & LOW_16) + I64(z >> S48)
    bell: float = (total * (1.0 / 65536.0) + 2.0 / 65536.0 - 2.0) * 1.7320508075688772
    return bell


@kernel
def _lots(words: Arena, mean: float, most: float) -> int:
    """Size of an order: Pareto with exponent 2, cut at ``most`` times its scale, at least one lot."""
    tail = min(1.0 / math.sqrt(_uniform(words)), most)
    lots: int = 1 + I64(mean * (tail - 1.0) / (1.0 - 1.0 / most))
    return lots


@kernel
def _order_lots(words: Arena, reals: Arena, is_bid: bool) -> int:
    """Size of a new limit order on a side, as pressure and regime have it now."""
    planted = (reals[IMBALANCE] - 1.0) / (reals[IMBALANCE] + 1.0)
    tilt = min(max(reals[PRESSURE] + planted, -MOST_TILT), MOST_TILT)
    share = 1.0 + tilt if is_bid else 1.0 - tilt
    return _lots(words, reals[ORDER_LOTS] * reals[LIQUIDITY] * share, 4.0)


@kernel
def _requote(words: Arena, reals: Arena, step: int) -> None:
    """A fresh level at a price step, or none."""
    lots = 0
    if _uniform(words) < OCCUPIED:
        is_bid = step <= words[FAIR]
        lots = _order_lots(words, reals, is_bid) + _order_lots(words, reals, is_bid)
    words[U(NOW_AT + (step & (RING - 1)))] = lots
    words[EVENTS] += 1


@kernel
def open_market(words: Arena, reals: Arena) -> None:
    """Set what follows from the scale, and the first book: a fresh level at every step within reach, all of it shown.

    The caller has set ``RNG``, ``FAIR``, ``LOWEST`` to ``IS_LINKED`` and ``START_NS`` to ``TICKS_PER_STEP`` where they
    are not 0, ``VOLATILITY_STEPS`` (a second) to ``TRADE_LOTS``, and the regime.
    """
    sigma = reals[VOLATILITY_STEPS]
    # Of the variance of a second four fifths are moves; E[tail^2] of a move is 1 + 2 ln 5. A tenth is impact, and the
    # pull of pressure makes up the rest.
    reals[MOVE_STEPS] = sigma * math.sqrt(0.8 / (1000.0 * MOVES_PER_MS * 4.218875824868201))
    surprise = 1000.0 * max(reals[TRADES_PER_MS], 0.001) * (1.0 - STICKINESS * STICKINESS)
    reals[IMPACT_STEPS] = sigma * math.sqrt(0.1 / surprise)
    reals[DRIFT_STEPS] = 2.0 * sigma / 1000.0
    reals[PRICE] = words[FAIR] + 0.5
    words[SIGN] = 1
    words[LAST_ID] = I64(1e9 * (1.0 + _uniform(words)))
    words[TRADE_ID] = I64(1e8 * (1.0 + _uniform(words)))
    for step in range(words[FAIR] - REACH + 1, words[FAIR] + REACH + 1):
        _requote(words, reals, step)
    _best(words, reals, True)
    _best(words, reals, False)
    words[SHOWN_FAIR] = words[FAIR]
    words[EVENTS] = 0
    for i in range(RING):
        words[SHOWN_AT + i] = words[NOW_AT + i]


@kernel
def _best(words: Arena, reals: Arena, is_bid: bool) -> int:
    """Best price step of a side. A side without any order, rare beyond reason, gets one."""
    fair: int = words[FAIR]
    for d in range(REACH):
        step = fair - d if is_bid else fair + 1 + d
        if words[U(NOW_AT + (step & (RING - 1)))] > 0:
            return step
    step = fair if is_bid else fair + 1
    words[U(NOW_AT + (step & (RING - 1)))] = _order_lots(words, reals, is_bid)
    words[EVENTS] += 1
    return step


@kernel
def _follow(words: Arena, reals: Arena) -> None:
    """Bring the book to the fair price, one step after the other."""
    price = min(max(reals[PRICE], words[SHOWN_FAIR] - REACH + 0.5), words[SHOWN_FAIR] + REACH + 0.5)
    if price < words[LOWEST]:
        price = 2.0 * words[LOWEST] - price
    elif price > words[HIGHEST]:
        price = 2.0 * words[HIGHEST] - price
    reals[PRICE] = price
    fair = I64(math.floor(price))
    while words[FAIR] < fair:
        step = words[FAIR] + 1
        words[FAIR] = step
        words[U(NOW_AT + ((step - REACH) & (RING - 1)))] = 0
        _requote(words, reals, step)
        _requote(words, reals, step + REACH)
    while words[FAIR] > fair:
        step = words[FAIR]
        words[FAIR] = step - 1
        words[U(NOW_AT + ((step + REACH) & (RING - 1)))] = 0
        _requote(words, reals, step)
        _requote(words, reals, step - REACH)


@kernel
def _move(words: Arena, reals: Arena) -> None:
    """One millisecond of pressure and of the fair price."""
    pressure = reals[PRESSURE]
    reals[PRESSURE] += PRESSURE_SD * math.sqrt(2.0 / PRESSURE_MS) * _bell(words) - pressure / PRESSURE_MS
    reals[PRICE] += reals[DRIFT_STEPS] * pressure
    if _uniform(words) < MOVES_PER_MS:
        tail = min(1.0 / math.sqrt(_uniform(words)), 5.0)
        reals[PRICE] += reals[MOVE_STEPS] * reals[VOLATILITY] * tail * _bell(words)
    _follow(words, reals)


@kernel
def _limit_orders(words: Arena, reals: Arena) -> None:
    """One millisecond of arrivals and as many tries to cancel."""
    count = I64(reals[ORDERS_PER_MS] * reals[INTENSITY] + _uniform(words))
    for i in range(2 * count):
        distance = NEAR_STEPS * (1.0 / _uniform(words) - 1.0)
        is_bid = _uniform(words) < 0.5
        if distance >= REACH:
            continue
        step = words[FAIR] - I64(distance) if is_bid else words[FAIR] + 1 + I64(distance)
        at = U(NOW_AT + (step & (RING - 1)))
        if i & 1 == 0:
            words[at] += _order_lots(words, reals, is_bid)
            words[EVENTS] += 1
        elif words[at] > 0:
            words[at] = 0 if _uniform(words) < 0.5 else words[at] - I64(words[at] * _uniform(words))
            words[EVENTS] += 1


@kernel
def _market_orders(words: Arena, reals: Arena, messages: Messages, levels: Levels) -> None:
    """One millisecond of market orders, each fill one TRADE."""
    reals[EXCITEMENT] -= reals[EXCITEMENT] / EXCITEMENT_MS
    calm = reals[TRADES_PER_MS] * reals[INTENSITY] * (1.0 - BRANCHING)
    count = I64(calm + reals[EXCITEMENT] + _uniform(words))
    for _ in range(min(count, MOST_ORDERS)):
        before = words[SIGN]
        sign = before
        if _uniform(words) >= STICKINESS:
            sign = 1 if _uniform(words) < 0.5 else -1
        words[SIGN] = sign
        reals[EXCITEMENT] += BRANCHING / EXCITEMENT_MS
        reals[PRICE] += reals[IMPACT_STEPS] * (sign - STICKINESS * before)
        lots = _lots(words, reals[TRADE_LOTS], 30.0)
        for _ in range(MOST_FILLS):
            step = _best(words, reals, sign < 0)
            at = U(NOW_AT + (step & (RING - 1)))
            taken = min(lots, words[at])
            words[at] -= taken
            lots -= taken
            words[EVENTS] += 1
            words[TRADE_ID] += 1
            message = messages[words[MESSAGES]]
            level = levels[words[LEVELS]]
            _stamp(words, message, TRADE, words[LEVELS] + 1)
            message.first_id = words[TRADE_ID]
            message.last_id = words[TRADE_ID]
            message.prev_id = -1
            level.size = taken * words[UNITS_PER_LOT]
            level.tick = np.int32(step * words[TICKS_PER_STEP])
            level.flags = np.int32(SELL if sign < 0 else 0)
            words[MESSAGES] += 1
            words[LEVELS] += 1
            if lots == 0:
                break


@kernel
def _stamp(words: Arena, message: Any, kind: int, end: int) -> None:
    """What every message says; its levels begin where the ones before end."""
    now_ns = words[START_NS] + words[DONE_MS] * MS
    message.kind = np.int32(kind)
    message.instrument = np.int32(words[INSTRUMENT])
    message.event_ns = now_ns
    message.trade_ns = now_ns
    message.local_ns = now_ns
    message.begin = np.int32(words[LEVELS])
    message.end = np.int32(end)


@kernel
def _put_level(words: Arena, levels: Levels, at: int, step: int, lots: int, is_bid: bool) -> None:
    level = levels[at]
    level.size = lots * words[UNITS_PER_LOT]
    level.tick = np.int32(step * words[TICKS_PER_STEP])
    level.flags = np.int32(0 if is_bid else ASK)


@kernel
def _show(words: Arena, reals: Arena, messages: Messages, levels: Levels) -> None:
    """What changed since the last depth message, if anything did, as the next one."""
    _best(words, reals, True)
    _best(words, reals, False)
    fair = words[FAIR]
    shown_fair = words[SHOWN_FAIR]
    at = words[LEVELS]
    first = shown_fair - 2 * REACH + 1
    for step in range(first, first + RING):
        slot = step & (RING - 1)
        shown = words[U(SHOWN_AT + slot)]
        now = words[U(NOW_AT + slot)]
        was_bid = step <= shown_fair
        is_bid = step <= fair
        if was_bid != is_bid and shown > 0:
            _put_level(words, levels, at, step, 0, was_bid)
            at += 1
            shown = 0
        if now != shown:
            _put_level(words, levels, at, step, now, is_bid)
            at += 1
        words[U(SHOWN_AT + slot)] = now
    words[SHOWN_FAIR] = fair
    if at == words[LEVELS]:
        return
    message = messages[words[MESSAGES]]
    _stamp(words, message, DEPTH, at)
    before = words[LAST_ID]
    message.prev_id = -1
    message.first_id = before + 1
    words[LAST_ID] = before + max(words[EVENTS], 1)
    if words[IS_LINKED] == 1:
        # Futures ids count the updates of all symbols of the venue, so others lie between and inside.
        message.prev_id = before
        message.first_id += I64(_bits(words) & U64(63))
        words[LAST_ID] += 64 + I64(_bits(words) & U64(63))
    message.last_id = words[LAST_ID]
    words[EVENTS] = 0
    words[LEVELS] = at
    words[MESSAGES] += 1


@kernel
def advance(words: Arena, reals: Arena, until_ms: int, messages: Messages, levels: Levels) -> None:
    """Go on to millisecond ``until_ms`` after the start, or until the output is full.

    Parameters
    ----------
    words, reals
        The market.
    messages, levels
        Output, written from its beginning; ``words[MESSAGES]`` and ``words[LEVELS]`` say how much. They hold at least
        ``ROOM_MESSAGES`` and ``ROOM_LEVELS`` rows.

    Where ``words[DONE_MS]`` falls short of ``until_ms``, take the output and call again.
    """
    words[MESSAGES] = 0
    words[LEVELS] = 0
    while words[DONE_MS] < until_ms:
        if words[MESSAGES] + ROOM_MESSAGES > messages.shape[0] or words[LEVELS] + ROOM_LEVELS > levels.shape[0]:
            return
        words[DONE_MS] += 1
        _market_orders(words, reals, messages, levels)
        _move(words, reals)
        _limit_orders(words, reals)
        if words[DONE_MS] % words[CADENCE_MS] == 0:
            _show(words, reals, messages, levels)


@kernel
def shown_book(words: Arena, levels: Levels) -> int:
    """Write the book as of the last depth message, bids then asks, best first; returns the number of levels."""
    at = 0
    fair = words[SHOWN_FAIR]
    for side in range(2):
        for d in range(REACH):
            step = fair - d if side == 0 else fair + 1 + d
            lots = words[U(SHOWN_AT + (step & (RING - 1)))]
            if lots > 0:
                _put_level(words, levels, at, step, lots, side == 0)
                at += 1
    return at
