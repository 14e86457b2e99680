"""Grids of backtests: symbols x folds x configurations, cells that know nothing of each other.

What a cell gives does not depend on who runs it, beside which others, or in which order. So a grid is run in groups of
cells, in this process (:func:`run_serially`) or on a cluster, and gives the same.
"""

import hashlib
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from msray.backtest.config import SECOND, BacktestConfig
from msray.backtest.folds import Fold
from msray.backtest.result import binned_returns
from msray.backtest.stage import Place, Stage
from msray.backtest.strategy import MakeStrategy
from msray.backtest.tape import Tape
from msray.errors import UsageError

LEAST_S = 0.2
"""Work that a group holds at least: handing one over costs some milliseconds."""
GROUP_S = 0.5
BINS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One backtest of a grid.

    Attributes
    ----------
    key
        32 hexadecimal digits, a digest of all that follows.
    config
        What is assumed.
    instruments
        Ids of what is traded, from one account, in their order.
    fold
        Only signals raised within it are traded, to the end of what they lead to; None: all.
    bins
        Equal pieces of the fold's time (or the recording's), a return each.
    """

    key: str
    config: BacktestConfig
    instruments: tuple[str, ...]
    fold: Fold | None
    bins: int

    @property
    def place(self) -> Place:
        """What of the tapes it is about."""
        return self.instruments, self.fold


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What one backtest came to.

    Attributes
    ----------
    key
        Of its cell.
    net_return
        What was earned after all costs, as a fraction of the initial capital.
    final_equity, fees
        Quote units.
    orders, fills, trades
        Their numbers.
    held_s
        Seconds from entry to exit, summed over trades.
    returns
        Change of the equity in each of the cell's bins, as a fraction of the initial capital.
    messages
        Messages of the recordings that were played for it.
    problem
        Why there is no result (all else is 0 then); empty if there is one.
    """

    key: str
    net_return: float = 0.0
    final_equity: float = 0.0
    fees: float = 0.0
    orders: int = 0
    fills: int = 0
    trades: int = 0
    held_s: float = 0.0
    returns: tuple[float, ...] = ()
    messages: int = 0
    problem: str = ""


Keep = Callable[[Sequence[CellResult]], None]
"""Is told the results of each group as soon as it is done."""
RunGroups = Callable[[Stage, Sequence[Sequence[Cell]], MakeStrategy, Keep], None]
"""Runs groups, in any order; one after the other here, side by side on a cluster."""


def make_cells(
    configs: Sequence[BacktestConfig],
    instruments: Sequence[Sequence[str]],
    folds: Sequence[Fold | None] = (None,),
    *,
    bins: int = BINS,
) -> list[Cell]:
    """Every configuration on every set of instruments in every fold; those of one place stand together.

    Parameters
    ----------
    configs
        All different.
    instruments
        Sets of ids; those of one set are traded from one account.
    folds
        See ``folds.py``; None stands for all signals.
    bins
        See :class:`Cell`.

    Raises
    ------
    UsageError
        If two cells are the same, or ``bins`` is below 1.

    Examples
    --------
    >>> cells = make_cells([BacktestConfig()], [["a:X"], ["a:Y"]], [(0, 50), (50, 100)])
    >>> len(cells), cells[-1].instruments, cells[-1].fold
    (4, ('a:Y',), (50, 100))
    """
    if bins < 1:
        raise UsageError(f"bins must be 1 or more, got {bins}")
    words = [config.model_dump_json() for config in configs]
    cells = [
        Cell(
            key=hashlib.sha256(repr((said, names, fold, bins)).encode()).hexdigest()[:32],
            config=config,
            instruments=names,
            fold=fold,
            bins=bins,
        )
        for names in (tuple(sorted(some)) for some in instruments)
        for fold in folds
        for config, said in zip(configs, words, strict=True)
    ]
    if len({cell.key for cell in cells}) < len(cells):
        raise UsageError(f"cells must be different, got {len({cell.key for cell in cells})} of {len(cells)}")
    return cells


def make_stage(tapes: Sequence[Tape], cells: Sequence[Cell]) -> Stage:
    """Make tapes ready for the cells of a grid; the errors are those of :class:`Stage`."""
    return Stage(tapes, (cell.place for cell in cells), (cell.config for cell in cells))


def make_groups(cells: Sequence[Cell], seconds_per_cell: float, least_s: float = GROUP_S) -> list[Sequence[Cell]]:
    """Cut a grid into groups of neighbours, none with less work than said, unless there is not so much in all.

    Parameters
    ----------
    cells
        What is to be run.
    seconds_per_cell
        As a few of them took.
    least_s
        Seconds, at least :data:`LEAST_S`.

    Examples
    --------
    >>> [len(group) for group in make_groups(range(10), 0.1, 0.4)]
    [5, 5]
    """
    if not least_s >= LEAST_S:
        raise UsageError(f"least_s must be {LEAST_S} or more, got {least_s}")
    least = math.ceil(least_s / seconds_per_cell) if seconds_per_cell > 0 else len(cells)
    count = max(len(cells) // max(least, 1), min(len(cells), 1))
    bounds = [len(cells) * number // count for number in range(count + 1)] if count else []
    return [cells[begin:end] for begin, end in pairwise(bounds)]


def run_cell(stage: Stage, cell: Cell, strategy: MakeStrategy) -> CellResult:
    """One backtest; whatever goes wrong in it is told of in its result, for it concerns no other cell."""
    try:
        result, messages = stage.play(cell.place, cell.config, strategy(cell.config))
    except Exception as error:  # a strategy is the user's, and may raise anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        return CellResult(key=cell.key, problem=f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")
    return CellResult(
        key=cell.key,
        net_return=result.net_return,
        final_equity=result.final_equity,
        fees=result.fees,
        orders=result.orders,
        fills=len(result.fills),
        trades=len(result.trades),
        held_s=sum(trade.exit_ns - trade.entry_ns for trade in result.trades) / SECOND,
        returns=tuple(binned_returns(result, *(cell.fold or stage.span_ns), cell.bins).tolist()),
        messages=messages,
    )


def run_serially(
    stage: Stage, parts: Sequence[Sequence[Cell]], strategy: MakeStrategy, keep: Keep = lambda _: None
) -> None:
    """Run groups one after the other; see :data:`RunGroups`."""
    for cells in parts:
        keep([run_cell(stage, cell, strategy) for cell in cells])


def grid_digest(stage: Stage, cells: Sequence[Cell], strategy: MakeStrategy) -> str:
    """32 hexadecimal digits of all that a grid's results come from: tapes, cells, and the strategy by its name.

    The code of the strategy is not read: whoever changes that has another grid under the same digest.
    """
    digest = hashlib.blake2b(digest_size=16)
    for tape in stage.tapes.values():
        digest.update(repr((tape.instrument, tape.columns, tape.signals)).encode())
        records = tape.records
        for array in (records.messages, records.levels, tape.row_message, tape.bests, tape.values, tape.signal_message):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    digest.update(repr((_name(strategy), [cell.key for cell in cells])).encode())
    return digest.hexdigest()


def _name(strategy: Any) -> str:
    """Of a class or a function, with the arguments that :func:`functools.partial` gave it."""
    if isinstance(strategy, partial):
        return f"{_name(strategy.func)}{strategy.args}{strategy.keywords}"
    return f"{strategy.__module__}.{getattr(strategy, '__qualname__', type(strategy).__qualname__)}"
