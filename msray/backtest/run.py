"""A backtest from tapes to a report: the configuration, its neighbours, and what the signals were worth."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import BacktestConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.follower import SignalFollower
from msray.backtest.latency import measured_share
from msray.backtest.market_maker import MarketMaker
from msray.backtest.report import BacktestReport, make_report
from msray.backtest.result import BacktestResult
from msray.backtest.scoring import score_signals
from msray.backtest.strategy import MakeStrategy
from msray.backtest.tape import Tape, TwoClocks
from msray.backtest.variants import judge_trials
from msray.errors import UsageError

STRATEGIES: Mapping[str, MakeStrategy] = {
    "follower": SignalFollower,
    "maker": lambda config: MarketMaker(config.maker),
}
"""Those that come with msray, by name."""
RunAll = Callable[[Sequence[Tape], Sequence[BacktestConfig], MakeStrategy], list[BacktestResult]]


def run_one(tapes: Sequence[Tape], config: BacktestConfig, strategy: MakeStrategy) -> BacktestResult:
    """One configuration on all tapes."""
    return BacktestingEngine(config, strategy(config)).run(tapes)


def run_all(tapes: Sequence[Tape], configs: Sequence[BacktestConfig], strategy: MakeStrategy) -> list[BacktestResult]:
    """Configurations one after the other."""
    return [run_one(tapes, config, strategy) for config in configs]


def backtest(
    tapes: Sequence[Tape],
    config: BacktestConfig,
    *,
    strategy: MakeStrategy = SignalFollower,
    run: RunAll = run_all,
    earlier: Sequence[NDArray[np.float64]] = (),
) -> BacktestReport:
    """Backtest a strategy on tapes, and judge it.

    Parameters
    ----------
    tapes
        One an instrument, at least one.
    config
        What is assumed.
    strategy
        Makes a new strategy for a configuration.
    run
        Runs several configurations; here one after the other, on a cluster side by side.
    earlier
        What else was tried on the same recordings before; see :func:`~msray.backtest.variants.judge_trials`.

    Raises
    ------
    UsageError
        If there is no tape, messages were received before they were sent, or latencies were measured at another time.
    """
    if not tapes:
        raise UsageError("tapes must hold at least one instrument, got none")
    spans = [_span(tape, config) for tape in tapes if len(tape.records)]
    begin_ns, end_ns = min((begin for begin, _ in spans), default=0), max((end for _, end in spans), default=1)
    if spans:
        measured_share(config.latency, begin_ns, end_ns)
    chosen, *others = run(tapes, [config, *strategy(config).neighbours(config)], strategy)
    return make_report(
        chosen,
        score_signals(tapes, config),
        judge_trials(chosen, others, begin_ns, end_ns, earlier=earlier),
        events=sum(len(tape.records) for tape in tapes),
        begin_ns=begin_ns,
        end_ns=end_ns,
    )


def _span(tape: Tape, config: BacktestConfig) -> tuple[int, int]:
    _, known_ns = TwoClocks(config).read(tape.records)
    return int(known_ns[0]), int(known_ns[-1])
