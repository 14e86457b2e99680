"""A time line: what was learned, left out, tested or traded when. Rows of spans in, a drawing out."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msray.backtest.config import SECOND
from msray.backtest.page.charts import Period, legend, over_time
from msray.backtest.page.html import Markup


class Kind(NamedTuple):
    """How a span is drawn; kinds differ in height, so that they can be told apart without colours.

    Attributes
    ----------
    text
        What it means, for the legend.
    top, bottom
        Of its bar, from the middle of its row; a row is 1 high.
    """

    text: str
    top: float
    bottom: float


KINDS = {
    "unused": Kind("not used", -0.03, 0.03),
    "unlearned": Kind("nothing learned yet", -0.03, 0.03),
    "train": Kind("trained on", -0.3, 0.3),
    "learned": Kind("learned from", -0.3, 0.3),
    "purged": Kind("purged: shares time with a tested one", -0.18, 0.18),
    "embargoed": Kind("embargo: right after the tested ones", -0.09, 0.09),
    "delayed": Kind("learned, not in force yet", -0.09, 0.09),
    "test": Kind("tested", -0.42, 0.42),
    "applied": Kind("what was learned is in force", -0.18, 0.18),
    "held_out": Kind("held out: looked at once, at the end", -0.42, 0.42),
    "traded": Kind("position held", 0.3, 0.45),
    "gap": Kind("gap of the recording", -0.45, 0.45),
}
"""Kinds of spans by name, which is also their class in the page's style; later ones are drawn over earlier ones."""

ROW, NAMED_ROW = 26.0, 42.0
"""Height of a row with a short name, which stands beside it, and with a long one, which stands above."""
SHORT, MOST_LETTERS = 8, 60
LEAST_WIDTH = 0.5
"""Spans of one kind that are closer are drawn as one, and shorter ones as long as this."""


class Span(NamedTuple):
    """A piece of time.

    Attributes
    ----------
    begin_ns, end_ns
        Nanoseconds UTC.
    kind
        One of ``KINDS``.
    told
        Appears when it is pointed at.
    """

    begin_ns: int
    end_ns: int
    kind: str
    told: str = ""


Row = tuple[str, Sequence[Span]]
"""A name, and spans in any order."""


def timeline(width: float, label: str, rows: Sequence[Row], *, title: str = "", period: Period | None = None) -> Markup:
    """Draw rows of spans below each other.

    Parameters
    ----------
    width
        Of the drawing.
    label
        What it shows, for those who do not see it.
    rows
        At least one, with at least one span in all.
    title
        What a row is: ``"fold"``.
    period
        The time that is shown; by default from the first begin to the last end. What lies outside is cut off.

    Notes
    -----
    The drawing is of bounded size for each row, whatever the number of spans.
    """
    shown = period or covering(rows)
    is_short = all(len(name) <= SHORT for name, _ in rows)
    height = ROW if is_short else NAMED_ROW
    plot = over_time(label, (width, 54.0 + height * len(rows)), shown, (float(len(rows)), 0.0))
    plot.y_axis([], title)
    pixel_ns = round(shown.seconds * SECOND / width)
    for number, (name, spans) in enumerate(rows):
        middle = number + 1.0 - 0.5 * ROW / height
        if is_short:
            plot.text(plot.x.begin - 6, float(plot.y(middle)) + 4, "end", name)
        else:
            plot.text(plot.x.begin, float(plot.y(number)) + 12, "start", name[:MOST_LETTERS])
        for span in _visible(spans, shown, round(LEAST_WIDTH * pixel_ns)):
            kind = KINDS[span.kind]
            ends = (span.begin_ns - shown.begin_ns) / SECOND, (span.end_ns - shown.begin_ns) / SECOND
            edges = middle + kind.top * ROW / height, middle + kind.bottom * ROW / height
            plot.box(ends, edges, span.kind, span.told)
    return plot.svg()


def timeline_legend(rows: Iterable[Row]) -> Markup:
    """What the bars of these rows mean."""
    used = {span.kind for _, spans in rows for span in spans}
    shown = [(name, kind) for name, kind in KINDS.items() if name in used]
    return legend([(f"M-12 {14 * one.top:.1f}h24V{14 * one.bottom:.1f}h-24z", name, one.text) for name, one in shown])


def covering(rows: Iterable[Row]) -> Period:
    """From the first begin to the last end of all spans, at least one."""
    spans = [span for _, some in rows for span in some]
    begin_ns = min(span.begin_ns for span in spans)
    return Period(begin_ns, max(begin_ns + 1, *(span.end_ns for span in spans)))


def _visible(spans: Sequence[Span], period: Period, least_ns: int) -> list[Span]:
    """What is drawn, in that order: cut to the period, long enough to be seen, merged where nothing lies between."""
    order = list(KINDS)
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: (order.index(one.kind), one.begin_ns)):
        begin_ns, end_ns = max(span.begin_ns, period.begin_ns), min(span.end_ns, period.end_ns)
        if end_ns <= begin_ns:
            continue
        last = found[-1] if found else None
        if last is not None and last.kind == span.kind and begin_ns - last.end_ns < least_ns:
            found[-1] = last._replace(end_ns=max(last.end_ns, end_ns), told=last.told if last.told == span.told else "")
        else:
            found.append(span._replace(begin_ns=begin_ns, end_ns=end_ns))
    return [one._replace(end_ns=max(one.end_ns, one.begin_ns + least_ns)) for one in found]
