"""What a decoder keeps of a book of which the best ranks of each side are shown, row by row."""

import numpy as np

from msray.errors import UsageError
from msray.venues import kernels_ranks as k

BOOK_COLUMNS = 4
"""Columns for each rank: ask price, ask size, bid price, bid size."""


class RankedBook:
    """The memory of a decoder, from call to call.

    Parameters
    ----------
    ranks
        Levels of each side that a row has.
    words
        Words of the state: ``kernels_ranks.WORDS`` and those of the venue.

    Attributes
    ----------
    state, last, stacks
        See ``kernels_ranks.py``.
    """

    def __init__(self, ranks: int, words: int) -> None:
        if not 1 <= ranks <= 1000:
            raise UsageError(f"ranks must be 1 to 1000, got {ranks}")
        self.ranks = ranks
        self.state = np.zeros(words, np.int64)
        self.last = np.zeros(BOOK_COLUMNS * ranks, np.int64)
        self.stacks = np.zeros((2, 0), np.int64)

    @property
    def rows(self) -> int:
        """Rows seen so far."""
        return int(self.state[k.ROW])

    def room(self, rows: int) -> int:
        """Make room for so many rows on the stacks; answers how many levels their books can change."""
        kept = int(self.state[k.HEIGHTS : k.WORDS].max())
        if kept + rows * self.ranks > self.stacks.shape[1]:
            stacks = np.zeros((2, 2 * (kept + rows * self.ranks)), np.int64)
            stacks[:, :kept] = self.stacks[:, :kept]
            self.stacks = stacks
        return (5 * self.ranks + 1) * rows + 2 * kept
