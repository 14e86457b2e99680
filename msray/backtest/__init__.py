"""Backtests: a recorded market, a simulated venue, a strategy with its risk limits, and exact accounts.

The configuration is loaded at once, all else with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.backtest.config import BacktestConfig
from msray.faces import lazily

if TYPE_CHECKING:
    from msray.backtest.engine import BacktestingEngine
    from msray.backtest.follower import SignalFollower
    from msray.backtest.page import report_page
    from msray.backtest.paper import PaperStatus, PaperTrader
    from msray.backtest.portfolio import PortfolioManager, Trade
    from msray.backtest.report import BacktestReport, Group
    from msray.backtest.result import BacktestResult
    from msray.backtest.risk import Refusal, RiskManager
    from msray.backtest.run import STRATEGIES, backtest, run_one
    from msray.backtest.strategy import Answer, Desk, MakeStrategy, Strategy
    from msray.backtest.tape import Tape, TapeRecorder
    from msray.backtest.ticks import TickBacktest, backtest_ticks
    from msray.backtest.warm_up import warm_up_orders

__all__ = [
    "STRATEGIES",
    "Answer",
    "BacktestConfig",
    "BacktestReport",
    "BacktestResult",
    "BacktestingEngine",
    "Desk",
    "Group",
    "MakeStrategy",
    "PaperStatus",
    "PaperTrader",
    "PortfolioManager",
    "Refusal",
    "RiskManager",
    "SignalFollower",
    "Strategy",
    "Tape",
    "TapeRecorder",
    "TickBacktest",
    "Trade",
    "backtest",
    "backtest_ticks",
    "report_page",
    "run_one",
    "warm_up_orders",
]

_PLACES = {
    "engine": ("BacktestingEngine",),
    "follower": ("SignalFollower",),
    "page": ("report_page",),
    "paper": ("PaperStatus", "PaperTrader"),
    "portfolio": ("PortfolioManager", "Trade"),
    "report": ("BacktestReport", "Group"),
    "result": ("BacktestResult",),
    "risk": ("Refusal", "RiskManager"),
    "run": ("STRATEGIES", "backtest", "run_one"),
    "strategy": ("Answer", "Desk", "MakeStrategy", "Strategy"),
    "tape": ("Tape", "TapeRecorder"),
    "warm_up": ("warm_up_orders",),
    "ticks": ("TickBacktest", "backtest_ticks"),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
