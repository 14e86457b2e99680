"""Which rows are learned from, which choose, which judge: in this order of time, and nothing reaches over a border."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.training.config import PartsConfig
from msray.training.labels import Changes
from msray.training.rows import TrainingRows, joined, piece_of

Part = tuple[int, int]
"""Rows from the first on, before the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Three parts of the rows, one after the other.

    Attributes
    ----------
    train, valid, test
        What is learned from, what stops and tunes, what judges; ``test`` may be empty.
    """

    train: Part
    valid: Part
    test: Part


def by_share(rows: int, shares: tuple[float, float, float] = (0.6, 0.2, 0.2)) -> Parts:
    """Parts of so many rows by their shares.

    Examples
    --------
    >>> by_share(10)
    Parts(train=(0, 6), valid=(6, 8), test=(8, 10))
    """
    if min(shares[:2]) <= 0 or shares[2] < 0 or abs(sum(shares) - 1.0) > 1e-9:
        raise UsageError(f"shares must be positive (the last may be 0) and sum to 1, got {shares}")
    first, second = round(rows * shares[0]), round(rows * (shares[0] + shares[1]))
    return Parts(train=(0, first), valid=(first, second), test=(second, rows))


def walked(tables: Sequence[TrainingRows], config: PartsConfig) -> list[tuple[list[TrainingRows], PartsConfig]]:
    """Walk forward: the rows of each judgement and how they are parted, the last judgement first.

    Each one before ends where the one behind it begins to judge, and chooses and judges on as many rows as that does.
    """
    some, parted = list(tables), config
    found = [(some, parted)]
    choose, test = (share * sum(len(one) for one in tables) for share in config.shares[1:])
    for _ in range(1, config.judgements):
        _, end_ns = _cuts(_times(some), parted)
        some = [piece_of(one, 0, int(np.searchsorted(np.maximum.accumulate(one.event_ns), end_ns))) for one in some]
        rows = sum(len(one) for one in some)
        if rows <= choose + test:
            raise UsageError(f"judgements must leave rows to learn from, got {rows} rows for the earliest")
        shares = (1.0 - (choose + test) / rows, choose / rows, test / rows)
        parted = config.model_copy(update={"shares": shares, "judgements": 1})
        found.append((some, parted))
    return found


def in_parts(tables: Sequence[TrainingRows], config: PartsConfig, *, share: float = 1.0) -> tuple[TrainingRows, Parts]:
    """Rows of instruments as one table, cut at the same two times.

    Parameters
    ----------
    tables
        One an instrument.
    config
        How they are parted. Shares are those of all rows in the order of time.
    share
        Of what could be learned from: the last rows of each instrument are.

    Returns
    -------
    tuple
        The rows of one instrument as they were; of several, first what is left of each, then what is learned from of
        each, then what chooses, then what judges, and at the borders new stretches.

    Raises
    ------
    UsageError
        If there are no tables, or of other features.
    """
    times = _times(tables)
    cuts = []
    for one in tables:
        first, second = np.searchsorted(np.maximum.accumulate(one.event_ns), _cuts(times, config)).tolist()
        cuts.append([0, first - min(first, max(1, round(share * first))), first, second, len(one)])
    if len(tables) == 1:
        (at,) = cuts
        whole = tables[0]
    else:
        pieces = [piece_of(one, *own[n : n + 2]) for n in range(4) for one, own in zip(tables, cuts, strict=True)]
        whole = joined(pieces)
        at = [0, *np.cumsum(np.diff(cuts, axis=1).sum(axis=0)).tolist()]
    return whole, Parts(train=(at[1], at[2]), valid=(at[2], at[3]), test=(at[3], at[4]))


def _times(tables: Sequence[TrainingRows]) -> NDArray[np.int64]:
    """Of the rows of all instruments, in order."""
    return np.sort(np.concatenate([np.zeros(0, np.int64), *(one.event_ns for one in tables)]))


def _cuts(times: NDArray[np.int64], config: PartsConfig) -> list[int]:
    """The two times, nanoseconds."""
    if config.train_until is not None and config.valid_until is not None:
        return [round(at.timestamp() * 1e6) * 1_000 for at in (config.train_until, config.valid_until)]
    parts = by_share(len(times), config.shares)
    return [int(times[min(end, len(times) - 1)]) if len(times) else 0 for _, end in (parts.train, parts.valid)]


def purged(labels: NDArray[np.int64], found: Changes, part: Part, *, embargo: int = 0) -> NDArray[np.int64]:
    """Labels of a part, :data:`NO_LABEL` everywhere else.

    A label that looks at a row behind the part is dropped: what is learned from must not know what is judged. So are
    the first ``embargo`` rows.
    """
    begin, end = part
    kept = np.full_like(labels, NO_LABEL)
    inside = slice(min(begin + embargo, end), end)
    kept[inside] = np.where(found.end_row[inside] < end, labels[inside], NO_LABEL)
    return kept
