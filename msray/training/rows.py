"""``TrainingRows``: feature rows in the order of time, and the stretches within which they follow each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.errors import UsageError
from msray.features import column
from msray.market import MAX_TICK
from msray.prediction import Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRows:
    """What networks learn from: a row is one depth message.

    Attributes
    ----------
    names
        Of the features.
    values
        ``(n, c)`` float32; NaN where a feature is not known.
    mid
        ``(n,)`` int64: best bid and best ask, added, in one unit throughout a stretch.
    event_ns
        ``(n,)`` int64: exchange time of each row.
    starts
        ``(s,)`` int64: first rows of stretches, rising from 0. Between two stretches something was missed, or a day
        ended: nothing looks from one into another.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    mid: NDArray[np.int64]
    event_ns: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __post_init__(self) -> None:
        rows = len(self.values)
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise UsageError(f"values must have a column for each of {len(self.names)} names, got {self.values.shape}")
        if len(self.mid) != rows or len(self.event_ns) != rows:
            raise UsageError(f"mid and event_ns must have {rows} rows, got {len(self.mid)} and {len(self.event_ns)}")
        bounds = np.append(self.starts, rows)
        if bounds[0] != 0 or (np.diff(bounds) <= 0).any():
            raise UsageError(f"starts must rise from 0 to below {rows}, got {self.starts[:8].tolist()}")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def ends(self) -> NDArray[np.int64]:
        """``(s,)`` the row behind each stretch."""
        return np.append(self.starts[1:], len(self))

    @property
    def since(self) -> NDArray[np.int64]:
        """``(n,)`` rows of its own stretch before each row."""
        return np.arange(len(self)) - np.repeat(self.starts, np.diff([*self.starts, len(self)]))


def joined(parts: Sequence[TrainingRows]) -> TrainingRows:
    """Rows of one after the other: days, or instruments. None looks into another."""
    if not parts:
        raise UsageError("parts must hold at least one table of rows, got none")
    names = parts[0].names
    for part in parts:
        if part.names != names:
            raise UsageError(f"parts must have the same features, got {names[:6]} and {part.names[:6]}")
    before = np.cumsum([0, *(len(part) for part in parts)]).tolist()
    return TrainingRows(
        names=names,
        values=np.concatenate([part.values for part in parts]),
        mid=np.concatenate([part.mid for part in parts]),
        event_ns=np.concatenate([part.event_ns for part in parts]),
        starts=np.concatenate([part.starts + at for part, at in zip(parts, before, strict=False)]),
    )


def piece_of(rows: TrainingRows, begin: int, end: int) -> TrainingRows:
    """The rows from ``begin`` on, before ``end``; with the first of them a stretch begins."""
    inside = rows.starts[(rows.starts > begin) & (rows.starts < end)] - begin
    return TrainingRows(
        names=rows.names,
        values=rows.values[begin:end],
        mid=rows.mid[begin:end],
        event_ns=rows.event_ns[begin:end],
        starts=np.append(np.zeros(min(1, end - begin), np.int64), inside),
    )


class RowRecorder:
    """Keeps the rows of a replay: hand it to a pipeline as the sink of an instrument.

    A new stretch begins where features begin anew (:attr:`msray.prediction.Rows.stretch`) and with each change of the
    book's grid. Rows without two best prices are
    left out.

    Parameters
    ----------
    names
        Of the features to keep.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._columns = [column(name) for name in names]
        self._values: list[NDArray[np.float32]] = []
        self._mid: list[NDArray[np.int64]] = []
        self._event_ns: list[NDArray[np.int64]] = []
        self._starts: list[int] = []
        self._count = 0
        self._stretch = (-1, -1)

    def __call__(self, rows: Rows) -> None:
        """Keep the rows of a piece."""
        quoted = (rows.bests[:, 0] >= 0) & (rows.bests[:, 2] <= MAX_TICK)
        if not quoted.any():
            return
        stretch = rows.stretch, rows.instrument.grid
        if stretch != self._stretch:
            self._starts.append(self._count)
            self._stretch = stretch
        self._values.append(rows.values[quoted][:, self._columns].astype(np.float32))
        self._mid.append(rows.bests[quoted, 0] + rows.bests[quoted, 2])
        self._event_ns.append(rows.messages["event_ns"][quoted])
        self._count += int(quoted.sum())

    def take(self) -> TrainingRows:
        """All that was kept."""
        return TrainingRows(
            names=self._names,
            values=np.concatenate([np.zeros((0, len(self._names)), np.float32), *self._values]),
            mid=np.concatenate([np.zeros(0, np.int64), *self._mid]),
            event_ns=np.concatenate([np.zeros(0, np.int64), *self._event_ns]),
            starts=np.array(self._starts, np.int64),
        )
