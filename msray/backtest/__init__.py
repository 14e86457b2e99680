"""Backtests: a recorded market, a simulated venue, a strategy with its risk limits, and exact accounts.

The configuration is loaded at once, all else with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.backtest.config import BacktestConfig
from msray.faces import lazily

if TYPE_CHECKING:
    from msray.backtest.compiled import Act, CompiledStrategy, Why, decision
    from msray.backtest.engine import BacktestingEngine
    from msray.backtest.folds import cut_time, span_of, utc_days
    from msray.backtest.follower import SignalFollower
    from msray.backtest.grid import (
        GROUP_S,
        Cell,
        CellResult,
        Keep,
        RunGroups,
        grid_digest,
        make_cells,
        make_groups,
        make_stage,
        run_cell,
        run_serially,
    )
    from msray.backtest.page import report_page
    from msray.backtest.paper import PaperStatus, PaperTrader
    from msray.backtest.portfolio import PortfolioManager, Trade
    from msray.backtest.queue import check_queue
    from msray.backtest.report import BacktestReport, Group
    from msray.backtest.result import BacktestResult
    from msray.backtest.risk import Refusal, RiskManager
    from msray.backtest.run import STRATEGIES, RunAll, backtest, run_all, run_one
    from msray.backtest.stage import Stage
    from msray.backtest.strategy import Answer, Desk, MakeStrategy, Strategy
    from msray.backtest.tape import Learned, Tape, TapeRecorder
    from msray.backtest.ticks import TickBacktest, backtest_ticks
    from msray.backtest.warm_up import warm_up_orders

__all__ = [
    "GROUP_S",
    "STRATEGIES",
    "Act",
    "Answer",
    "BacktestConfig",
    "BacktestReport",
    "BacktestResult",
    "BacktestingEngine",
    "Cell",
    "CellResult",
    "CompiledStrategy",
    "Desk",
    "Group",
    "Keep",
    "Learned",
    "MakeStrategy",
    "PaperStatus",
    "PaperTrader",
    "PortfolioManager",
    "Refusal",
    "RiskManager",
    "RunAll",
    "RunGroups",
    "SignalFollower",
    "Stage",
    "Strategy",
    "Tape",
    "TapeRecorder",
    "TickBacktest",
    "Trade",
    "Why",
    "backtest",
    "backtest_ticks",
    "check_queue",
    "cut_time",
    "decision",
    "grid_digest",
    "make_cells",
    "make_groups",
    "make_stage",
    "report_page",
    "run_all",
    "run_cell",
    "run_one",
    "run_serially",
    "span_of",
    "utc_days",
    "warm_up_orders",
]

_PLACES = {
    "compiled": ("Act", "CompiledStrategy", "Why", "decision"),
    "engine": ("BacktestingEngine",),
    "folds": ("cut_time", "span_of", "utc_days"),
    "follower": ("SignalFollower",),
    "grid": (
        "GROUP_S",
        "Cell",
        "CellResult",
        "Keep",
        "RunGroups",
        "grid_digest",
        "make_cells",
        "make_groups",
        "make_stage",
        "run_cell",
        "run_serially",
    ),
    "page": ("report_page",),
    "paper": ("PaperStatus", "PaperTrader"),
    "portfolio": ("PortfolioManager", "Trade"),
    "queue": ("check_queue",),
    "report": ("BacktestReport", "Group"),
    "result": ("BacktestResult",),
    "risk": ("Refusal", "RiskManager"),
    "run": ("STRATEGIES", "RunAll", "backtest", "run_all", "run_one"),
    "stage": ("Stage",),
    "strategy": ("Answer", "Desk", "MakeStrategy", "Strategy"),
    "tape": ("Learned", "Tape", "TapeRecorder"),
    "warm_up": ("warm_up_orders",),
    "ticks": ("TickBacktest", "backtest_ticks"),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
