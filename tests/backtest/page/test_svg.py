"""Curves in few points, axes with round numbers."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.backtest.page.svg import Plot, Scale, envelope, path, percent_ticks, ticks, time_ticks

SECOND = 1_000_000_000


def held(x, y, at):
    """Value of a step curve at a place; NaN before its first point."""
    before = np.flatnonzero(x <= at)
    return y[before[-1]] if len(before) else np.nan


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.one_of(st.integers(-5, 5), st.just(float("nan")))), min_size=1, max_size=60
    ),
    st.integers(1, 40),
)
def test_a_thinned_curve_has_the_extremes_of_each_column_and_what_is_held_between(points, columns):
    points = sorted(points, key=lambda point: point[0])
    x, y = np.array([p[0] for p in points], float), np.array([p[1] for p in points], float)

    thin_x, thin_y = envelope(x, y, 1000.0, columns)

    column = (x / 1000.0 * columns).astype(int)
    thin_column = np.minimum((thin_x / 1000.0 * columns).astype(int), columns - 1)
    for one in range(columns):
        mine, thin = y[column == one], thin_y[thin_column == one]
        if not len(mine) or np.isnan(mine).all():
            continue
        before = held(x[column < one], y[column < one], 1e9)
        assert np.nanmin(thin) == np.nanmin([*mine, before])
        assert np.nanmax(thin) == np.nanmax([*mine, before])
    assert len(thin_x) <= 4 * columns + 1
    assert (np.diff(thin_x) >= 0).all()
    assert thin_x[-1] == 1000.0
    assert thin_y[-1] == pytest.approx(y[-1], nan_ok=True)


def test_a_curve_of_few_points_is_drawn_exactly():
    x, y = np.array([0.0, 400.0, 900.0]), np.array([1.0, 3.0, 2.0])

    thin = envelope(x, y, 1000.0, 500)

    assert path(*thin) == "M0 1H400V3H900V2H1000"


def test_a_curve_is_parted_where_nothing_is_known():
    x, y = np.array([0.0, 100.0, 500.0]), np.array([1.0, np.nan, 4.0])

    assert path(*envelope(x, y, 1000.0, 500)) == "M0 1H100M500 4H1000"


def test_no_points_are_no_curve():
    assert path(*envelope(np.zeros(0), np.zeros(0), 10.0, 5)) == ""


@given(st.floats(-1e9, 1e9), st.one_of(st.just(0.0), st.floats(1e-9, 1e9)), st.integers(1, 12))
def test_numbers_of_an_axis_are_inside_it_and_not_too_many(low, length, most):
    found = ticks(low, low + length, most)
    values = [value for value, _ in found]
    room = 1e-6 * max(abs(low), length, 1.0) + (0 if length > 1e-6 * abs(low) else 0.01 * abs(low) + 1.0)

    assert len(found) <= most + 1
    assert values == sorted(set(values))
    assert all(low - room <= value <= low + length + room for value in values)
    assert all(float(text.replace(",", "")) == value for value, text in found)


def test_percentages_are_written_with_the_digits_that_their_step_needs():
    assert [text for _, text in percent_ticks(0.0, 0.002, 4)] == ["0.00%", "0.05%", "0.10%", "0.15%", "0.20%"]


@given(st.integers(0, 2 * 10**18), st.integers(1, 400 * 86_400), st.integers(2, 12))
def test_times_of_an_axis_are_inside_it_round_and_not_too_many(begin_ns, seconds, most):
    end_ns = begin_ns + seconds * SECOND

    found, title = time_ticks(begin_ns, end_ns, most)

    assert len(found) <= most + 1
    assert all(0 <= at <= seconds for at, _ in found)
    assert title.startswith(f"UTC, {datetime.fromtimestamp(begin_ns // SECOND, UTC):%Y-%m-%d}")


def test_midnight_is_written_as_its_day():
    found, title = time_ticks(1_723_161_540 * SECOND, 1_723_161_720 * SECOND, 4)

    assert [text for _, text in found] == ["23:59", "08-09", "00:01", "00:02"]
    assert title == "UTC, 2024-08-08 to 2024-08-09"


def test_a_scale_puts_its_ends_where_they_belong():
    scale = Scale(10.0, 20.0, 100.0, 0.0)

    assert (scale(10.0), scale(20.0)) == (100.0, 0.0)
    assert scale(np.array([15.0])).tolist() == [50.0]


def test_a_plot_of_one_value_has_room_around_it():
    plot = Plot("flat", (200.0, 100.0), (0.0, 1.0), (7.0, 7.0))

    assert plot.y.low < 7.0 < plot.y.high
    assert 'aria-label="flat"' in plot.svg()
