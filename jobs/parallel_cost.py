"""What a backtest costs, fitted to single ones and checked on whole grids; what that means for a thousand symbols."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from figures import Figure
from numpy.typing import NDArray
from scipy.optimize import nnls

from msray.backtest import Cell, CellResult, SignalFollower, Stage, Tape, make_stage, run_cell, run_serially

TERMS = {"a backtest": "ms", "1,000 messages": "ms", "1,000 level changes": "ms", "an order": "ms", "1 s held": "us"}
SCALES = (1e3, 1e6, 1e6, 1e3, 1e6)
SYMBOLS, DAYS = 1_000, 365
SAMPLE = 200


@dataclass(frozen=True, kw_only=True)
class Market:
    """A recording, its grid, and what it took to read it."""

    name: str
    tapes: list[Tape]
    cells: list[Cell]
    read_s: float

    @property
    def levels_per_message(self) -> float:
        """Level changes of a message."""
        records = self.tapes[0].records
        return len(records.levels) / len(records)

    @property
    def day(self) -> float:
        """Recordings of this length that make a day."""
        local_ns = self.tapes[0].records.messages["local_ns"]
        return 86_400e9 / int(np.ptp(local_ns[local_ns > 0]))


def cost_figures(markets: Sequence[Market], sizes: Sequence[int], rng: np.random.Generator) -> list[Figure]:
    """Fit ``seconds = a + b messages + c level changes + d orders + e seconds held`` and check it."""
    samples, spent, stages = [], [], []
    for market in markets:
        stage, stage_s = _timed_stage(market)
        stages.append((stage, stage_s))
        for at in rng.choice(len(market.cells), SAMPLE, replace=False):
            began = time.process_time()
            result = run_cell(stage, market.cells[at], SignalFollower)
            spent.append(time.process_time() - began)
            samples.append(_terms(result, market))
    each, _ = nnls(np.array(samples), np.array(spent))
    how = f"non-negative least squares on {SAMPLE} backtests of each recording, taken by chance, CPU time"
    figures = [
        Figure(name=f"cost: {name}", value=round(value * scale, 4), unit=unit, how=how)
        for (name, unit), value, scale in zip(TERMS.items(), each.tolist(), SCALES, strict=True)
    ]
    market, (stage, _) = markets[0], stages[0]
    for size in sizes:
        cells = [market.cells[at] for at in rng.permutation(len(market.cells))[:size]]
        found: list[CellResult] = []
        began = time.process_time()
        run_serially(stage, [cells], SignalFollower, found.extend)
        measured = time.process_time() - began
        said = sum(float(_terms(result, market) @ each) for result in found)
        how = f"{size} backtests of {market.name} by chance: {measured:.2f} s of CPU time"
        figures.append(
            Figure(name=f"cost: said / measured, {size:,}", value=round(said / measured, 3), unit="", how=how)
        )
    return figures + [
        figure for market, (stage, s) in zip(markets, stages, strict=True) for figure in _year(market, stage, s, each)
    ]


def _year(market: Market, stage: Stage, stage_s: float, each: NDArray[np.float64]) -> list[Figure]:
    """Core hours for every symbol and day, were each as this recording: read once, entered once, traded so often."""
    results = [run_cell(stage, cell, SignalFollower) for cell in market.cells[:: len(market.cells) // 100]]
    mean_s = float(np.mean([_terms(result, market) @ each for result in results]))
    hours = SYMBOLS * DAYS / 3600
    how = (
        f"each of {SYMBOLS * DAYS:,} symbol days as {market.name} ({market.day:.4g} of it a day): read_tapes "
        f"{market.read_s:.3g} s, stage {stage_s:.3g} s a recording, a backtest {mean_s * 1e3:.3g} ms; one instrument "
        "an account, as many backtests a day whatever its length, recordings read from a warm disk"
    )
    values = {
        "read and detect once": (market.read_s * market.day * hours, "core hours"),
        "books at the folds": (stage_s * market.day * hours, "core hours"),
        f"{len(market.cells):,} backtests a day": (len(market.cells) * mean_s * hours, "core hours"),
        "memory of one symbol day": (market.day * tape_mb(*market.tapes), "MB"),
    }
    return [
        Figure(name=f"1,000 x 365 as {market.name}: {name}", value=float(f"{value:.3g}"), unit=unit, how=how)
        for name, (value, unit) in values.items()
    ]


def tape_mb(*tapes: Tape) -> float:
    """What the arrays of tapes take."""
    arrays = [[t.records.messages, t.records.levels, t.row_message, t.bests, t.values] for t in tapes]
    return sum(array.nbytes for some in arrays for array in some) / 1e6


def _terms(result: CellResult, market: Market) -> NDArray[np.float64]:
    changes = result.messages * market.levels_per_message
    return np.array([1.0, result.messages, changes, result.orders, result.held_s])


def _timed_stage(market: Market) -> tuple[Stage, float]:
    make_stage(market.tapes, market.cells)
    began = time.process_time()
    stage = make_stage(market.tapes, market.cells)
    return stage, time.process_time() - began
