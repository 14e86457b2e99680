"""What the report of a search draws: scores by trial and by parameter, the folds, the part held out."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND
from msray.backtest.page.charts import Period, legend, over_time, roomy
from msray.backtest.page.html import Markup
from msray.backtest.page.svg import SHAPES, Plot, percent_ticks, ticks
from msray.tuning.report import TuneReport
from msray.tuning.space import Axis, Value
from msray.tuning.trials import Trial
from msray.tuning.windows import Window

Floats = NDArray[np.float64]
KINDS = {
    "whole": ("circle", "own solid", "tried on all folds"),
    "pruned": ("square", "muted hollow", "given up early"),
    "failed": ("diamond", "loss solid", "failed"),
}
HEIGHTS = {"train": 0.3, "test": 0.42, "purged": 0.18, "embargoed": 0.09}
"""Half of a bar's height: the roles can be told apart without colours."""
ROLES = {
    "train": "chosen from",
    "test": "tried on",
    "purged": "purged: what a signal leads to could end behind the fold",
    "embargoed": "embargo: right after a fold",
}


def trials_legend(lines: Sequence[tuple[str, str]] = ()) -> Markup:
    """What the marks of trials mean, and lines beside them: kind and text of each."""
    marks = [("M0 0" + SHAPES[shape], kind, text) for shape, kind, text in (KINDS["whole"], KINDS["pruned"])]
    found = ("M0 0" + SHAPES["circle"], "gain solid", "what was found")
    return legend([*marks, found, *(("M-12 0H12", f"line {kind}", text) for kind, text in lines)])


def score_chart(width: float, report: TuneReport) -> Markup:
    """The score of each trial, in the order in which they ended."""
    shown = [(number, one) for number, one in enumerate(report.search.trials, start=1) if one.folds]
    scores = np.array([one.score for _, one in shown])
    plot = Plot("Score of each trial", (width, 260.0), (0.0, len(report.search.trials) + 1.0), _room(scores, report))
    plot.x_axis([one for one in ticks(0.0, plot.x.high, 8) if one[0] == int(one[0])], "trial")
    _score_axis(plot, report)
    whole = np.array([one.score if one.state == "whole" else -math.inf for _, one in shown])
    best = np.maximum.accumulate(whole)
    x = np.array([number for number, _ in shown], np.float64)
    is_known = np.isfinite(best)
    plot.line(np.repeat(x[is_known], 2)[1:], np.repeat(best[is_known], 2)[:-1], "gain")
    plot.level(report.unchanged.score, "rival", "what you had")
    for number, one in shown:
        _mark(plot, float(number), one, report)
    return plot.svg()


def parameter_chart(name: str, axis: Axis, report: TuneReport) -> Markup:
    """A parameter's values, and what the trials that had them came to."""
    shown = [one for one in report.search.trials if one.folds]
    scores = np.array([one.score for one in shown])
    places, numbers = _axis(axis)
    plot = Plot(f"Score by {name}", (460.0, 240.0), places, _room(scores, report))
    plot.x_axis(numbers, name + (", by ratios" if axis.log else ""))
    _score_axis(plot, report)
    for one in sorted(shown, key=lambda one: one is report.chosen):
        _mark(plot, _place(one.parameters[name], axis), one, report)
    return plot.svg()


def window_diagram(width: float, report: TuneReport) -> Markup:
    """One row a fold, and one for the part that is held out."""
    windows = report.windows
    period = Period(windows.edges_ns[0], windows.edges_ns[-1])
    rows = len(windows.folds) + 1
    plot = over_time("Folds and the part held out", (width, 54.0 + 26.0 * rows), period, (float(rows), 0.0))
    plot.y_axis([], "fold")
    for row, fold in enumerate(windows.folds):
        plot.text(plot.x.begin - 6, float(plot.y(row + 0.5)) + 4, "end", f"{row + 1}")
        _bars(plot, period, row, fold, windows.edges_ns[fold.bins[0]])
    last, held_out = rows - 1, windows.held_out
    plot.text(plot.x.begin - 6, float(plot.y(last + 0.5)) + 4, "end", "last")
    for fold in windows.folds:
        _bar(plot, period, last, (fold.begin_ns, fold.told_ns), "train")
    _bars(plot, period, last, held_out, windows.edges_ns[held_out.bins[0]])
    return plot.svg()


def window_legend() -> Markup:
    """What the bars mean."""
    return legend(
        [
            (f"M-12 0v{14 * HEIGHTS[role]:.1f}h24v{-28 * HEIGHTS[role]:.1f}h-24z", role, text)
            for role, text in ROLES.items()
        ]
    )


def held_out_chart(width: float, report: TuneReport) -> Markup:
    """What both configurations earned on the part that no trial has seen."""
    held_out = report.windows.held_out
    period = Period(held_out.begin_ns, held_out.end_ns)
    curves = [np.append(0.0, np.cumsum(one.score.returns)) for one in (report.after, report.before)]
    x = np.linspace(0.0, period.seconds, len(curves[0]))
    bounds = roomy(min(float(one.min()) for one in curves), max(float(one.max()) for one in curves))
    plot = over_time("Net return on the part held out", (width, 240.0), period, bounds)
    plot.y_axis(percent_ticks(plot.y.low, plot.y.high, 5), "net return")
    plot.level(0.0, "muted", "")
    for curve, kind in zip(curves[::-1], ("rival", "own"), strict=True):
        plot.line(x, curve, kind)
    return plot.svg()


def held_out_legend() -> Markup:
    """What its lines mean."""
    return legend([("M-12 0H12", "line own", "what was found"), ("M-12 0H12", "line rival", "what you had")])


def _bars(plot: Plot, period: Period, row: int, window: Window, edge_ns: int) -> None:
    """A window: an embargo before it, what is told, and what is not told any more."""
    _bar(plot, period, row, (edge_ns, window.begin_ns), "embargoed")
    _bar(plot, period, row, (window.begin_ns, window.told_ns), "test")
    _bar(plot, period, row, (window.told_ns, window.end_ns), "purged")


def _bar(plot: Plot, period: Period, row: int, span_ns: tuple[int, int], kind: str) -> None:
    if span_ns[0] < span_ns[1]:
        begin, end = ((at_ns - period.begin_ns) / SECOND for at_ns in span_ns)
        plot.box((begin, end), (row + 0.5 - HEIGHTS[kind], row + 0.5 + HEIGHTS[kind]), kind, ROLES[kind])


def _mark(plot: Plot, x: float, trial: Trial, report: TuneReport) -> None:
    shape, kind, text = KINDS[trial.state]
    said = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.parameters.items()
    )
    kind = "gain solid" if trial is report.chosen else kind
    plot.mark(shape, x, trial.score, kind, f"{text}; score {trial.score:.6g}; {said}")


def _score_axis(plot: Plot, report: TuneReport) -> None:
    low, high = plot.y.low, plot.y.high
    if report.objective == "net_return":
        plot.y_axis(percent_ticks(low, high, 5), "mean net return of a fold")
    else:
        plot.y_axis(ticks(low, high, 5), "mean Sharpe ratio of a fold")


def _room(scores: Floats, report: TuneReport) -> tuple[float, float]:
    every = np.append(scores, report.unchanged.score)
    return roomy(float(every.min()), float(every.max()))


def _axis(axis: Axis) -> tuple[tuple[float, float], list[tuple[float, str]]]:
    """Both ends of a parameter's axis, and its numbers."""
    if axis.choices:
        return (-0.5, len(axis.choices) - 0.5), [(float(at), str(one)) for at, one in enumerate(axis.choices)]
    low, high = (_place(one, axis) for one in axis.ends)
    if not axis.log:
        return (low, high), ticks(low, high, 5)
    return (low, high), [(at, f"{10**at:,.4g}") for at in np.linspace(low, high, 4).tolist()]


def _place(value: Value, axis: Axis) -> float:
    if axis.choices:
        return float(axis.choices.index(value))
    return math.log10(float(value)) if axis.log else float(value)


def largest_first(trials: Sequence[Trial]) -> list[Trial]:
    """Those with all folds first, the best of them at the top; then the others, likewise."""
    return sorted(
        trials, key=lambda one: (one.state != "whole", one.state == "failed", -one.score if one.folds else 0.0)
    )
