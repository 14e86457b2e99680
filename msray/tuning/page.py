"""``tune_page``: the report of a search as one HTML document that needs nothing else, no network and no script."""

from typing import Any

from msray.backtest.page import words as words
from msray.backtest.page.bars import overfitting_chart
from msray.backtest.page.document import linked, whole_page
from msray.backtest.page.html import Markup, element, from_user, table, together, undefined
from msray.backtest.page.key import NEVER_MOVED, NONE_TRADED, Card, cards
from msray.backtest.page.shown import figure, note, pair, twice
from msray.tuning.charts import (
    held_out_chart,
    held_out_legend,
    largest_first,
    parameter_chart,
    score_chart,
    trials_legend,
    window_diagram,
    window_legend,
)
from msray.tuning.report import SKILL, HeldOut, TuneReport
from msray.tuning.trials import Trial

LISTED = 20


def tune_page(report: TuneReport, *, run_id: str = "") -> str:
    """Write a report for people.

    Parameters
    ----------
    report
        What came out.
    run_id
        Name of the run, if it has one.

    Returns
    -------
    str
        An HTML document. The same arguments give the same text.
    """
    title = together(["Search of parameters: ", from_user(report.strategy)])
    edges = report.windows.edges_ns
    span = f"{words.moment(edges[0])} to {words.moment(edges[-1])} UTC"
    said = together(["Run ", from_user(run_id), ": ", span]) if run_id else span
    body = (
        element("header", {}, element("h1", {}, title), element("p", {"class": "muted"}, said)),
        element("p", {"class": "verdict"}, report.verdict),
        cards(_held_out_card(report), _unchanged_card(report), _trials_card(report), _luck_card(report)),
        *linked(_sections(report)),
        element("footer", {}, f"Made by msray, run {run_id}. Times are UTC. Simulated: no market saw these orders."),
    )
    return whole_page(title, body)


def _sections(report: TuneReport) -> list[tuple[str, str, Markup]]:
    return [
        ("held-out", "What no trial has seen", _held_out(report)),
        ("trials", "Trials", _trials(report)),
        ("parameters", "Parameters", _parameters(report)),
        ("folds", "Folds", _folds(report)),
        ("luck", "Luck", _luck(report)),
    ]


def _held_out_card(report: TuneReport) -> Card:
    after = report.after
    return "Net return of what was found, held out", words.signed_percent(after.net_return), (_interval(after),)


def _unchanged_card(report: TuneReport) -> Card:
    before = report.before
    return "Net return of what you had, held out", words.signed_percent(before.net_return), (_interval(before),)


def _trials_card(report: TuneReport) -> Card:
    states = [trial.state for trial in report.search.trials]
    beside = f"{states.count('whole')} whole, {states.count('pruned')} given up early, {states.count('failed')} failed"
    earlier = f"{words.counted(report.earlier, 'trial')} before on the same recordings"
    return "Trials", f"{len(states):,}", (beside, earlier)


def _luck_card(report: TuneReport) -> Card:
    value = words.known(report.judgement.deflated_sharpe, words.probability, NEVER_MOVED)
    beside = f"on the folds, {words.counted(report.judgement.different, 'different trial')}"
    return "Deflated Sharpe ratio (DSR)", value, (beside, f"skill: {SKILL:g} and above")


def _interval(one: HeldOut) -> Markup:
    if one.interval is None:
        few = undefined("too few closed trades")
        return together([words.counted(one.trades, "trade"), ", interval ", few])
    low, high = words.signed_percent(one.interval.low), words.signed_percent(one.interval.high)
    return together([f"{words.counted(one.trades, 'trade')}, {one.interval.level:.0%} interval {low} to {high}"])


def _held_out(report: TuneReport) -> Markup:
    more = report.difference
    again = words.counted(report.looks, "run") + " had looked at it before" if report.looks else "nobody had before"
    rule = (
        f"The last {words.duration(report.windows.held_out_s)} of the recordings were traded once with what did best "
        f"on the folds, and once with what the configuration said; {again}. Who looks often, finds something there too."
    )
    rows = [
        (
            name,
            words.signed_percent(one.net_return),
            _interval(one),
            f"{one.orders:,}",
            words.amount(one.fees),
        )
        for name, one in (("what was found", report.after), ("what you had", report.before))
    ]
    told = (
        "Both did the same."
        if more is None
        else (
            f"What was found earned {words.signed_percent(more.estimate)} more, {more.level:.0%} interval "
            f"{words.signed_percent(more.low)} to {words.signed_percent(more.high)}, of the differences in equal times."
        )
    )
    columns = ("", "net return", "closed trades", "orders", "fees, quote units")
    drawing = figure(told, held_out_legend(), twice(lambda width: held_out_chart(width, report)))
    return together([note(rule), drawing, table("On the part held out", columns, rows, texts=(2,))])


def _trials(report: TuneReport) -> Markup:
    told = "The mean score of the folds that each trial was tried on, in the order in which they ended."
    lines = (("gain", "the best so far"), ("rival", "what you had"))
    drawing = figure(told, trials_legend(lines), twice(lambda width: score_chart(width, report)))
    chosen = largest_first(report.search.trials)[:LISTED]
    rows = [_row("what you had", report.unchanged, report)]
    rows += [_row(str(place), trial, report) for place, trial in enumerate(chosen, start=1)]
    names = [name.removeprefix("backtest.").removeprefix("detection.") for name in report.space]
    caption = f"The best {len(chosen)} of {words.counted(len(report.search.trials), 'trial')}"
    parts = [drawing, table(caption, ("", "state", "score", "folds", *names), rows, texts=(1,))]
    failed = [trial for trial in report.search.trials if trial.state == "failed"]
    if failed:
        parts.append(note(together(["The first that failed said: ", from_user(failed[0].problem)])))
    return together(parts)


def _row(name: str, trial: Trial, report: TuneReport) -> tuple[object, ...]:
    score = _score(trial.score, report) if trial.folds else ""
    values = (trial.parameters.get(one, report.base.value(one)) for one in report.space)
    return (name, trial.state, score, len(trial.folds), *map(_value, values))


def _score(score: float, report: TuneReport) -> str:
    return words.signed_percent(score) if report.objective == "net_return" else f"{score:+.3f}"


def _value(value: Any) -> object:
    return f"{value:.4g}" if isinstance(value, float) else from_user("" if value is None else str(value))


def _parameters(report: TuneReport) -> Markup:
    drawn = [element("figure", {}, parameter_chart(name, axis, report)) for name, axis in report.space.items()]
    return together([trials_legend(), element("div", {"class": "pair"}, *drawn)])


def _folds(report: TuneReport) -> Markup:
    windows = report.windows
    rule = (
        "Each set of parameters is tried on every fold by itself, from its own capital, unless it is given up. Signals "
        f"of the last {words.duration(windows.purge_ns / 1e9)} of a fold are not told, for what they lead to could end "
        "behind it. Detectors calibrate on what was before. The last row is what was tried once, at the end."
    )
    drawing = figure(rule, window_legend(), twice(lambda width: window_diagram(width, report)))
    rows = [
        (
            str(number),
            words.moment(window.begin_ns),
            words.moment(window.end_ns),
            _score(report.chosen.folds[number - 1].score, report),
            _score(report.unchanged.folds[number - 1].score, report),
        )
        for number, window in enumerate(windows.folds, start=1)
    ]
    columns = ("fold", "from, UTC", "to", "what was found", "what you had")
    return together([drawing, table("Score in each fold", columns, rows, texts=(1, 2))])


def _luck(report: TuneReport) -> Markup:
    judged = report.judgement
    value = words.known(judged.deflated_sharpe, words.probability, NEVER_MOVED)
    rule = together(
        [
            "Whoever picks the best of many looks better than he is. DSR of what was found, on the folds, among ",
            f"{words.counted(judged.different, 'different trial')} of whoever tried something on these recordings: ",
            value,
            ".",
        ]
    )
    if judged.overfitting is None:
        return together([note(rule), note(together(["PBO: ", undefined(NONE_TRADED)]))])
    told = (
        f"In {len(judged.overfitting.logit)} ways to halve the time: how the trial that was best in one half ranks in "
        f"the other. PBO, the share that is not above the median: {words.percent(judged.overfitting.pbo)}."
    )
    return pair(note(rule), figure(told, overfitting_chart(judged.overfitting)))
