"""Where everything lies in the feature state of one instrument: one ``int64`` arena, floats by ``stats.kernels``.

Arena::

    whole numbers | floats | row | two tops of the book | the last 64 one-second bars | levels | trades | depths | mids

The part of ``levels.py`` is there only where it was asked for. The last three are rings of whatever size the windows
need, entry ``i`` (counted since the epoch began) at ``i % capacity``; ``state.py`` makes them larger when a kernel says
that one is full.

Prices are kept in grid ticks, mids in *half* ticks (bid plus ask), so that both are whole numbers; sizes in units. What
is summed over a window is a whole number too: a sum that floats enter and leave would remember everything that ever
left it.
"""

import math

import numpy as np

# -- whole numbers, 0 to 79. The first two describe the instrument and survive a reset, as the rings' places do.
GRID = 0
"""Price of one grid tick, in units of ``10**-price_decimals``."""
TICKS_PER_STEP = 1
"""Grid ticks in one declared tick."""
STATUS = 2
"""What stopped the last fold: 0 nothing, 1 the book's arena, 2 a ring here."""
IS_APPLIED = 3
"""1 where the book has taken a message whose features are still to come."""

TRADES_AT, TRADES_CAPACITY, DEPTHS_AT, DEPTHS_CAPACITY, MIDS_AT, MIDS_CAPACITY = range(4, 10)

HAS_STARTED, TIME, EPOCH_START, ROWS, ROW_TIME, LEAST_LATENCY = range(10, 16)
"""Whether a record came; latest event time; the first one; rows so far; time of the last; least local - event time."""

TOP, IS_VALID, WAS_VALID, IS_WHOLE, WAS_WHOLE = range(16, 21)
"""Offset of the newest top; whether it and the one before are valid books, and whole to 10 levels or the side's end."""

TRADES_HEAD, UNRIPE, TRADE_TIME = range(21, 24)
"""Entries so far; first whose 5 s have not passed; time of the last trade."""
FROM_1S, FROM_10S, FROM_60S = range(24, 27)
"""First entry of a window."""
TRADED = 27
"""Seven running totals: trades, volume, signed volume, value high, value low, signs, signed ticks.

A value is ``high * 2**32 + low``.
"""

DEPTHS_HEAD, DEPTHS_FROM_1S, DEPTHS_FROM_10S, CHANGED = range(34, 38)
"""Entries so far, first ones of the windows; then three running totals: messages, size added, size removed."""

LAST_MID, MIDS_HEAD = 42, 43
"""Last valid mid, 0 before the first; mids in the ring so far."""
OLD_1S, OLD_5S, OLD_30S, OLD_60S, OLD_300S = range(44, 49)
"""Number of mids at least so old."""
LEAST_HEAD, LEAST_TAIL, GREATEST_HEAD, GREATEST_TAIL = range(49, 53)
"""Bounds of the two queues of candidates for the least and the greatest mid of 60 s."""
FIRST_MID, ZSCORE_TIME, MID_MOVED = range(53, 56)
"""``MID_MOVED`` is 1 where the mid or one it is compared with is not that of the last row's columns."""

BAR_IS_OPEN, BAR_SECOND, BAR_HIGH, BAR_LOW, BARS, FIRST_CLOSE = range(56, 62)
"""The open bar, number of closed ones, and the first close, from which the means of closes are measured."""
CROSS_SIGN, CROSS_AGE, HAS_CROSSED = range(62, 65)

BIDS_STAND, ASKS_STAND, FITTED_BIDS, FITTED_ASKS = range(65, 69)
"""Whether a side's top 10 is that of the row before; number of levels its fit was made of, -1 for none."""

HAS_LEVELS = 69
"""1 where the state has the part of ``levels.py``. It survives a reset."""

# -- floats, 80 to 127
PRICE_UNITS, SIZE_UNITS, NOTIONAL = 80, 81, 82
"""``10**decimals``; and the size walked by ``vwap_spread_bps``, in ticks times units. They survive a reset."""
OFI_1S, OFI_10S, SIGNED_EW, TRADES_EW_1S, TRADES_EW_60S, VOLUME_EW_60S, REST_60S = range(83, 90)
"""EW sums; ``REST_60S`` is ``exp(-age of the epoch / 60 s)``."""
EFFECTIVE_SUM, EFFECTIVE_WEIGHT, REALISED_SUM, REALISED_WEIGHT = range(90, 94)
RIPE_TIME = 94
"""Time of the last trade in the realised spread (a whole number)."""
ZSCORE_MEAN, ZSCORE_VAR = 95, 96
"""In half ticks from the first mid."""
RISES, FALLS, TRUE_RANGE = 97, 98, 99
EW5, EW9, EW12, EW20, EW26 = range(100, 105)
"""Means of closes, in half ticks from the first close; ``EW9`` is the mean of ``EW12 - EW26``."""
LAST_RETURN, AUTO_CROSS, AUTO_NOW, AUTO_BEFORE = range(105, 109)
BID_SLOPE, ASK_SLOPE, BID_CURVE, ASK_CURVE = range(109, 113)
"""Of the fits, in units a tick and a squared tick."""

# -- the row
ROW = 128
COLUMNS = 65
# fmt: off
(
    MID_PRICE, SPREAD, SPREAD_BPS, SPREAD_TICKS, MICROPRICE, MICROPRICE_OFFSET_BPS, IMBALANCE_L1, IMBALANCE_L5,
    IMBALANCE_L10, IMBALANCE_WEIGHTED, DEPTH_BID_L10, DEPTH_ASK_L10, DEPTH_BID_10BPS, DEPTH_ASK_10BPS, SLOPE_BID,
    SLOPE_ASK, BOOK_CONVEXITY, QUEUE_IMBALANCE_LOG, VWAP_SPREAD_BPS, GAP_L1_L2_TICKS,
    OFI_L1, OFI_EW_1S, OFI_EW_10S, OFI_MULTILEVEL, ADD_RATE_10S, CANCEL_RATE_10S, QUOTE_RATE_1S, CANCEL_TO_TRADE_10S,
    TRADE_IMBALANCE_1S, TRADE_IMBALANCE_10S, SIGNED_VOLUME_EW_10S, VOLUME_1S, VOLUME_10S, VOLUME_BURST, TRADE_RATE_1S,
    ARRIVAL_BURST, MEAN_TRADE_SIZE_10S, VWAP_DEVIATION_BPS, EFFECTIVE_SPREAD_BPS, REALISED_SPREAD_BPS, HAWKES_INTENSITY,
    RETURN_1S, RETURN_5S, RETURN_30S, RETURN_300S, REALISED_VOL_10S, REALISED_VOL_60S, BIPOWER_VOL_60S, JUMP_SHARE_60S,
    VOL_RATIO, RANGE_60S_BPS, ZSCORE_60S, AUTOCORR_R_60S,
    MOMENTUM_30S, RSI_14, MACD, MACD_SIGNAL, BOLLINGER_POSITION, STOCHASTIC_K_14, ATR_14_BPS, EMA_CROSS,
    FEED_LATENCY_MS, STALENESS_MS, SECONDS_OF_DAY_SIN, SECONDS_OF_DAY_COS,
) = range(ROW, ROW + COLUMNS)
# fmt: on
"""Word of each column, named as in the catalogue; a test holds the two together."""

# -- the top 10 of the book, twice: bid ticks, bid sizes, ask ticks, ask sizes, number of bids, of asks
RANKS = 10
SIZES, ASKS, BIDS_FOUND, ASKS_FOUND = 10, 20, 40, 41
TOP_A, TOP_B = 200, 248

# -- the last 64 bars: closes, highs, lows in half ticks; squared returns, and products of neighbours, as floats
KEPT_BARS = 64
CLOSES, HIGHS, LOWS, SQUARES, PAIRS, RINGS = range(320, 320 + 6 * KEPT_BARS, KEPT_BARS)

# -- the part of levels.py, which puts the rings LEVEL_WORDS further on: its row, then what it remembers
LEVEL_ROW = RINGS
LEVEL_COLUMNS = 67
IMBALANCE_L3, OFI_LOG, MID_DEVIATION, ELAPSED_LOG, SIGNED_VOLUME_LOG = (LEVEL_ROW + at for at in (40, 41, 56, 61, 64))
"""First words of its groups of columns; the 40 of the ten levels come before them."""
RANKS_KNOWN = LEVEL_ROW + 72
"""Levels a side of the last row that the covered range shows, or that a side's end shows to be none."""
FLOW_RANKS = 5
MIDS_TOTAL, MIDS_COUNTED, FLOWED = range(LEVEL_ROW + 73, LEVEL_ROW + 76)
"""Running totals of the epoch: mids, rows that had one, and what flowed to each of ``FLOW_RANKS`` levels."""
PAST = LEVEL_ROW + 80
PAST_ROWS = 128
"""The ring of the last rows: more than the longest window, so that what lies before the first row is still 0."""
PAST_WORDS = 9
"""Time; the totals of signed volume, mids, rows with one, flows after that row."""
PAST_SIGNED, PAST_MIDS, PAST_COUNTED, PAST_FLOWED = 1, 2, 3, 4
LEVEL_WORDS = PAST + PAST_ROWS * PAST_WORDS - LEVEL_ROW

# -- what an entry of each ring holds
TRADE_WORDS = 9
"""Time, mid before; the totals before it."""
AT, BEFORE, COUNT, VOLUME, SIGNED, VALUE_HIGH, VALUE_LOW, SIDES, SIDED_TICKS = range(9)
TRADE_TOTALS = 7
DEPTH_WORDS = 4
"""Time; the totals before it."""
MESSAGES, ADDED, REMOVED = 1, 2, 3
MID_WORDS = 4
"""Time, mid; and apart from those one slot of each queue: a mid's number."""
MID, LEAST, GREATEST = 1, 2, 3

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MAX_SILENCE = 300
"""Whole seconds without a row after which the seconds start anew."""
NOT_A_NUMBER = math.nan

WEIGHTS = np.array([math.exp(-rank / 2) for rank in range(RANKS)])
