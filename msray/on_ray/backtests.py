"""Backtests side by side on a cluster: what each gives comes back when it is done.

The functions here are what ``run=`` takes in :func:`msray.store.grid_log.run_grid` and :func:`msray.backtest.backtest`;
this process must have joined a cluster (``session.py``).
"""

from collections.abc import Sequence
from contextlib import closing

import ray

from msray.backtest import (
    BacktestConfig,
    BacktestingEngine,
    BacktestResult,
    Cell,
    CellResult,
    Keep,
    MakeStrategy,
    Stage,
    Tape,
    run_cell,
)
from msray.errors import UnavailableError
from msray.on_ray.calls import answer_now
from msray.on_ray.session import STORE_BYTES
from msray.on_ray.side_by_side import RETRIES, as_they_end


def run_on_ray(stage: Stage, parts: Sequence[Sequence[Cell]], strategy: MakeStrategy, keep: Keep) -> None:
    """Run groups of cells as tasks; see :data:`~msray.backtest.RunGroups`.

    A group whose workers die is run in halves, until it is known which cell no worker survives; that one's result says
    so. Whatever ends this, an interrupt among it, cancels what still runs; what has been kept is kept.
    """
    parts = list(parts)
    with closing(as_they_end(_run_group, (stage, strategy), parts)) as ended:
        for number, task in ended:
            cells = parts[number]
            try:
                keep(answer_now(task, None))
            except UnavailableError as error:
                if len(cells) == 1:
                    keep([CellResult(key=cells[0].key, problem=f"no worker survives it: {error}")])
                else:
                    parts += [cells[: len(cells) // 2], cells[len(cells) // 2 :]]


def run_all_on_ray(
    tapes: Sequence[Tape], configs: Sequence[BacktestConfig], strategy: MakeStrategy
) -> list[BacktestResult]:
    """Run configurations side by side, a task each; see :data:`~msray.backtest.RunAll`.

    Raises
    ------
    MsrayError
        What one of them raised.
    UnavailableError
        If the workers of one died again and again.
    """
    with closing(as_they_end(_run_whole, (tuple(tapes), strategy), configs)) as ended:
        found = {number: answer_now(task, None) for number, task in ended}
    return [found[number] for number in range(len(configs))]


def store_bytes_for(tapes: Sequence[Tape]) -> int:
    """Size of the shared memory of a cluster that is to hold tapes, beside what it needs anyway."""
    arrays = ((t.records.messages, t.records.levels, t.row_message, t.bests, t.values, t.signal_message) for t in tapes)
    return STORE_BYTES + 2 * sum(array.nbytes for some in arrays for array in some)


def _group(shared: tuple[Stage, MakeStrategy], cells: Sequence[Cell]) -> list[CellResult]:
    stage, strategy = shared
    return [run_cell(stage, cell, strategy) for cell in cells]


def _whole(shared: tuple[Sequence[Tape], MakeStrategy], config: BacktestConfig) -> BacktestResult:
    tapes, strategy = shared
    return BacktestingEngine(config, strategy(config)).run(tapes)


_run_group = ray.remote(num_cpus=1, max_retries=RETRIES)(_group)
_run_whole = ray.remote(num_cpus=1, max_retries=RETRIES)(_whole)
