"""Making, clearing and enlarging the feature state of one instrument; what lies where: ``kernels_layout.py``."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msray.errors import FeedError, UsageError
from msray.features import kernels_layout as k
from msray.features.kernels_seconds import start_seconds
from msray.market import Instrument
from msray.stats import float_bits

Arena = NDArray[np.int64]

VWAP_NOTIONAL = 10_000.0
_MOST_ENTRIES = 1 << 21


class _Ring(NamedTuple):
    """Words of the header that hold a ring's place and bounds; and how wide its entries are."""

    place: int
    capacity: int
    head: int
    tail: int
    width: int


_TRADES = _Ring(k.TRADES_AT, k.TRADES_CAPACITY, k.TRADES_HEAD, k.FROM_60S, k.TRADE_WORDS)
_DEPTHS = _Ring(k.DEPTHS_AT, k.DEPTHS_CAPACITY, k.DEPTHS_HEAD, k.DEPTHS_FROM_10S, k.DEPTH_WORDS)
_MIDS = _Ring(k.MIDS_AT, k.MIDS_CAPACITY, k.MIDS_HEAD, k.OLD_300S, k.MID_WORDS)
_RINGS = (_TRADES, _DEPTHS, _MIDS)


def new_state(
    instrument: Instrument,
    *,
    vwap_notional: float = VWAP_NOTIONAL,
    levels: bool = False,
    capacities: tuple[int, int, int] = (512, 512, 1024),
) -> Arena:
    """Feature state at the start of an epoch.

    Parameters
    ----------
    instrument
        Whose state it is: its grid, declared tick and decimals are kept in it.
    vwap_notional
        What ``vwap_spread_bps`` buys and sells, as price times size (quote units, where sizes are base units).
    levels
        Whether rows have the columns of ``levels.py`` too.
    capacities
        First sizes of the rings of trades, depth messages and mids, powers of 2; they grow as needed.

    Raises
    ------
    UsageError
        If the notional is not positive and finite, or a capacity is no power of 2.
    """
    if not 0.0 < vwap_notional < np.inf:
        raise UsageError(f"vwap_notional must be positive, got {vwap_notional}")
    if any(size < 2 or size & (size - 1) for size in capacities):
        raise UsageError(f"capacities must be powers of 2 from 2 on, got {capacities}")
    arena = _with_rings(capacities, levels)
    floats = float_bits(arena)
    arena[k.GRID], arena[k.TICKS_PER_STEP] = instrument.grid, instrument.ticks_per_step
    floats[k.PRICE_UNITS] = float(10**instrument.price_decimals)
    floats[k.SIZE_UNITS] = float(10**instrument.size_decimals)
    floats[k.NOTIONAL] = vwap_notional * floats[k.PRICE_UNITS] * floats[k.SIZE_UNITS] / instrument.grid
    _begin(arena)
    return arena


def _with_rings(capacities: Sequence[int], levels: bool) -> Arena:
    """An arena of zeros but for the places of rings of these capacities."""
    at = k.RINGS + k.LEVEL_WORDS * levels
    arena = np.zeros(at + sum(size * ring.width for size, ring in zip(capacities, _RINGS, strict=True)), np.int64)
    arena[k.HAS_LEVELS] = levels
    for size, ring in zip(capacities, _RINGS, strict=True):
        arena[ring.place], arena[ring.capacity] = at, size
        at += size * ring.width
    return arena


def reset(arena: Arena) -> None:
    """Forget all records: a gap, or a new epoch. What is left is :func:`new_state` with rings of this size."""
    keep = [k.GRID, k.TICKS_PER_STEP, k.HAS_LEVELS, k.PRICE_UNITS, k.SIZE_UNITS, k.NOTIONAL]
    keep += [word for ring in _RINGS for word in (ring.place, ring.capacity)]
    kept = arena[keep]
    arena[:] = 0
    arena[keep] = kept
    _begin(arena)


def _begin(arena: Arena) -> None:
    arena[k.TOP] = k.TOP_A
    arena[[k.FITTED_BIDS, k.FITTED_ASKS]] = -1
    arena[k.LEAST_LATENCY] = np.iinfo(np.int64).max
    floats = float_bits(arena)
    floats[k.REST_60S] = 1.0
    floats[k.ROW : k.ROW + k.COLUMNS] = k.NOT_A_NUMBER
    if arena[k.HAS_LEVELS]:
        floats[k.LEVEL_ROW : k.LEVEL_ROW + k.LEVEL_COLUMNS] = k.NOT_A_NUMBER
    start_seconds(arena)


def grow(arena: Arena) -> Arena:
    """The same state with twice the room in every ring that is full; a new array.

    What a kernel left undone for lack of room, the same call does on the new array.

    Raises
    ------
    FeedError
        If a ring would hold more than two million entries, which no market fills in its window.
    """
    capacities = [int(arena[ring.capacity]) * (1 + _is_full(arena, ring)) for ring in _RINGS]
    if max(capacities) > _MOST_ENTRIES:
        raise FeedError(
            f"a window of features must hold at most {_MOST_ENTRIES} entries, got {max(capacities) // 2 + 1}",
            hint="does the venue's event time stand still?",
        )
    new = _with_rings(capacities, bool(arena[k.HAS_LEVELS]))
    places = [word for ring in _RINGS for word in (ring.place, ring.capacity)]
    kept = new[places]
    fixed = int(arena[_TRADES.place])
    new[:fixed] = arena[:fixed]
    new[places] = kept
    for ring, words in ((_TRADES, slice(None)), (_DEPTHS, slice(None)), (_MIDS, slice(0, k.LEAST))):
        _copy(arena, new, ring, words, _oldest(arena, ring), int(arena[ring.head]))
    _copy(arena, new, _MIDS, k.LEAST, int(arena[k.LEAST_TAIL]), int(arena[k.LEAST_HEAD]))
    _copy(arena, new, _MIDS, k.GREATEST, int(arena[k.GREATEST_TAIL]), int(arena[k.GREATEST_HEAD]))
    return new


def _is_full(arena: Arena, ring: _Ring) -> bool:
    return int(arena[ring.head]) - _oldest(arena, ring) == int(arena[ring.capacity])


def _oldest(arena: Arena, ring: _Ring) -> int:
    """First entry that is still needed; of the mids 300 s old, that is the last one."""
    tail = int(arena[ring.tail])
    return max(tail - 1, 0) if ring is _MIDS else tail


def _copy(old: Arena, new: Arena, ring: _Ring, words: slice | int, first: int, end: int) -> None:
    """Copy words of the ring's entries ``first`` to ``end``, which lie elsewhere in a ring of another size."""
    source, target = _entries(old, ring), _entries(new, ring)
    numbers = np.arange(first, end)
    target[numbers % len(target), words] = source[numbers % len(source), words]


def _entries(arena: Arena, ring: _Ring) -> Arena:
    """A ring as a table, one entry a row (no copy)."""
    place, capacity = int(arena[ring.place]), int(arena[ring.capacity])
    return arena[place : place + capacity * ring.width].reshape(capacity, ring.width)


def regrid(arena: Arena, instrument: Instrument, factor: int) -> None:
    """Keep the state on a grid ``factor`` times finer.

    Parameters
    ----------
    arena
        State of the instrument on its old grid; changed in place.
    instrument
        The instrument on its new grid.
    factor
        New ticks in an old one.
    """
    floats = float_bits(arena)
    arena[k.GRID], arena[k.TICKS_PER_STEP] = instrument.grid, instrument.ticks_per_step
    floats[k.PRICE_UNITS] = float(10**instrument.price_decimals)
    arena[[k.LAST_MID, k.FIRST_MID, k.BAR_HIGH, k.BAR_LOW, k.FIRST_CLOSE]] *= factor
    arena[k.CLOSES : k.SQUARES] *= factor
    floats[[k.NOTIONAL, k.ZSCORE_MEAN, k.RISES, k.FALLS, k.TRUE_RANGE, k.EW5, k.EW9, k.EW12, k.EW20, k.EW26]] *= factor
    floats[k.ZSCORE_VAR] *= float(factor) ** 2
    for top in (k.TOP_A, k.TOP_B):
        arena[top : top + arena[top + k.BIDS_FOUND]] *= factor
        arena[top + k.ASKS : top + k.ASKS + arena[top + k.ASKS_FOUND]] *= factor
    arena[[k.FITTED_BIDS, k.FITTED_ASKS]] = -1
    _entries(arena, _MIDS)[:, k.MID] *= factor
    if arena[k.HAS_LEVELS]:
        arena[k.MIDS_TOTAL] *= factor
        arena[k.PAST + k.PAST_MIDS : k.PAST + k.PAST_ROWS * k.PAST_WORDS : k.PAST_WORDS] *= factor
    trades = _entries(arena, _TRADES)
    trades[:, k.BEFORE] *= factor
    for totals in (trades[:, k.COUNT :], arena[k.TRADED : k.TRADED + k.TRADE_TOTALS][None, :]):
        high, low = k.VALUE_HIGH - k.COUNT, k.VALUE_LOW - k.COUNT
        totals[:, [k.SIDED_TICKS - k.COUNT, high, low]] *= factor
        totals[:, high] += totals[:, low] >> 32
        totals[:, low] &= 2**32 - 1
