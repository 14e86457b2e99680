"""What a report shows of its own worth: signals beside chance, the backtest beside other trials."""

from msray.backtest.page import words as words
from msray.backtest.page.bars import lead_chart, overfitting_chart, precision_chart, trials_chart
from msray.backtest.page.html import Markup, element, table, together, undefined
from msray.backtest.page.key import NEVER_MOVED, NONE_TRADED, NOT_JUDGED, no_lead
from msray.backtest.page.shown import Shown, figure, note, pair


def signals(shown: Shown) -> Markup:
    """What the signals were worth, apart from the strategy."""
    score, config = shown.report.signals, shown.report.result.config
    rule = (
        f"A signal is a hit if a position on its side, taken when it was known, meets {config.profit_target_pct:.3%} "
        f"profit before {config.stop_loss_pct:.3%} loss and the end of {words.duration(config.max_holding_seconds)}. "
        f"{score.judged:,} signals were judged; for {score.unjudged:,} the recording ends, or has a gap, too soon."
    )
    return together([note(rule), pair(_precision(shown), _lead(shown))])


def _precision(shown: Shown) -> Markup:
    score = shown.report.signals
    title = element("h3", {}, "Precision@k")
    if not score.precision:
        return together([title, note(undefined(NOT_JUDGED))])
    random = words.known(score.random_rate, words.percent, "nothing could be judged")
    rows = [
        (
            str(one.k) if one.k == one.k_used else f"{one.k} ({one.k_used})",
            words.percent(one.precision),
            f"{words.percent(one.low)} to {words.percent(one.high)}",
            words.percent(one.expected),
            words.percent(one.base_rate),
            random,
        )
        for one in score.precision
    ]
    columns = ("k", "precision", "95% interval", "ties shared", "all", "random")
    told = (
        "Share of hits among the k highest scores, with Wilson's 95% interval. Beside it what needs no ranking (all "
        "judged signals) and what needs no signal (the same sides at random times)."
    )
    drawing = figure(told, precision_chart(score.precision, score.random_rate))
    return together([title, drawing, table("Precision among the k highest scores", columns, rows)])


def _lead(shown: Shown) -> Markup:
    lead, moves = shown.report.signals.lead, shown.report.signals.events
    title = element("h3", {}, "Lead time")
    if lead is None:
        return together([title, note(undefined(no_lead(shown.report)))])
    rival = lead.random

    def seconds(value: float) -> str:
        return words.known(value, lambda s: f"{s:.1f} s", "none was in time")

    rows = [
        ("moves warned of", words.percent(lead.detection_rate), words.percent(rival.detection_rate)),
        ("median lead", seconds(lead.median_s), seconds(rival.median_s)),
        ("mean lead, missed: 0 s", seconds(lead.restricted_mean_s), seconds(rival.restricted_mean_s)),
    ]
    chances = map(words.probability, (rival.p_detection_rate, rival.p_median, rival.p_restricted_mean))
    told = (
        f"Bars: alarms. Line: as many alarms at random times, mean of {rival.draws:,} draws; p: how often they do as "
        f"well. {moves:,} moves of {shown.report.result.config.profit_target_pct:.3%}, of which "
        f"{words.percent(lead.low)} to {words.percent(lead.high)} were warned of (95% interval); "
        f"{lead.false_alarms_per_hour:,.1f} false alarms an hour."
    )
    columns = ("", "alarms", "random alarms", "p")
    beside = [(*row, p) for row, p in zip(rows, chances, strict=True)]
    return together([title, figure(told, lead_chart(lead)), table("Alarms and as many random ones", columns, beside)])


def trials(shown: Shown) -> Markup:
    """The backtest among its neighbours."""
    tried = shown.report.trials
    rule = (
        f"The same recordings were traded in {words.counted(len(tried.net_returns), 'way')}, this one included: with "
        "settings that one could as well have chosen. Whoever picks the best of many looks better than he is; these "
        "figures say by how much."
    )
    if tried.earlier:
        rule += f" {words.counted(tried.earlier, 'other')} were tried on them before, and count too."
    value = words.known(tried.deflated_sharpe, words.probability, NEVER_MOVED)
    told = together(["Net returns of these. DSR of this one: ", value, f", {words.counted(tried.count, 'trial')}."])
    drawn = together([element("h3", {}, "Trials"), figure(told, trials_chart(tried.net_returns))])
    return together([note(rule), pair(drawn, _overfitting(shown))])


def _overfitting(shown: Shown) -> Markup:
    overfitting = shown.report.trials.overfitting
    title = element("h3", {}, "Overfitting")
    if overfitting is None:
        return together([title, note(undefined(NONE_TRADED))])
    told = (
        f"In {len(overfitting.logit)} ways to halve the time: how the trial that was best in one half ranks in the "
        f"other. PBO, the share that is not above the median: {words.percent(overfitting.pbo)}. "
        f"It loses in the other half in {words.percent(overfitting.probability_of_loss)}."
    )
    return together([title, figure(told, overfitting_chart(overfitting))])
