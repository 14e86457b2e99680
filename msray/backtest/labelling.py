"""Labels of what was recorded: at its signals, or at times of a grid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND, BacktestConfig
from msray.backtest.scoring import Market, read_market
from msray.backtest.tape import Tape
from msray.errors import UnknownNameError, UsageError
from msray.labels import (
    Barriers,
    HorizonLabels,
    TripleBarrierLabels,
    later_mean_over_last_mean,
    later_mid_over_mid,
    next_mean_over_last_mean,
    next_mean_over_mid,
    triple_barrier,
    uniqueness,
)

FAMILIES: Mapping[str, Callable[..., HorizonLabels]] = {
    one.__name__: one
    for one in (later_mid_over_mid, next_mean_over_mid, next_mean_over_last_mean, later_mean_over_last_mean)
}
"""Labels over a fixed number of quotes, by name."""
LEAST_EVERY_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """A fixed horizon to label over.

    Attributes
    ----------
    family
        One of ``FAMILIES``.
    rows
        How many quotes.
    threshold_pct
        A change above it is up; a fraction.
    smoothing
        Quotes in each mean of ``later_mean_over_last_mean``; the others have none.

    Raises
    ------
    UsageError
        If there is no such family, it and ``smoothing`` do not go together, or a number is out of range.
    """

    family: str
    rows: int
    threshold_pct: float = 0.0
    smoothing: int | None = None

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UnknownNameError("horizon", self.family, FAMILIES)
        if (self.family == later_mean_over_last_mean.__name__) != (self.smoothing is not None):
            raise UsageError(f"smoothing belongs to later_mean_over_last_mean, got {self.smoothing} for {self.family}")
        self.label(np.ones(1))  # so that a wrong number is refused before anything is read

    def label(self, mid: NDArray[np.float64]) -> HorizonLabels:
        """Labels of the quotes of one period."""
        family = FAMILIES[self.family]
        if self.smoothing is not None:
            family = partial(family, smoothing=self.smoothing)
        return family(mid, self.rows, threshold_pct=self.threshold_pct)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelWords:
    """What is to be labelled, and how.

    Attributes
    ----------
    barriers
        Where a position ends.
    every_s
        Events are at whole multiples of so many seconds since 1970; None: at the signals.
    side
        1 long, -1 short; 0: the side that a signal speaks for, long where it has none.
    horizons
        What else is looked at.

    Raises
    ------
    UsageError
        If ``every_s`` is not 0.001 to 1e6, or a family is named twice.
    """

    barriers: Barriers
    every_s: float | None = None
    side: int = 0
    horizons: tuple[Horizon, ...] = ()

    def __post_init__(self) -> None:
        if self.every_s is not None and not LEAST_EVERY_S <= self.every_s <= 1e6:
            raise UsageError(f"every_s must be {LEAST_EVERY_S:g} to 1e6 seconds, got {self.every_s}")
        named = [one.family for one in self.horizons]
        if len(set(named)) < len(named):
            raise UsageError(f"horizon must name each family once, got {', '.join(named)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HorizonColumn:
    """What a fixed horizon says of each event that has a label.

    Attributes
    ----------
    is_known
        Whether it says anything: its windows lie in one period.
    label, change
        As in :class:`~msray.labels.HorizonLabels`.
    end_ns
        When the last quote that it looks at was known.
    """

    is_known: NDArray[np.bool_]
    label: NDArray[np.int8]
    change: NDArray[np.float64]
    end_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledTape:
    """One instrument's labels.

    Attributes
    ----------
    tape
        What was labelled. Where events are its signals, ``labels.event`` are their numbers.
    events
        How many there were.
    labels
        Of the events that have one.
    uniqueness
        Of each, among those of this instrument.
    horizons
        By family.
    """

    tape: Tape
    events: int
    labels: TripleBarrierLabels
    uniqueness: NDArray[np.float64]
    horizons: Mapping[str, HorizonColumn]

    @property
    def effective(self) -> float:
        """As many labels as would say as much if none overlapped another: the sum of their uniqueness."""
        return float(self.uniqueness.sum())


def label_tape(tape: Tape, config: BacktestConfig, words: LabelWords) -> LabelledTape:
    """Label what was recorded of one instrument.

    Parameters
    ----------
    tape
        The recording, with its signals.
    config
        Gives the clocks: an event and a price are at the time at which they were known.
    words
        What is to be labelled.

    Raises
    ------
    UsageError
        If a number of ``words`` is out of range.
    """
    market = read_market(tape, config)
    if words.every_s is None:
        at_ns, side = market.known_ns, np.where(market.side == 0, 1, market.side)
    else:
        at_ns = _grid(market.periods, round(words.every_s * SECOND))
        side = np.ones(len(at_ns), np.int64)
    labels = triple_barrier(market.prices, at_ns, words.side or side, barriers=words.barriers)
    return LabelledTape(
        tape=tape,
        events=len(at_ns),
        labels=labels,
        uniqueness=uniqueness(labels.spans),
        horizons={one.family: _horizon(market, labels.spans[:, 0], one) for one in words.horizons},
    )


def _grid(periods: NDArray[np.int64], every_ns: int) -> NDArray[np.int64]:
    """Whole multiples of a time inside the periods: the same ones wherever a recording begins."""
    parts = [np.arange(-(-begin // every_ns) * every_ns, end, every_ns) for begin, end in periods.tolist()]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _horizon(market: Market, at_ns: NDArray[np.int64], horizon: Horizon) -> HorizonColumn:
    """Label each period for itself, and look up the quotes in force at the events."""
    prices, mid = market.prices, market.prices.mid
    rows = len(mid)
    is_known, label = np.zeros(rows, np.bool_), np.zeros(rows, np.int8)
    change, end_row = np.zeros(rows), np.zeros(rows, np.int64)
    edges = np.concatenate([[-1], np.flatnonzero(np.isnan(mid)), [rows]])
    for begin, end in zip((edges[:-1] + 1).tolist(), edges[1:].tolist(), strict=True):
        found = horizon.label(mid[begin:end])
        row = begin + found.row
        is_known[row], label[row], change[row], end_row[row] = True, found.label, found.change, begin + found.end_row
    at = prices.row_at(at_ns)
    return HorizonColumn(is_known=is_known[at], label=label[at], change=change[at], end_ns=prices.at_ns[end_row[at]])
