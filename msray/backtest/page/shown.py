"""What the sections of a report are made from, and how drawings stand in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msray.backtest.page.charts import Period, Times
from msray.backtest.page.html import Markup, element, together
from msray.backtest.report import BacktestReport
from msray.backtest.tape import Tape, TwoClocks

WIDE, NARROW = 980.0, 400.0
"""Charts over time are drawn twice: for a screen or paper, and for a telephone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What the sections are made from.

    Attributes
    ----------
    report
        What is reported.
    tapes
        What was played, by instrument id; empty where it is not at hand.
    known_ns
        When each message of each tape was known.
    period
        The time that charts show.
    """

    report: BacktestReport
    tapes: Mapping[str, Tape]
    known_ns: Mapping[str, Times]
    period: Period

    @classmethod
    def of(cls, report: BacktestReport, tapes: Sequence[Tape]) -> "Shown":
        """All that there is to show."""
        last_ns = max([report.end_ns, report.begin_ns + 1, *(point.at_ns for point in report.result.equity[-1:])])
        config = report.result.config
        return cls(
            report=report,
            tapes={tape.instrument.id: tape for tape in tapes},
            known_ns={tape.instrument.id: TwoClocks(config).read(tape.records)[1] for tape in tapes},
            period=Period(report.begin_ns, last_ns),
        )


def figure(caption: object, *contents: object) -> Markup:
    """Drawings with a caption below."""
    return element("figure", {}, *contents, element("figcaption", {}, caption))


def twice(draw: Callable[[float], Markup]) -> Markup:
    """A drawing for wide and for narrow screens."""
    drawings = (("wide", draw(WIDE)), ("narrow", draw(NARROW)))
    return together([element("div", {"class": kind}, drawing) for kind, drawing in drawings])


def note(text: object) -> Markup:
    """A sentence that is not the main thing."""
    return element("p", {"class": "note"}, text)


def pair(*halves: Markup) -> Markup:
    """Two things beside each other, where there is room."""
    return element("div", {"class": "pair"}, *(element("div", {}, half) for half in halves))
