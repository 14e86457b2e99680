"""``report_page``: a backtest's report as one HTML document that needs nothing else, no network and no script."""

from collections.abc import Iterable, Sequence

from msray.backtest.page import facts, judged, learning, trading
from msray.backtest.page import words as words
from msray.backtest.page.html import Markup, element, from_user, together
from msray.backtest.page.key import key_figures
from msray.backtest.page.shown import Shown
from msray.backtest.page.style import STYLE
from msray.backtest.report import BacktestReport
from msray.backtest.tape import Tape

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may do with the page: nothing but to show it."""
MOST_NAMES = 5


def report_page(report: BacktestReport, tapes: Sequence[Tape], *, run_id: str = "") -> str:
    """Write a report for people.

    Parameters
    ----------
    report
        What came out.
    tapes
        What it came from, for prices and books; may be empty, then these are left out and the page says so.
    run_id
        Name of the run, if it has one.

    Returns
    -------
    str
        An HTML document. The same arguments give the same text.

    Notes
    -----
    Nothing in it comes from elsewhere, and it has no script. Curves are thinned so that they look the same, and of
    many trades only the largest are marked, so the page stays below a megabyte however long the recordings are.
    """
    shown = Shown.of(report, tapes)
    title = _title(report)
    sections = _sections(shown)
    body = (
        _header(report, title, run_id),
        element("p", {"class": "verdict"}, report.verdict),
        key_figures(report),
        *linked(sections),
        element("footer", {}, _source(report, run_id)),
    )
    return whole_page(title, body)


def whole_page(title: Markup, body: Iterable[Markup]) -> str:
    """A document that needs nothing else, from its title and what is on it."""
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, title),
        element("style", {}, Markup(STYLE)),
    )
    page = element("html", {"lang": "en"}, head, element("body", {}, element("main", {}, *body)))
    return f"<!doctype html>\n{page}\n"


def linked(sections: Sequence[tuple[str, str, Markup]]) -> list[Markup]:
    """Sections (name, heading, contents), and before them a link to each."""
    links = (element("a", {"href": f"#{name}"}, heading) for name, heading, _ in sections)
    return [element("nav", {"aria-label": "Sections"}, *links), *(_section(*one) for one in sections)]


def _sections(shown: Shown) -> list[tuple[str, str, Markup]]:
    about = [facts.recordings(shown), facts.events(shown), facts.assumptions(shown)]
    return [
        ("equity", "Equity and drawdown", trading.equity(shown)),
        ("prices", "Trades on the price", trading.prices(shown)),
        ("trades", "Trades", trading.trades(shown)),
        ("costs", "Costs", trading.costs(shown)),
        ("signals", "Signals", judged.signals(shown)),
        ("trials", "Trials and overfitting", judged.trials(shown)),
        ("book", "Order book around the largest trade", trading.book(shown)),
        ("learned", "What was learned when", learning.learned(shown)),
        ("sources", "Recordings, orders and assumptions", together(about)),
    ]


def _section(name: str, heading: str, body: Markup) -> Markup:
    return element("section", {"id": name}, element("h2", {}, heading), body)


def _title(report: BacktestReport) -> Markup:
    names = [instrument.id for instrument in report.result.instruments]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return together(["Backtest of ", ", ".join(name[:80] for name in names[:MOST_NAMES]) or "nothing", more])


def _header(report: BacktestReport, title: Markup, run_id: str) -> Markup:
    if report.events:
        begin, end = words.moment(report.begin_ns), words.moment(report.end_ns)
        span = f"{begin} to {end} UTC ({words.duration(report.seconds)}), {report.events:,} messages"
    else:
        span = "no message was recorded"
    said = together(["Run ", from_user(run_id), ": ", span]) if run_id else span
    return element("header", {}, element("h1", {}, title), element("p", {"class": "muted"}, said))


def _source(report: BacktestReport, run_id: str) -> Markup:
    run = together([", run ", from_user(run_id)]) if run_id else ""
    return together(
        [
            "Made by msray",
            run,
            f", seed {report.result.config.seed}. Times are UTC; money is in quote units or a share of the capital "
            "at the start. Simulated: the market did not see these orders.",
        ]
    )
