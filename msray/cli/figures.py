"""The figures of a backtest as tables: by instrument, by what ended the trades, of the signals, and a summary."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msray.cli.output import Output

Figures = Mapping[str, Any]
"""As :meth:`~msray.backtest.BacktestReport.as_dict` names them; what is undefined is NaN or None."""

_GROUP_COLUMNS = ("trades", "mean", "net", "net_pct", "seconds", "won", "won_pct")
_PRECISION_COLUMNS = ("", "of those asked for", "share right", "interval", "all signals", "random times")


def show_figures(out: Output, figures: Figures) -> None:
    """Print them; the verdict comes last."""
    for by in ("instrument", "reason"):
        _groups(out, by, figures[f"by_{by}"], figures["initial_capital"])
    out.table(_PRECISION_COLUMNS, [_precision(one, figures) for one in figures["precision_at_k"]])
    out.table(("summary", ""), list(_summary(figures)))
    out.line(figures["verdict"])


def _groups(out: Output, name: str, groups: Sequence[Figures], capital: float) -> None:
    """A row a group and one of all."""
    trades = sum(one["trades"] for one in groups)
    total = {"name": "TOTAL", "trades": trades, "won": 0, "net": 0.0}
    total |= {key: sum(one[key] for one in groups) for key in ("won", "net")}
    for mean in ("mean_return", "mean_seconds"):
        total[mean] = math.fsum(one[mean] * one["trades"] for one in groups) / trades if trades else math.nan
    rows = [
        (
            one["name"],
            one["trades"],
            shown(one["mean_return"], "{:.3%}"),
            f"{one['net']:.2f}",
            f"{one['net'] / capital:.3%}",
            shown(one["mean_seconds"], "{:.1f}"),
            one["won"],
            f"{one['won'] / one['trades']:.0%}" if one["trades"] else "",
        )
        for one in (*groups, total)
    ]
    out.table((name, *_GROUP_COLUMNS), rows)


def _precision(one: Figures, figures: Figures) -> tuple[str, ...]:
    return (
        f"precision@{one['k']}",
        str(one["k_used"]),
        f"{one['precision']:.0%}",
        f"{one['low']:.0%} to {one['high']:.0%}",
        f"{one['base_rate']:.0%}",
        shown(figures["random_precision"], "{:.0%}"),
    )


def _summary(figures: Figures) -> Iterator[tuple[str, str]]:
    trades, costs, interval = figures["trade_figures"], figures["costs"], figures["net_return_interval"]
    yield "played", f"{_time(figures['begin_ns'])} to {_time(figures['end_ns'])} UTC, {figures['events']:,} events"
    yield (
        "signals, orders, fills",
        f"{figures['signals']:,}, {figures['orders']:,}, {figures['fills']:,}",
    )
    yield "closed trades, still open", f"{figures['trades']:,}, {figures['open_positions']}"
    yield "capital", f"{figures['initial_capital']:,.2f} to {figures['final_equity']:,.2f}"
    within = f" ({interval['low']:+.3%} to {interval['high']:+.3%})" if interval else ""
    yield "net return (95% interval)", f"{figures['net_return']:+.3%}{within}"
    yield "profit factor", shown(trades["profit_factor"])
    yield "expectancy of a trade", shown(trades["expectancy"])
    yield "largest drawdown", _drawdown(figures["max_drawdown"])
    yield "fees, funding, turnover", f"{costs['fees']:.2f}, {costs['funding']:.2f}, {costs['turnover']:,.0f}"
    yield from _lead(figures)
    before = f" ({figures['tried_before']} tried before)" if figures["tried_before"] else ""
    yield "trials, different ones", f"{figures['trials']}{before}, {figures['different_trials']}"
    yield "best of them", f"{figures['best_trial_net_return']:+.3%}"
    yield "DSR, PBO", f"{shown(figures['dsr'])}, {shown(figures['pbo'])}"
    if figures["halted"] is not None:
        yield "trading ended early", figures["halted"]


def _drawdown(drawdown: Figures) -> str:
    if not drawdown["depth"]:
        return "none"
    return f"{drawdown['depth']:.2%}, {_time(drawdown['peak_ns'])} to {_time(drawdown['bottom_ns'])}"


def _lead(figures: Figures) -> Iterator[tuple[str, str]]:
    lead, target = figures["lead_time_s"], figures["move_pct"]
    yield f"moves of {target:.2%}", f"{figures['moves']:,}"
    if lead is not None:
        rival = lead["random"]
        yield "warned of (random alarms)", f"{lead['detection_rate']:.0%} ({rival['detection_rate']:.0%})"
        yield (
            "median lead (random alarms)",
            f"{shown(lead['median_s'], '{:.1f} s')} ({shown(rival['median_s'], '{:.1f} s')})",
        )


def shown(value: float | None, form: str = "{:.2f}") -> str:
    """A figure, or that there is none."""
    return "not defined" if value is None or math.isnan(value) else form.format(value)


def _time(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"
