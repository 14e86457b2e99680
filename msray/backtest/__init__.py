"""Backtests: a recorded market, a simulated venue, a strategy with its risk limits, and exact accounts.

The configuration is loaded at once, all else with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.backtest.config import BacktestConfig
from msray.faces import lazily

if TYPE_CHECKING:
    from msray.backtest.engine import BacktestingEngine
    from msray.backtest.follower import SignalFollower
    from msray.backtest.portfolio import PortfolioManager, Trade
    from msray.backtest.report import BacktestReport, Group
    from msray.backtest.result import BacktestResult
    from msray.backtest.risk import Refusal, RiskManager
    from msray.backtest.run import backtest, run_one
    from msray.backtest.strategy import Answer, Desk, MakeStrategy, Strategy
    from msray.backtest.tape import Tape, TapeRecorder

__all__ = [
    "Answer",
    "BacktestConfig",
    "BacktestReport",
    "BacktestResult",
    "BacktestingEngine",
    "Desk",
    "Group",
    "MakeStrategy",
    "PortfolioManager",
    "Refusal",
    "RiskManager",
    "SignalFollower",
    "Strategy",
    "Tape",
    "TapeRecorder",
    "Trade",
    "backtest",
    "run_one",
]

_PLACES = {
    "engine": ("BacktestingEngine",),
    "follower": ("SignalFollower",),
    "portfolio": ("PortfolioManager", "Trade"),
    "report": ("BacktestReport", "Group"),
    "result": ("BacktestResult",),
    "risk": ("Refusal", "RiskManager"),
    "run": ("backtest", "run_one"),
    "strategy": ("Answer", "Desk", "MakeStrategy", "Strategy"),
    "tape": ("Tape", "TapeRecorder"),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
