"""What the page of a training draws: learning, figures beside the floors, calibration, risk, edge."""

import math
from collections.abc import Sequence

import numpy as np

from msray.backtest.page.charts import legend, roomy
from msray.backtest.page.html import Markup
from msray.backtest.page.svg import Plot, percent_ticks, ticks
from msray.training.findings import Finding
from msray.training.jobs import Trained
from msray.training.judging import Figures

SIZE = (460.0, 260.0)
KINDS = ("own", "rival", "gain", "slow", "other", "loss")
"""Colours of horizons, and of seeds."""
MOST_LETTERS = 11
LEAST_SHARE = 0.005
"""Of the rows; what was said of fewer is not drawn."""


def learning_chart(name: str, trained: Sequence[Trained]) -> Markup:
    """Surprise on the rows that choose after each epoch, a line a seed, and the mean loss of training."""
    most = max(len(one.history) for one in trained)
    values = [value for one in trained for epoch in one.history for value in (epoch.surprise, epoch.loss)]
    plot = Plot(f"Learning of {name}", SIZE, (0.5, most + 0.5), roomy(min(values), max(values)))
    whole = [value for value, _ in ticks(0.0, float(most), 8) if value >= 1 and value == int(value)]
    plot.x_axis([(value, f"{value:.0f}") for value in whole], "epoch")
    plot.y_axis(ticks(plot.y.low, plot.y.high, 5), "surprise, nats")
    for number, one in enumerate(trained):
        kind = KINDS[number % len(KINDS)]
        epochs = np.array([float(epoch.number) for epoch in one.history])
        plot.line(epochs, np.array([epoch.loss for epoch in one.history]), "muted way short")
        plot.line(epochs, np.array([epoch.surprise for epoch in one.history]), kind)
        best = min(one.history, key=lambda epoch: epoch.surprise)
        told = f"{one.key}: least in epoch {best.number}, {best.surprise:.4f}"
        plot.mark("circle", float(best.number), best.surprise, f"{kind} solid", told)
    return plot.svg()


def learning_legend() -> Markup:
    """What its lines mean."""
    return legend(
        [
            ("M-12 0H12", "line own", "on the rows that choose, a line a seed"),
            ("M-12 0H12", "line muted way short", "on the rows that are learned from"),
            ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "own solid", "what was kept"),
        ]
    )


def figures_chart(figures: Sequence[Figures], best: str) -> Markup:
    """Macro F1 of models and rules with intervals, the highest at the top."""
    ranked = sorted(figures, key=lambda one: -one.macro_f1)
    low, high = min(one.macro_f1_low for one in ranked), max(one.macro_f1_high for one in ranked)
    size = (SIZE[0], 62.0 + 22.0 * len(ranked))
    plot = Plot(f"Macro F1 at {ranked[0].horizon} rows", size, roomy(low, high), (float(len(ranked)), 0.0))
    plot.x_axis(ticks(plot.x.low, plot.x.high, 5), f"macro F1, {ranked[0].horizon} rows ahead")
    for row, one in enumerate(ranked):
        kind = "gain" if one.name == best else "muted" if one.is_floor else "own"
        told = f"{one.name}: {one.macro_f1:.3f}, 95% interval {one.macro_f1_low:.3f} to {one.macro_f1_high:.3f}"
        plot.text(plot.x.begin - 6, float(plot.y(row + 0.5)) + 4, "end", _short(one.name))
        plot.line(np.array([one.macro_f1_low, one.macro_f1_high]), np.array([row + 0.5, row + 0.5]), f"{kind} band")
        plot.mark("circle", one.macro_f1, row + 0.5, f"{kind} solid", told)
    return plot.svg()


def _short(name: str) -> str:
    """What has room beside the axis; tables have it in full."""
    text = name.replace("_", " ")
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 3].rstrip() + "\u2026"


def reliability_chart(findings: Sequence[Finding]) -> Markup:
    """How often the likeliest class came, beside what was said; a line a horizon."""
    plot = Plot("Calibration", SIZE, (0.3, 1.0), (0.0, 1.0))
    plot.x_axis(percent_ticks(0.3, 1.0, 7), "chance that was said")
    plot.y_axis(percent_ticks(0.0, 1.0, 5), "how often it came")
    plot.line(np.array([0.3, 1.0]), np.array([0.3, 1.0]), "muted way short")
    for number, one in enumerate(findings):
        diagram, kind = one.reliability, KINDS[number % len(KINDS)]
        seen = diagram.share >= LEAST_SHARE
        plot.line(diagram.probability[seen], diagram.frequency[seen], kind)
        for share, said, came in zip(
            diagram.share[seen], diagram.probability[seen], diagram.frequency[seen], strict=True
        ):
            told = f"{one.horizon} rows ahead: {said:.1%} said, {came:.1%} came, of {share:.1%} of the rows"
            plot.mark("circle", float(said), float(came), f"{kind} hollow", told)
    return plot.svg()


def risk_chart(findings: Sequence[Finding]) -> Markup:
    """Share of wrong answers among the rows that a model is surest of."""
    highest = max(float(one.wrong.max()) for one in findings)
    plot = Plot("Risk and coverage", SIZE, (0.0, 1.0), (0.0, max(highest * 1.1, 0.01)))
    plot.x_axis(percent_ticks(0.0, 1.0, 5), "share of the rows, the surest first")
    plot.y_axis(percent_ticks(0.0, plot.y.high, 5), "wrong")
    for number, one in enumerate(findings):
        plot.line(one.covered, one.wrong, KINDS[number % len(KINDS)])
    return plot.svg()


def edge_chart(finding: Finding) -> Markup:
    """The mid's move in the direction that was said, by tenths of the rows, beside half the spread."""
    edge = finding.edge
    groups = np.arange(1.0, len(edge.bps) + 1.0)
    seen = [0.0, *edge.bps[np.isfinite(edge.bps)], *edge.half_spread_bps[np.isfinite(edge.half_spread_bps)]]
    label = f"Edge at {finding.horizon} rows"
    plot = Plot(label, SIZE, (0.5, len(groups) + 0.5), roomy(float(min(seen)), float(max(seen))))
    plot.x_axis(
        [(float(one), f"{one:.0f}") for one in groups],
        f"tenth of the rows, the surest last; {finding.horizon} rows ahead",
    )
    plot.y_axis(ticks(plot.y.low, plot.y.high, 5), "bps")
    for group, bps, right in zip(groups, edge.bps, edge.right, strict=True):
        sure = "" if math.isnan(right) else f", direction right in {right:.1%} of the moves"
        kind = "gain" if bps > 0 else "loss"
        plot.box((group - 0.35, group + 0.35), (0.0, float(bps)), f"{kind} bar", f"{bps:+.3f} bps{sure}")
    plot.line(groups, edge.half_spread_bps, "rival")
    return plot.svg()


def edge_legend() -> Markup:
    """What it draws."""
    return legend(
        [
            ("M-5 7v-14h10v14z", "gain bar", "mean move of the mid in the direction that was said"),
            ("M-12 0H12", "line rival", "half the spread: what crossing it once costs"),
        ]
    )


def horizons_legend(horizons: Sequence[int]) -> Markup:
    """Which line is which horizon."""
    return legend(
        [("M-12 0H12", f"line {KINDS[n % len(KINDS)]}", f"{one} rows ahead") for n, one in enumerate(horizons)]
    )
