"""``PaperTrader``: a strategy on live books, without money: the engine of backtests, fed as the market comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msray.backtest.config import BacktestConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.result import BacktestResult
from msray.backtest.strategy import Strategy
from msray.backtest.tape import TapeRecorder
from msray.features import column
from msray.market import Instrument
from msray.prediction import LogSink, RowSink

HISTORY = 100_000
"""Signals and values of the account that are kept; older ones are forgotten, sums go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperStatus:
    """How paper trading stands.

    Attributes
    ----------
    equity, net_return
        Value of the account, quote units; and what was earned after all costs, as a fraction of the initial capital.
    positions
        By instrument, in the venue's units; negative: sold short.
    orders, fills, trades
        Sent, traded, and closed round trips.
    refusals
        Orders that were not sent, by the limit they would have broken.
    halted
        Which limit of loss has ended trading; empty while none has.
    failed
        Which error has; likewise.
    """

    equity: float
    net_return: float
    positions: Mapping[str, float]
    orders: int
    fills: int
    trades: int
    refusals: Mapping[str, int]
    halted: str = ""
    failed: str = ""

    @classmethod
    def at_start(cls, config: BacktestConfig) -> "PaperStatus":
        """Before anything has happened."""
        equity = config.initial_capital
        return cls(equity=equity, net_return=0.0, positions={}, orders=0, fills=0, trades=0, refusals={})


class PaperTrader:
    """Trades what a pipeline folds.

    Parameters
    ----------
    instruments
        All of the pipeline's.
    config
        What is assumed of venues, costs and limits.
    strategy
        Whose orders are simulated.

    Notes
    -----
    Hand :meth:`sink` and :meth:`log` to the pipeline, and call :meth:`turn` after it was given something. Orders are
    simulated once nothing can come any more that was sent before them, so what is shown is some messages old; fills and
    accounts are those of a backtest over the log that the pipeline was given.
    """

    def __init__(self, instruments: Sequence[Instrument], config: BacktestConfig, strategy: Strategy) -> None:
        mine = config.for_some([instrument.id for instrument in instruments])  # others may be traded elsewhere
        self._engine = BacktestingEngine(mine, strategy, history=HISTORY)
        self._engine.trade(instruments)
        columns = [column(name) for name in strategy.columns]
        self._recorders = {instrument.id: TapeRecorder(instrument, columns) for instrument in instruments}

    def sink(self, instrument_id: str) -> RowSink:
        """Takes an instrument's rows."""
        return self._recorders[instrument_id].rows

    def log(self, instrument_id: str) -> LogSink:
        """Takes an instrument's log."""
        return self._recorders[instrument_id].folded

    def turn(self) -> None:
        """Trade up to where the market is known."""
        self._feed()
        self._engine.catch_up()

    def finish(self) -> BacktestResult:
        """Trade to the end of all that has come in; nothing comes after it."""
        self._feed()
        return self._engine.finish()

    def status(self) -> PaperStatus:
        """How it stands."""
        desk, config = self._engine.desk, self._engine.config
        halted = desk.risk.halted
        return PaperStatus(
            equity=desk.equity,
            net_return=desk.equity / config.initial_capital - 1.0,
            positions={one.id: one.size(desk.position(one.id)) for one in desk.instruments},
            orders=desk.sent,
            fills=len(desk.fills),
            trades=len(desk.portfolio.trades),
            refusals=dict(desk.risk.refusals),
            halted="" if halted is None else halted.text,
        )

    def _feed(self) -> None:
        for recorder in self._recorders.values():
            if recorder.has_records:
                self._engine.feed(recorder.take())
