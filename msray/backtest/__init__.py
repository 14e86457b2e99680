"""Backtests: a recorded market, a simulated venue, a strategy with its risk limits, and exact accounts.

The configuration is loaded at once, all else with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.backtest.config import BacktestConfig
from msray.faces import lazily

if TYPE_CHECKING:
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
    from msray.backtest.portfolio import PortfolioManager, Trade
    from msray.backtest.report import BacktestReport, Group
    from msray.backtest.result import BacktestResult
    from msray.backtest.risk import Refusal, RiskManager
    from msray.backtest.run import RunAll, backtest, run_all, run_one
    from msray.backtest.stage import Stage
    from msray.backtest.strategy import Answer, Desk, MakeStrategy, Strategy
    from msray.backtest.tape import Tape, TapeRecorder

__all__ = [
    "GROUP_S",
    "Answer",
    "BacktestConfig",
    "BacktestReport",
    "BacktestResult",
    "BacktestingEngine",
    "Cell",
    "CellResult",
    "Desk",
    "Group",
    "Keep",
    "MakeStrategy",
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
    "Trade",
    "backtest",
    "cut_time",
    "grid_digest",
    "make_cells",
    "make_groups",
    "make_stage",
    "run_all",
    "run_cell",
    "run_one",
    "run_serially",
    "span_of",
    "utc_days",
]

_PLACES = {
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
    "portfolio": ("PortfolioManager", "Trade"),
    "report": ("BacktestReport", "Group"),
    "result": ("BacktestResult",),
    "risk": ("Refusal", "RiskManager"),
    "run": ("RunAll", "backtest", "run_all", "run_one"),
    "stage": ("Stage",),
    "strategy": ("Answer", "Desk", "MakeStrategy", "Strategy"),
    "tape": ("Tape", "TapeRecorder"),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
