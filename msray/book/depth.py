"""``L2Book``: every price level of one instrument, exact at full depth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.book import kernels as k
from msray.errors import UsageError
from msray.market import ASK, LEVEL, MAX_TICK, Instrument, Levels, Records

Arena = NDArray[np.int64]

_FIRST_PAGES = 256
_FIRST_BLOCKS = 64
_FIRST_TICKS = 1 << 18
_NOWHERE = np.zeros((0, 4), np.int64)


@dataclass(frozen=True, slots=True)
class Best:
    """Best price and size of both sides, in ticks and units; None where a side is empty."""

    bid_tick: int | None
    bid_size: int
    ask_tick: int | None
    ask_size: int

    @property
    def is_crossed(self) -> bool:
        """True where the best bid is at or above the best ask (locked counts as crossed)."""
        return self.bid_tick is not None and self.ask_tick is not None and self.bid_tick >= self.ask_tick


class L2Book:
    """An exact limit order book by price level.

    Parameters
    ----------
    instrument
        Whose book it is; its grid is the storage step.

    Notes
    -----
    The whole state is one ``int64`` array, ``arena`` (layout: ``book/kernels.py``); kernels take it as it is, a copy of
    it is a checkpoint. It is replaced when it grows, so ask for it anew after any call that writes.

    Examples
    --------
    >>> from msray.market import Instrument
    >>> book = L2Book(Instrument(venue="test", symbol="X", price_decimals=1, size_decimals=0, tick=5, grid=5))
    >>> book.apply(np.array([(7, 20, 0), (3, 21, ASK), (9, 22, ASK)], LEVEL))
    >>> book.best()
    Best(bid_tick=20, bid_size=7, ask_tick=21, ask_size=3)
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.arena = _empty(_FIRST_TICKS, _FIRST_BLOCKS, _FIRST_PAGES)

    def clear(self) -> None:
        """Forget every level; storage is kept."""
        arena = self.arena
        ticks = int(arena[k.BLOCKS_PER_SIDE]) << 12
        self.arena = _empty(ticks, int(arena[k.BLOCK_CAPACITY]), int(arena[k.PAGE_CAPACITY]))

    def load(self, levels: Levels, asked: int) -> None:
        """Replace everything by a snapshot.

        Parameters
        ----------
        levels
            ``LEVEL`` rows of both sides.
        asked
            Levels a side that the snapshot was limited to, 0 for the whole book. A side that came back full is known
            only as far as its last level: the *covered range*.
        """
        self.clear()
        self.apply(levels)
        for side in (0, ASK):
            ticks = levels["tick"][(levels["flags"] & 1) == side]
            if asked and len(ticks) >= asked:
                self.arena[k.ASK_EDGE if side else k.BID_EDGE] = ticks.max() if side else ticks.min()

    def apply(self, levels: Levels, begin: int = 0, end: int | None = None) -> None:
        """Set absolute sizes; 0 removes a level, removing an unknown one is normal. An ``EDGE`` ends the covered range.

        Parameters
        ----------
        levels
            ``LEVEL`` rows.
        begin, end
            Which of them; all by default.
        """
        end = len(levels) if end is None else end
        while not k.apply(self.arena, levels, begin, end):
            self.make_room(levels, begin, end)

    def replay(self, records: Records, bests: NDArray[np.int64] | None = None) -> None:
        """Apply every depth message of a batch.

        Parameters
        ----------
        records
            Messages of this instrument; other kinds are passed over.
        bests
            ``(len(records), 4)``: takes best bid tick, size, best ask tick, size after each depth message.
        """
        at, bests = 0, _NOWHERE if bests is None else bests
        while (at := k.replay(self.arena, records.messages, records.levels, at, bests)) < len(records):
            message = records.messages[at]
            self.make_room(records.levels, int(message["begin"]), int(message["end"]))

    def make_room(self, levels: Levels, begin: int, end: int) -> None:
        """Grow storage so that at least one more of these levels fits; contents stay.

        Raises
        ------
        UsageError
            If a tick is negative or above the largest tick: no storage can hold it.
        """
        ticks = levels["tick"][begin:end]
        lowest, highest = int(ticks.min()), int(ticks.max())
        if lowest < 0 or highest > MAX_TICK:
            raise UsageError(f"tick must be 0 to {MAX_TICK}, got {lowest if lowest < 0 else highest}")
        old = self.arena
        directory = int(old[k.BLOCKS_PER_SIDE]) << 12
        blocks, pages = int(old[k.BLOCK_CAPACITY]), int(old[k.PAGE_CAPACITY])
        if highest >= directory:
            directory = max(2 * directory, highest + 1)
        else:
            blocks += blocks if old[k.BLOCKS_USED] == blocks and old[k.BLOCK_FREE] == 0 else 0
            pages += pages if old[k.PAGES_USED] == pages and old[k.PAGE_FREE] == 0 else 0
        self.arena = _moved(old, directory, blocks, pages)

    def regrid(self, instrument: Instrument, factor: int) -> None:
        """Keep every level on a grid ``factor`` times finer; ``instrument`` is the one with that grid.

        Levels that the largest tick cannot hold any more are dropped, and the covered range ends before them.
        """
        levels = self.levels()
        header = self.arena[: k.HEADER].copy()
        fits = levels["tick"] <= MAX_TICK // factor
        levels = levels[fits]
        levels["tick"] *= factor
        self.instrument = instrument
        self.clear()
        self.apply(levels)
        arena = self.arena
        arena[k.UNKNOWN_DELETES], arena[k.CHANGES] = header[k.UNKNOWN_DELETES], header[k.CHANGES]
        if header[k.BID_EDGE] != k.NO_BID:
            arena[k.BID_EDGE] = header[k.BID_EDGE] * factor
        if header[k.ASK_EDGE] != k.NO_ASK or not fits.all():
            arena[k.ASK_EDGE] = min(int(header[k.ASK_EDGE]), MAX_TICK // factor) * factor

    def best(self) -> Best:
        """Best price and size of both sides."""
        bid, ask = int(self.arena[k.BEST_BID]), int(self.arena[k.BEST_ASK])
        return Best(
            bid if bid != k.NO_BID else None,
            int(k.size_at(self.arena, 0, bid)),
            ask if ask != k.NO_ASK else None,
            int(k.size_at(self.arena, 1, ask)),
        )

    def size(self, side: int, tick: int) -> int:
        """Size resting at a tick, 0 if none; ``side`` is 0 for bids, 1 for asks."""
        return int(k.size_at(self.arena, side, tick))

    def covers(self, side: int, tick: int) -> bool:
        """Whether a tick lies in the covered range: what a snapshot showed, kept true since."""
        return bool(tick <= self.arena[k.ASK_EDGE] if side else tick >= self.arena[k.BID_EDGE])

    @property
    def is_near_edge(self) -> bool:
        """Whether the touch is in the outer eighth of the covered range, or beyond: time for a fresh snapshot."""
        arena = self.arena
        low, high = int(arena[k.BID_EDGE]), int(arena[k.ASK_EDGE])
        if low == k.NO_BID or high == k.NO_ASK:
            return False
        bid, ask = int(arena[k.BEST_BID]), int(arena[k.BEST_ASK])
        return 8 * min(bid - low, high - ask) < high - low

    def levels(self, side: int | None = None, limit: int | None = None) -> Levels:
        """Levels best first, bids then asks.

        Parameters
        ----------
        side
            0 for bids, 1 for asks, None for both.
        limit
            At most so many a side.

        Returns
        -------
        Levels
            Array of ``LEVEL`` that owns its memory.
        """
        if side is None:
            return np.concatenate([self.levels(0, limit), self.levels(1, limit)])
        found = np.zeros(max(1, limit or 1024), LEVEL)
        while (count := k.collect(self.arena, side, found)) == len(found) and limit is None:
            found = np.zeros(4 * len(found), LEVEL)
        return found[:count]

    @property
    def unknown_deletes(self) -> int:
        """Removals of levels the book did not have: normal below the covered range."""
        return int(self.arena[k.UNKNOWN_DELETES])

    @property
    def changes(self) -> int:
        """Levels applied since the last :meth:`clear`."""
        return int(self.arena[k.CHANGES])


def _empty(ticks: int, blocks: int, pages: int) -> Arena:
    """A book without levels; room for ticks below ``ticks``."""
    per_side = (ticks + 4095) >> 12
    words = (per_side + 63) >> 6
    directory_at = k.HEADER + 2 * words
    blocks_at = directory_at + 4 * per_side
    pages_at = blocks_at + blocks * k.BLOCK_WORDS
    arena = np.zeros(pages_at + pages * k.PAGE_WORDS, np.int64)
    arena[k.BEST_BID], arena[k.BEST_ASK] = k.NO_BID, k.NO_ASK
    arena[k.BID_EDGE], arena[k.ASK_EDGE] = k.NO_BID, k.NO_ASK
    arena[k.BLOCKS_PER_SIDE], arena[k.BITMAP_WORDS] = per_side, words
    arena[k.BITMAP_AT], arena[k.DIRECTORY_AT] = k.HEADER, directory_at
    arena[k.BLOCKS_AT], arena[k.PAGES_AT] = blocks_at, pages_at
    arena[k.BLOCK_CAPACITY], arena[k.BLOCKS_USED] = blocks, 1
    arena[k.PAGE_CAPACITY], arena[k.PAGES_USED] = pages, 1
    return arena


def _moved(old: Arena, ticks: int, blocks: int, pages: int) -> Arena:
    """The same book in a larger arena."""
    new = _empty(ticks, blocks, pages)
    for word in (
        k.BEST_BID,
        k.BEST_ASK,
        k.BID_EDGE,
        k.ASK_EDGE,
        k.BLOCKS_USED,
        k.BLOCK_FREE,
        k.PAGES_USED,
        k.PAGE_FREE,
        k.UNKNOWN_DELETES,
        k.CHANGES,
        k.APPLIED,
    ):
        new[word] = old[word]
    for side in (0, 1):
        for start, count in ((k.BITMAP_AT, old[k.BITMAP_WORDS]), (k.DIRECTORY_AT, 2 * old[k.BLOCKS_PER_SIDE])):
            size = new[k.BITMAP_WORDS] if start == k.BITMAP_AT else 2 * new[k.BLOCKS_PER_SIDE]
            to, source = new[start] + side * size, old[start] + side * count
            new[to : to + count] = old[source : source + count]
    used = old[k.BLOCKS_USED] * k.BLOCK_WORDS
    new[new[k.BLOCKS_AT] : new[k.BLOCKS_AT] + used] = old[old[k.BLOCKS_AT] : old[k.BLOCKS_AT] + used]
    used = old[k.PAGES_USED] * k.PAGE_WORDS
    new[new[k.PAGES_AT] : new[k.PAGES_AT] + used] = old[old[k.PAGES_AT] : old[k.PAGES_AT] + used]
    return new
