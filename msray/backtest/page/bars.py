"""What a report draws of figures: precision, lead times, costs, and the trials beside a backtest."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from msray.backtest.page import words as words
from msray.backtest.page.html import Markup
from msray.backtest.page.svg import Floats, Plot, percent_ticks, ticks
from msray.evaluation import BacktestOverfitting, LeadTimes, PrecisionAtK

SIZE = (460.0, 270.0)
BINS = 15


def precision_chart(precision: Sequence[PrecisionAtK], random_rate: float) -> Markup:
    """Share of hits among the highest scores with its interval, and what no skill would reach."""
    plot = Plot("Precision among the highest scores", SIZE, (-0.5, len(precision) - 0.5), (0.0, 1.0))
    names = [
        (float(n), f"{one.k}" if one.k_used == one.k else f"{one.k} ({one.k_used})") for n, one in enumerate(precision)
    ]
    plot.x_axis(names, "signals with the highest scores")
    plot.y_axis(percent_ticks(0.0, 1.0, 5), "share that were hits")
    base_rate = precision[0].base_rate
    is_above = not random_rate > base_rate
    plot.level(base_rate, "muted", f"all signals {words.percent(base_rate)}", at_end=False, is_above=is_above)
    if math.isfinite(random_rate):
        plot.level(random_rate, "rival", f"random times {words.percent(random_rate)}", is_above=not is_above)
    for n, one in enumerate(precision):
        told = f"precision@{one.k}: {one.precision:.1%}, 95% interval {one.low:.1%} to {one.high:.1%}"
        plot.line(np.array([n, n]), np.array([one.low, one.high]), "own band")
        plot.mark("circle", n, one.precision, "own solid", told)
    return plot.svg()


def lead_chart(lead: LeadTimes) -> Markup:
    """How long before the moves the alarms came, and as many random alarms."""
    rival = lead.random
    edges = np.array(rival.lead_edges_s)
    found = lead.lead_s[~np.isnan(lead.lead_s)]
    counts = np.histogram(found, edges)[0].astype(np.float64)
    random = np.array(rival.lead_counts)
    highest = max(float(counts.max()), float(random.max()), 1.0)
    plot = Plot("Lead times of alarms and of random alarms", SIZE, (edges[0], edges[-1]), (0.0, highest * 1.3))
    plot.x_axis(ticks(edges[0], edges[-1], 6), "seconds from the alarm to the move")
    plot.y_axis(_whole(highest), "moves")
    _histogram(plot, edges, counts, "own bar")
    plot.line(np.repeat(edges, 2)[1:-1], np.repeat(random, 2), "rival")
    for line, (value, kind, name) in enumerate(((lead.median_s, "own", "median"), (rival.median_s, "rival", "random"))):
        if math.isfinite(value):
            plot.upright(value, kind, f"{name} {value:.1f} s", line)
    return plot.svg()


def cost_chart(gross: float, fees: float, funding: float, net: float) -> Markup:
    """From what the trades brought to what was left."""
    ends = (0.0, gross, gross - fees, net)
    low, high = min(ends), max(ends)
    room = 0.22 * (high - low)
    plot = Plot("From gross to net, quote units", (460.0, 220.0), (low - room, high + room), (4.0, 0.0))
    plot.x_axis(ticks(plot.x.low, plot.x.high, 4), "quote units")
    parts = (("gross", 0.0, gross), ("fees", gross, ends[2]), ("funding", ends[2], net), ("net", 0.0, net))
    for row, (name, begin, end) in enumerate(parts):
        change = end - begin
        kind = "muted" if name in ("gross", "net") else "loss" if change < 0 else "gain"
        plot.box((begin, end), (row + 0.2, row + 0.8), f"{kind} bar")
        y = float(plot.y(row + 0.5)) + 4
        plot.text(plot.x.begin - 6, y, "end", name)
        if end >= 0:
            plot.text(float(plot.x(max(begin, end))) + 5, y, "start", words.amount(change))
        else:
            plot.text(float(plot.x(min(begin, end))) - 5, y, "end", words.amount(change))
    plot.upright(0.0, "axis", "")
    return plot.svg()


def trials_chart(net_returns: Sequence[float]) -> Markup:
    """What all trials earned, and where the chosen one stands."""
    edges, counts = _binned(np.array(net_returns))
    plot = Plot("Net returns of all trials", SIZE, (edges[0], edges[-1]), (0.0, float(counts.max()) * 1.25))
    plot.x_axis(percent_ticks(edges[0], edges[-1], 5), "net return")
    plot.y_axis(_whole(float(counts.max())), "trials")
    _histogram(plot, edges, counts, "muted bar")
    if edges[0] < 0 < edges[-1]:
        plot.upright(0.0, "axis", "")
    plot.upright(net_returns[0], "own", f"this one {words.signed_percent(net_returns[0])}")
    return plot.svg()


def overfitting_chart(overfitting: BacktestOverfitting) -> Markup:
    """How the trial that was best in one half of the time ranks in the other."""
    most = max(float(np.abs(overfitting.logit).max()), 1.0)
    edges = np.linspace(-most, most, 2 * (BINS // 2) + 1)
    # Turned around, so that a rank right at the median counts as not above it.
    counts = np.histogram(-overfitting.logit, edges)[0][::-1].astype(np.float64)
    plot = Plot("Rank out of sample of the best in sample", SIZE, (-most, most), (0.0, float(counts.max()) * 1.25))
    plot.x_axis(ticks(-most, most, 6), "logit of the rank in the other half; 0: the median")
    plot.y_axis(_whole(float(counts.max())), "halves")
    is_below = edges[1:] <= 1e-12
    _histogram(plot, edges, np.where(is_below, counts, 0.0), "loss bar")
    _histogram(plot, edges, np.where(is_below, 0.0, counts), "gain bar")
    plot.upright(0.0, "axis", "")
    plot.text(plot.x.begin + 8, 24.0, "start", "worse than the median")
    plot.text(plot.x.end - 4, 24.0, "end", "better")
    return plot.svg()


def _histogram(plot: Plot, edges: Floats, counts: Floats, kind: str) -> None:
    for (begin, end), count in zip(pairwise(edges.tolist()), counts.tolist(), strict=True):
        if count > 0:
            plot.box((begin, end), (0.0, count), kind, f"{count:g} from {begin:.4g} to {end:.4g}")


def _binned(values: Floats) -> tuple[Floats, Floats]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or max(abs(low) * 0.05, 1e-6)
    edges = np.linspace(low - room, high + room, BINS + 1)
    return edges, np.histogram(values, edges)[0].astype(np.float64)


def _whole(highest: float) -> list[tuple[float, str]]:
    """Numbers of a count's axis."""
    return [(value, text) for value, text in ticks(0.0, max(highest, 2.0), 4) if value == int(value)]
