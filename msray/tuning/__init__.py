"""Searching for the parameters that do best: what may be chosen, on which folds it is tried, and what came out.

The configuration is loaded at once, all else with the first name that needs it.
"""

from typing import TYPE_CHECKING

from msray.faces import lazily
from msray.tuning.config import TuneConfig
from msray.tuning.space import Axis, Parameters, SearchSpace, Value

if TYPE_CHECKING:
    from msray.tuning.assumed import Assumed, checked_space, default_space, parameter_names, searches_detection
    from msray.tuning.backtests import Backtests
    from msray.tuning.page import tune_page
    from msray.tuning.plan import Plan
    from msray.tuning.report import HeldOut, TuneReport, best_of, difference, judge, on_axis, on_held_out
    from msray.tuning.trials import FoldScore, Keep, Objective, Optimization, State, Trial
    from msray.tuning.windows import (
        Cutter,
        Times,
        Window,
        Windows,
        cut_before,
        detect,
        known_span,
        longest_ns,
        make_windows,
        with_signals,
    )

__all__ = [
    "Assumed",
    "Axis",
    "Backtests",
    "Cutter",
    "FoldScore",
    "HeldOut",
    "Keep",
    "Objective",
    "Optimization",
    "Parameters",
    "Plan",
    "SearchSpace",
    "State",
    "Times",
    "Trial",
    "TuneConfig",
    "TuneReport",
    "Value",
    "Window",
    "Windows",
    "best_of",
    "checked_space",
    "cut_before",
    "default_space",
    "detect",
    "difference",
    "judge",
    "known_span",
    "longest_ns",
    "make_windows",
    "on_axis",
    "on_held_out",
    "parameter_names",
    "searches_detection",
    "tune_page",
    "with_signals",
]

_PLACES = {
    "assumed": (
        "Assumed",
        "checked_space",
        "default_space",
        "parameter_names",
        "searches_detection",
    ),
    "backtests": ("Backtests",),
    "page": ("tune_page",),
    "plan": ("Plan",),
    "report": (
        "HeldOut",
        "TuneReport",
        "best_of",
        "difference",
        "judge",
        "on_axis",
        "on_held_out",
    ),
    "trials": (
        "FoldScore",
        "Keep",
        "Objective",
        "Optimization",
        "State",
        "Trial",
    ),
    "windows": (
        "Cutter",
        "Times",
        "Window",
        "Windows",
        "cut_before",
        "detect",
        "known_span",
        "longest_ns",
        "make_windows",
        "with_signals",
    ),
}

__getattr__ = lazily(__name__, {name: f"{__name__}.{module}" for module, names in _PLACES.items() for name in names})
