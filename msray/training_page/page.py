"""``train_page``: the report of a training as one HTML document that needs nothing else, no network and no script."""

from collections.abc import Iterator

from pydantic import BaseModel

from msray.backtest.page import words as words
from msray.backtest.page.document import linked, whole_page
from msray.backtest.page.html import Markup, element, from_user, table, together, undefined
from msray.backtest.page.key import Card, cards
from msray.backtest.page.shown import figure, note
from msray.training.judging import Figures
from msray.training.report import TrainReport
from msray.training_page.charts import (
    edge_chart,
    edge_legend,
    figures_chart,
    horizons_legend,
    learning_chart,
    learning_legend,
    reliability_chart,
    risk_chart,
)

CLASSES = ("down", "flat", "up")


def train_page(report: TrainReport, *, run_id: str = "") -> str:
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
    names = ", ".join(one[:80] for one in report.instruments[:5])
    title = together(["Training on ", from_user(names)])
    times = report.problem.rows.event_ns
    span = f"{words.moment(int(times.min()))} to {words.moment(int(times.max()))} UTC, {len(times):,} rows"
    said = together(["Run ", from_user(run_id), ": ", span]) if run_id else span
    body = (
        element("header", {}, element("h1", {}, title), element("p", {"class": "muted"}, said)),
        element("p", {"class": "verdict"}, report.verdict),
        cards(*_cards(report)),
        *linked(_sections(report)),
        element(
            "footer",
            {},
            f"Made by msray, run {run_id}. Times are UTC. The rows that judge had no say in any choice of this run.",
        ),
    )
    return whole_page(title, body)


def _sections(report: TrainReport) -> list[tuple[str, str, Markup]]:
    return [
        ("figures", "Figures beside the floors", _figures(report)),
        *([("earlier", "Earlier judgements", _earlier(report))] if report.earlier else []),
        ("learning", "Learning", _learning(report)),
        ("calibration", "Calibration, risk and coverage", _calibration(report)),
        ("confusion", "What was said, what came", _confusion(report)),
        ("edge", "Edge and half-spread", _edge(report)),
        ("sources", "Rows and configuration", _sources(report)),
    ]


def _cards(report: TrainReport) -> Iterator[Card]:
    best = report.selection.best
    for one, lead in zip(report.selection.report.of(best)[:4], report.selection.report.leads(best), strict=False):
        floor = report.selection.report.best_floor(one.horizon)
        yield (
            f"Macro F1 of {best}, {one.horizon} rows ahead",
            f"{one.macro_f1:.3f}",
            (
                f"95% interval {one.macro_f1_low:.3f} to {one.macro_f1_high:.3f}",
                f"best rule: {floor.name.replace('_', ' ')}, {floor.macro_f1:.3f}",
                f"better by {lead.macro_f1:+.3f} ({lead.low:+.3f} to {lead.high:+.3f})",
            ),
        )


def _figures(report: TrainReport) -> Markup:
    best, judged = report.selection.best, report.selection.report
    before = words.counted(report.looks, "training") if report.looks else "as far as is known, nobody"
    told = (
        "All were judged on the same rows, which nothing was learned or chosen from. Who looks at them often, finds "
        f"something there too; {before} had before. Intervals of 95% come from "
        "resampled blocks of rows. Directional accuracy: of the rows that moved; of the rows where a direction was "
        "said, with their share."
    )
    parts = [note(told)]
    drawings = []
    for horizon in judged.horizons:
        some = [one for one in judged.figures if one.horizon == horizon]
        drawings.append(element("figure", {}, figures_chart(some, best)))
        rows = [_figures_row(one) for one in sorted(some, key=lambda one: -one.macro_f1)]
        caption = f"{horizon} rows ahead: {some[0].rows:,} rows judged"
        columns = ("", "macro F1", "interval", "weighted F1", "MCC", "accuracy", "moved", "committed", "share", "ECE")
        parts.append(table(caption, columns, rows, texts=(2,)))
    return together([element("div", {"class": "pair"}, *drawings), *parts])


def _earlier(report: TrainReport) -> Markup:
    rows = []
    for judged in (*report.earlier, report.last):
        best, figures = judged.selection.best, judged.selection.report
        for one, lead in zip(figures.of(best), figures.leads(best), strict=True):
            floor = figures.best_floor(one.horizon)
            rows.append(
                (
                    *(words.moment(at_ns) for at_ns in judged.span_ns),
                    str(one.horizon),
                    best,
                    f"{one.macro_f1:.3f}",
                    floor.name.replace("_", " "),
                    f"{floor.macro_f1:.3f}",
                    f"{lead.low:+.3f} to {lead.high:+.3f}",
                )
            )
    columns = ("judged from, UTC", "to", "ahead", "best", "macro F1", "best rule", "its macro F1", "better by, 95%")
    told = "Each learned, chose and was judged on rows before those that judge the next one; the last is the one above."
    return together([note(told), table("Walked forward", columns, rows, texts=(1, 3, 5, 7))])


def _figures_row(one: Figures) -> tuple[object, ...]:
    directional = one.directional
    return (
        one.name.replace("_", " "),
        f"{one.macro_f1:.3f}",
        f"{one.macro_f1_low:.3f} to {one.macro_f1_high:.3f}",
        f"{one.weighted_f1:.3f}",
        words.known(one.mcc, lambda value: f"{value:.3f}", "one class"),
        words.percent(one.accuracy),
        words.known(directional.moved.accuracy, words.percent, "nothing moved"),
        words.known(directional.committed.accuracy, words.percent, "never"),
        words.percent(directional.committed.coverage),
        "" if one.is_floor else f"{one.ece:.3f}",
    )


def _learning(report: TrainReport) -> Markup:
    drawn = [
        element("figure", {}, element("h3", {}, one.name), learning_chart(one.name, one.trained))
        for one in report.selection.blends
    ]
    rows = [
        (one.key, f"{one.parameters:,}", len(one.history), f"{min(epoch.surprise for epoch in one.history):.4f}")
        for one in report.trained
    ]
    surprise = [(name, f"{value:.4f}") for name, value in report.selection.surprise.items()]
    return together(
        [
            learning_legend(),
            element("div", {"class": "pair"}, *drawn),
            table("Trainings", ("", "parameters", "epochs", "least surprise, nats"), rows),
            table("Surprise on the rows that choose, seeds together and tempered", ("", "nats"), surprise),
            *_weights(report),
        ]
    )


def _weights(report: TrainReport) -> Iterator[Markup]:
    for name, one in report.selection.mixtures.items():
        if len(one.members) > 1:
            weights = zip(report.problem.config.horizons, one.weights, strict=True)
            rows = [(f"{horizon} rows ahead", *(f"{weight:.2f}" for weight in row)) for horizon, row in weights]
            yield table(f"Weights of {name}", ("", *one.members), rows)


def _calibration(report: TrainReport) -> Markup:
    found, best = report.findings[report.selection.best], report.selection.best
    told = f"Chances of {best} for the class it holds most likely. On the dotted line they keep their word."
    risk = "Of the rows that it is surest of: the share where another class came. Where to be silent can be read off."
    drawn = (figure(told, reliability_chart(found)), figure(risk, risk_chart(found)))
    return together(
        [horizons_legend(report.problem.config.horizons), element("div", {"class": "pair"}, *drawn), _sets(report)]
    )


def _sets(report: TrainReport) -> Markup:
    """Beside each other: what was promised on the rows that choose, and what came on those that judge."""
    best = report.selection.best
    sets = report.selection.mixtures[best].sets
    if sets is None:
        return note(undefined("a class came too rarely to promise anything"))
    promised = words.percent(sets.coverage)
    rows = [
        (f"{one.horizon} rows ahead", promised, *map(words.percent, (one.came, one.followed)), f"{one.classes:.2f}")
        for one in report.selection.covered[best]
    ]
    columns = ("", "promised", "came", "came, following", "classes in a set")
    return table(f"Rows whose set of classes, of {best}, holds the true one", columns, rows)


def _confusion(report: TrainReport) -> Markup:
    tables = []
    for one in report.findings[report.selection.best]:
        rows = []
        for name, row in zip(CLASSES, one.confusion.tolist(), strict=True):
            rows.append(
                (name, *(f"{count:,}" for count in row), words.percent(row[CLASSES.index(name)] / max(sum(row), 1)))
            )
        columns = ("came", *(f"said {name}" for name in CLASSES), "found")
        tables.append(element("div", {}, table(f"{one.horizon} rows ahead", columns, rows)))
    return element("div", {"class": "pair"}, *tables)


def _edge(report: TrainReport) -> Markup:
    found = report.findings[report.selection.best]
    rule = (
        "Rows are put into ten groups by how much more likely one direction is held than the other. Whoever trades at "
        "the touch pays half the spread on the way in, and again on the way out; fees come on top. Nothing is traded "
        "here: see the backtest."
    )
    drawn = [element("figure", {}, edge_chart(one)) for one in found]
    return together([note(rule), edge_legend(), element("div", {"class": "pair"}, *drawn)])


def _sources(report: TrainReport) -> Markup:
    parts, times = report.problem.parts, report.problem.rows.event_ns
    rows = []
    for name, (begin, end) in (("learned from", parts.train), ("chose", parts.valid), ("judged", parts.test)):
        some = times[begin:end]
        rows.append((name, words.moment(int(some.min())), words.moment(int(some.max())), f"{end - begin:,}"))
    thresholds = zip(report.problem.config.horizons, report.problem.thresholds, strict=True)
    limits = [(f"{horizon} rows ahead", f"{threshold * 1e4:.3f}") for horizon, threshold in thresholds]
    return together(
        [
            table("Rows", ("", "first, UTC", "last", "rows"), rows, texts=(1, 2)),
            table("A larger change is up, a lower one than its negative down", ("", "bps"), limits),
            table("Configuration", ("field", "value", "meaning"), list(_fields(report.config, "")), long=2),
        ]
    )


def _fields(config: BaseModel, before: str) -> Iterator[tuple[object, ...]]:
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{before}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for one in value:
                yield from _fields(one, f"{before}{getattr(one, 'name', name)}.")
        else:
            text = (
                "not given" if value is None else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            )
            yield before + name, from_user(text), (field.description or "").replace("\n", " ")
