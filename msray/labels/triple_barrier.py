"""Triple-barrier labels: what a position taken at an event would have earned, and what ended it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import MOST_FRACTION, checked_array, checked_duration_ns, checked_fraction, checked_whole
from msray.errors import UsageError
from msray.extras import from_extra
from msray.labels import kernels as k
from msray.labels.barriers import LEAST_WIDTH, Barriers, TargetBarriers, barrier_widths
from msray.labels.prices import PricePath, Prices

if TYPE_CHECKING:
    import pandas as pd

_DEFAULT = Barriers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How many events have no label, and why; of several reasons the first one counts.

    Attributes
    ----------
    no_quote
        No price was known at the event: it lies before the first row, or in a gap.
    no_target
        Its target was NaN, or so small that a barrier would be nearer than ``LEAST_WIDTH``.
    incomplete
        The prices end, or have a gap, before its horizon is over.
    """

    no_quote: int
    no_target: int
    incomplete: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.no_quote + self.no_target + self.incomplete


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TripleBarrierLabels:
    """Labels of those events that have one, in the order of the events; an entry a label in each array.

    Attributes
    ----------
    event
        ``int64``: which event, as a row of those given.
    side
        ``int8``: 1 long, -1 short.
    barrier
        ``int8``, what ended it: 1 the profit target, -1 the stop, 0 the time.
    label
        ``int8``: 1 the side was right, -1 wrong, 0 neither. ``label * side`` is the direction of the price.
    spans
        ``int64``, two columns: the event and the end of its label in ns, both included.
    gross_return
        ``float64``: what the side earned, as a fraction of the entry price; after the spread, before fees.
    dropped
        How many events are not here.
    """

    event: NDArray[np.int64]
    side: NDArray[np.int8]
    barrier: NDArray[np.int8]
    label: NDArray[np.int8]
    spans: NDArray[np.int64]
    gross_return: NDArray[np.float64]
    dropped: Dropped

    def __len__(self) -> int:
        return len(self.event)

    def to_pandas(self) -> "pd.DataFrame":
        """One row a label: ``event, begin_ns, end_ns, side, barrier, label, gross_return``."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame(
            {
                "event": self.event,
                "begin_ns": self.spans[:, 0],
                "end_ns": self.spans[:, 1],
                "side": self.side,
                "barrier": self.barrier,
                "label": self.label,
                "gross_return": self.gross_return,
            }
        )


def triple_barrier(
    prices: Prices,
    at_ns: ArrayLike,
    side: ArrayLike = 1,
    *,
    barriers: Barriers | TargetBarriers = _DEFAULT,
    target: ArrayLike | None = None,
) -> TripleBarrierLabels:
    """Label events by the first barrier that a position taken there would have met.

    Parameters
    ----------
    prices
        What positions are opened and closed at: a long one buys at the ask and is judged at the bid, a short one the
        other way round.
    at_ns
        Times of the events, in any order. With bars each is the end of one.
    side
        1 long or -1 short, for all events or for each.
    barriers
        Distances and horizon.
    target
        What :class:`TargetBarriers` are multiples of: a fraction of the price for each event, known at its time (as
        :func:`~msray.labels.volatility.volatility_target` is). NaN where there is none: such an event is dropped.

    Returns
    -------
    TripleBarrierLabels
        A row for each event that has a label.

    Raises
    ------
    UsageError
        If an argument is out of range, or an event lies inside a bar.

    Notes
    -----
    Lopez de Prado (2018), "Advances in Financial Machine Learning", chapter 3, with the prices one would have got:

    - The entry is the price in force at the event (the last row at or before it). Later rows can touch, up to the one
      in force when ``max_holding_s`` is over.
    - The exit is the price that touched, which may lie beyond the barrier. In a bar it is the barrier; where the whole
      bar lies beyond it, the bar's worst price. A bar that touches both is taken for the stop.
    - Where nothing touches, the exit is the price in force when the time is over.
    - An event is dropped where prices are not known to the end of its horizon, even if a barrier was met before.
      Otherwise the last events would only stay if they are decided quickly, and would be no fair sample.

    Reflect all prices about an event's entry price, so that bids become asks, and turn its side: barrier, label, span
    and return stay the same.

    Examples
    --------
    >>> second = 1_000_000_000
    >>> prices = Prices.of_quotes([0, 100 * second, 400 * second], [99.9, 100.6, 99.0], [100.0, 100.7, 99.1])
    >>> labels = triple_barrier(prices, [0, 0, 200 * second], side=[1, -1, 1])
    >>> labels.label, labels.spans[:, 1] // second, labels.gross_return.round(4)
    (array([ 1, -1], dtype=int8), array([100, 100]), array([ 0.006, -0.008]))
    >>> labels.dropped
    Dropped(no_quote=0, no_target=0, incomplete=1)
    """
    positions, dropped = _opened(prices, at_ns, side, barriers, target)
    _close(prices, positions)
    barrier, gross_return = positions["barrier"].copy(), positions["gross_return"].copy()
    timeout = np.sign(gross_return) if barriers.timeout == "sign" else 0
    return TripleBarrierLabels(
        event=positions["event"].copy(),
        side=positions["side"].copy(),
        barrier=barrier,
        label=np.where(barrier != 0, barrier, timeout).astype(np.int8),
        spans=np.column_stack([positions["begin_ns"], positions["end_ns"]]),
        gross_return=gross_return,
        dropped=dropped,
    )


def meta_labels(labels: TripleBarrierLabels, cost_pct: float) -> NDArray[np.int8]:
    """1 where the side earned more than it cost, 0 where not: whether to act on what chose the side.

    Parameters
    ----------
    labels
        Labels of events with the side that was chosen at each.
    cost_pct
        What a position costs beside the spread, which ``gross_return`` is after: the fees of both ends, as a fraction
        of the price. From -0.5, where a rebate is paid, to below 0.5.

    Notes
    -----
    Lopez de Prado (2018), section 3.6.

    Examples
    --------
    >>> prices = Prices.of_quotes([0, 10, 20], [99.9, 100.6, 99.0], [100.0, 100.7, 99.1])
    >>> labels = triple_barrier(prices, [0, 0], side=[1, -1], barriers=Barriers(max_holding_s=2e-8))
    >>> meta_labels(labels, cost_pct=0.001)
    array([1, 0], dtype=int8)
    """
    checked_fraction("cost_pct", cost_pct, least=-MOST_FRACTION)
    return (labels.gross_return > cost_pct).astype(np.int8)


def _opened(
    prices: Prices, at_ns: ArrayLike, side: ArrayLike, barriers: Barriers | TargetBarriers, target: ArrayLike | None
) -> tuple[NDArray[Any], Dropped]:
    """A position (``POSITION``) for each event that can be entered, and followed until its horizon."""
    times = checked_whole("at_ns", at_ns)
    sides, widths = _sides(side, len(times)), barrier_widths(barriers, target, len(times))
    end_ns = times + checked_duration_ns("max_holding_s", barriers.max_holding_s)
    row = prices.row_at(times)
    if prices.are_bars:
        _check_ends_of_bars(prices, times, row)
    no_quote, is_wide = row < 0, widths.min(axis=1) >= LEAST_WIDTH
    no_target = ~no_quote & ~is_wide
    incomplete = ~no_quote & is_wide & (end_ns > prices.known_until_ns(row))
    dropped = Dropped(no_quote=int(no_quote.sum()), no_target=int(no_target.sum()), incomplete=int(incomplete.sum()))
    event = np.flatnonzero(~(no_quote | no_target | incomplete))
    positions = np.empty(len(event), k.POSITION)
    positions["event"], positions["side"] = event, sides[event]
    positions["begin_ns"], positions["end_ns"] = times[event], end_ns[event]
    positions["begin_row"], positions["end_row"] = row[event], prices.row_after(end_ns[event])
    positions["profit_pct"], positions["stop_pct"] = widths[event].T
    return positions, dropped


def _sides(side: ArrayLike, events: int) -> NDArray[Any]:
    sides = checked_array("side", side, dimensions=(0, 1))
    if sides.shape not in ((), (events,)) or not np.isin(sides, (1, -1)).all():
        raise UsageError(f"side must be 1 or -1, for all events or for each of {events}, got {side!r:.40}")
    return np.broadcast_to(sides, events)


def _check_ends_of_bars(prices: Prices, times: NDArray[np.int64], row: NDArray[np.int64]) -> None:
    known = np.flatnonzero(row >= 0)
    inside = known[prices.at_ns[row[known]] != times[known]]
    if inside.size:
        raise UsageError(
            f"at_ns must be ends of bars, event {inside[0]} at {times[inside[0]]} is inside one",
            hint="its low and high may be from before the event: take the end of its bar",
        )


def _close(prices: Prices, positions: NDArray[Any]) -> None:
    """Write down what ended each position, and what it earned."""
    for side, opening, path in ((1, prices.ask, prices.bid), (-1, prices.bid, prices.ask)):
        if np.any(positions["side"] == side):
            near, far = _blocks(path)
            k.close_positions(opening.close, path.low, path.high, path.close, near, far, positions, side)
    touch_ns = prices.at_ns[positions["end_row"]]
    positions["end_ns"] = np.where(positions["barrier"] != 0, touch_ns, positions["end_ns"])


def _blocks(path: PricePath) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    near = np.empty((-(-len(path.low) // k.NEAR_ROWS), 2))
    far = np.empty((-(-len(path.low) // k.FAR_ROWS), 2))
    k.block_extremes(path.low, path.high, k.NEAR_ROWS, near)
    k.block_extremes(near[:, 0], near[:, 1], k.FAR_ROWS // k.NEAR_ROWS, far)
    return near, far
