"""A time line draws each span where it was, and stays small."""

import re

import pytest

from msray.backtest.page.charts import Period
from msray.backtest.page.style import STYLE
from msray.backtest.page.svg import LEFT, RIGHT
from msray.backtest.page.timeline import KINDS, Span, timeline, timeline_legend

SECOND = 1_000_000_000
WIDTH = 1000.0 + LEFT + RIGHT


def bars(drawing):
    """(kind, x from the begin of the axis, width, y) of every bar."""
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', drawing)
    return [(kind, float(x) - LEFT, float(width), float(y)) for kind, x, y, width in found]


def span(begin_s, end_s, kind):
    return Span(round(begin_s * SECOND), round(end_s * SECOND), kind)


def test_a_span_is_drawn_from_its_begin_to_its_end():
    rows = [("1", [span(0, 60, "train"), span(60, 70, "purged")]), ("2", [span(70, 100, "test")])]

    drawn = bars(timeline(WIDTH, "Folds", rows))

    assert [one[:3] for one in drawn] == [("train", 0, 600), ("purged", 600, 100), ("test", 700, 300)]
    assert drawn[0][3] < drawn[2][3]


def test_only_the_period_asked_for_is_shown():
    rows = [("1", [span(0, 20, "learned"), span(40, 60, "applied"), span(90, 200, "test")])]

    drawn = bars(timeline(WIDTH, "Folds", rows, period=Period(50 * SECOND, 100 * SECOND)))

    assert [one[:3] for one in drawn] == [("test", 800, 200), ("applied", 0, 200)]


def test_spans_of_one_kind_that_touch_are_one_and_none_is_too_short_to_be_seen():
    touching = [span(at / 100, (at + 1) / 100, "traded") for at in range(5000)]
    rows = [("1", [*touching, span(60, 60.001, "test"), span(70, 70, "test"), span(99, 100, "train")])]

    drawn = bars(timeline(WIDTH, "Folds", rows))

    assert [one[:2] for one in drawn] == [("train", 990), ("test", 600), ("traded", 0)]
    assert [one[2] for one in drawn] == pytest.approx([10, 0.5, 500], abs=0.1)


def test_however_many_spans_there_are_the_drawing_stays_small():
    rows = [("1", [span(at, at + 0.1, "traded") for at in range(100_000)])]

    assert len(timeline(WIDTH, "Folds", rows)) < 200_000


def test_a_long_name_stands_above_its_row_and_no_text_becomes_a_tag():
    drawn = timeline(WIDTH, "Folds", [("binance_usdm:<b>", [span(0, 1, "applied")])])

    assert "binance_usdm:&lt;b&gt;" in drawn
    assert 'class="start"' in drawn


def test_the_legend_says_what_is_there_and_nothing_else():
    text = timeline_legend([("1", [span(0, 1, "embargoed")]), ("2", [span(0, 1, "gap")])])

    assert re.findall(r"</svg>([^<]+)</span>", text) == [KINDS["embargoed"].text, KINDS["gap"].text]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_colour(kind):
    assert re.search(rf"\.{kind}\b[^{{}}]*\{{[^}}]*fill:", STYLE)
