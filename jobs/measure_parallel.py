"""Grids of backtests: one core, two cores through Ray, what Ray takes, what memory they need, what a backtest costs.

    python jobs/measure_parallel.py [--json] [--runs 3] [--data FOLDER] [--only parallel,overhead,cost]

The day is that of spot NEXO (24 h, detectors with their defaults but ``arl0=600``): 100 folds x 50 sets of exits, 5,000
backtests. ``parallel`` runs it in this process, in two plain processes that share nothing (what this machine can give:
two hyperthreads of one core are not two cores), and in two of Ray's workers, and reads memory after 50, 500 and 5,000.
``overhead`` runs a fifth of it in turns here and in one of Ray's workers. Ray's workers are not made nice: what else
runs on the machine takes from all alike.
"""

import contextlib
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray's spelling)

import numpy as np
from chains import FILES
from figures import Figure, arguments, report
from parallel_cost import Market, cost_figures, tape_mb
from parallel_hosts import cpu_s, own_mb, workers

from msray.backtest import (
    BacktestConfig,
    Cell,
    CellResult,
    SignalFollower,
    Stage,
    cut_time,
    make_cells,
    make_groups,
    make_stage,
    run_serially,
    span_of,
)
from msray.feeds.replay import open_replay
from msray.feeds.tapes import read_tapes
from msray.on_ray import session
from msray.on_ray.backtests import run_on_ray, store_bytes_for
from msray.prediction import CalibrationConfig, DetectionConfig

SEED = 1
DAY, BUSY = "spot NEXO", "usdm BTC 2024"
WORDS = {
    DAY: DetectionConfig(arl0=600),
    BUSY: DetectionConfig(bar_ms=100, arl0=60, calibration=CalibrationConfig(bars=600, delay_bars=10)),
}
FOLDS = {DAY: 100, BUSY: 10}
SIZES = (50, 500, 5_000)
MEMORY = "two workers, groups of 50, read behind each run: what no other process shares; the tape: its arrays"
Groups = Sequence[Sequence[Cell]]


def main() -> int:
    """Measure what was asked for."""
    parser = arguments(__doc__)
    parser.set_defaults(runs=3)
    parser.add_argument("--only", default=",".join(_PARTS), help="parts, comma-separated")
    options = parser.parse_args()
    if not set(options.only.split(",")) <= set(_PARTS):
        sys.stderr.write(f"--only must name some of {', '.join(_PARTS)}, got {options.only}\n")
        return 2
    markets = [_market(name, options.data) for name in WORDS]
    if None in markets:
        sys.stderr.write(f"no recordings at {options.data}: set MSRAY_DATA\n")
        return report([], as_json=options.json)
    figures = [figure for part in options.only.split(",") for figure in _PARTS[part](markets, options.runs)]
    return report(figures, as_json=options.json)


def _market(name: str, data: Path) -> Market | None:
    paths = [data / file for file in FILES[name]]
    if not all(path.exists() for path in paths):
        return None
    read_tapes(open_replay(paths), WORDS[name])  # loads its kernels
    began = time.process_time()
    tapes = read_tapes(open_replay(paths), WORDS[name])
    read_s = time.process_time() - began
    configs = [
        BacktestConfig(profit_target_pct=profit, stop_loss_pct=stop, max_holding_seconds=held, clock_correction_ms=1300)
        for profit, stop, held in product((1e-3, 2e-3, 3e-3, 5e-3, 8e-3), (1e-3, 2e-3, 3e-3, 5e-3, 8e-3), (60, 300))
    ]
    cells = make_cells(configs, [[tapes[0].instrument.id]], cut_time(*span_of(tapes), FOLDS[name]))
    return Market(name=name, tapes=tapes, cells=cells, read_s=read_s)


def _parallel(markets: list[Market], runs: int) -> list[Figure]:
    market = markets[0]
    stage, parts = _ready(market, market.cells)
    spent: dict[str, list[float]] = {"one": [], "plain": [], "ray": []}
    memory: dict[str, float] = {}
    for _ in range(runs):
        spent["one"].append(_seconds(lambda: run_serially(stage, parts, SignalFollower)))
        spent["plain"].append(_seconds(lambda: _in_two_processes(stage, parts)))
        with _cluster(market, 2, stage, parts):
            memory = memory or _memory(stage, market.cells)
            spent["ray"].append(_seconds(lambda: run_on_ray(stage, parts, SignalFollower, _nobody)))
    one, plain, ray = (statistics.median(seconds) for seconds in spent.values())
    how = f"{len(market.cells):,} backtests of {DAY} in {len(parts)} groups, median of {runs}"
    return [
        Figure(name="a day of 5,000 backtests, one core", value=round(one, 2), unit="s", how=how),
        Figure(
            name="the same on two of Ray's workers: times as fast",
            value=round(one / ray, 3),
            unit="x",
            op=">=",
            goal=1.8,
            beside={"two plain processes": round(one / plain, 3)},
            how=how,
        ),
        *(Figure(name=name, value=round(value, 1), unit="MB", how=MEMORY) for name, value in memory.items()),
    ]


def _memory(stage: Stage, cells: Sequence[Cell]) -> dict[str, float]:
    found = {"memory: the tape, shared": tape_mb(*stage.tapes.values())}
    for size in SIZES:
        some = cells[:: len(cells) // size]
        run_on_ray(stage, [some[at : at + 50] for at in range(0, size, 50)], SignalFollower, _nobody)
        found[f"memory: driver, {size:,} backtests"] = own_mb(os.getpid())
        found[f"memory: largest worker, {size:,} backtests"] = max(map(own_mb, workers()))
    return found


def _overhead(markets: list[Market], runs: int) -> list[Figure]:
    market = markets[0]
    stage, parts = _ready(market, market.cells[::5])
    loop, ray = [], []
    with _cluster(market, 1, stage, parts):
        for _ in range(3 * runs):
            loop.append(_both(lambda: run_serially(stage, parts, SignalFollower)))
            ray.append(_both(lambda: run_on_ray(stage, parts, SignalFollower, _nobody)))
    least = np.min(ray, axis=0) / np.min(loop, axis=0) - 1.0
    how = f"{len(market.cells[::5]):,} backtests in {len(parts)} groups, in turns, the least of {3 * runs} each"
    return [
        Figure(name=f"Ray beside the same loop: more {what}", value=round(more, 4), unit="", goal=0.05, how=how)
        for what, more in zip(("time", "CPU time, all processes"), least.tolist(), strict=True)
    ]


def _cost(markets: list[Market], _runs: int) -> list[Figure]:
    return cost_figures(markets, SIZES, np.random.default_rng(SEED))


@contextlib.contextmanager
def _cluster(market: Market, cpus: int, stage: Stage, parts: Groups) -> Iterator[None]:
    """A cluster whose workers have loaded what they need."""
    session.start_local(cpus=cpus, store_bytes=store_bytes_for(market.tapes))
    try:
        while len(workers()) < cpus:
            run_on_ray(stage, parts[: 4 * cpus], SignalFollower, _nobody)
        run_on_ray(stage, parts[: 4 * cpus], SignalFollower, _nobody)
        yield
    finally:
        session.leave()


def _ready(market: Market, cells: list[Cell]) -> tuple[Stage, Groups]:
    stage = make_stage(market.tapes, cells)
    some = cells[:: max(len(cells) // 50, 1)]
    run_serially(stage, [some], SignalFollower)
    seconds = _seconds(lambda: run_serially(stage, [some], SignalFollower))
    return stage, make_groups(cells, seconds / len(some))


def _in_two_processes(stage: Stage, parts: Groups) -> None:
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=run_serially, args=(stage, parts[at::2], SignalFollower)) for at in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _both(work: Callable[[], object]) -> tuple[float, float]:
    before = cpu_s()
    return _seconds(work), cpu_s() - before


def _nobody(_: Sequence[CellResult]) -> None:
    """Keeps nothing."""


_PARTS = {"parallel": _parallel, "overhead": _overhead, "cost": _cost}

if __name__ == "__main__":
    sys.exit(main())
