"""``Piece`` and ``Due``: what a forecaster has still to go through, and what it has still to say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.models.tempering import Scores
from msray.prediction.track_record import Hindsight

Stretch = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows of one stretch that follow each other, of a model's columns only."""

    stretch: Stretch
    values: NDArray[np.float32]
    mid: NDArray[np.int64]
    price: NDArray[np.float64]
    event_ns: NDArray[np.int64]
    event_id: NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Due:
    """A prediction in the making.

    Attributes
    ----------
    stretch, row
        Where: the row of that stretch, counted from its first.
    hindsight
        Of that stretch.
    event_ns, event_id, price
        Of that row.
    window
        ``(w, c)``: the latest rows; those before the stretch's first are 0. None: no member wants it.
    seen
        Rows of the stretch up to this one.
    scores
        By member, as far as they are known; None: given up.
    """

    stretch: Stretch
    row: int
    hindsight: Hindsight
    event_ns: int
    event_id: int
    price: float
    window: NDArray[np.float32] | None
    seen: int
    scores: dict[str, Scores] | None
