"""Charts as inline SVG: a plot area with two axes, and lines, bars and marks in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND
from msray.backtest.page.html import Markup, element, together

Floats = NDArray[np.float64]
Tick = tuple[float, str]

TOP, RIGHT, BOTTOM, LEFT = 14.0, 28.0, 40.0, 74.0
SHAPES = {
    "up": "m0 -6l5.5 9.5h-11z",
    "down": "m0 6l5.5 -9.5h-11z",
    "square": "m-4.5 -4.5h9v9h-9z",
    "diamond": "m0 -6l6 6l-6 6l-6 -6z",
    "circle": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
}
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places: ``low`` comes to ``begin``, ``high`` to ``end``."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: Any) -> Any:
        """Place of a value or of an array of them."""
        return self.begin + (value - self.low) * ((self.end - self.begin) / (self.high - self.low))


class Plot:
    """A chart in the making.

    Parameters
    ----------
    label
        What it shows, for those who do not see it.
    size
        Width and height.
    x, y
        Values at the ends of each axis: left and right, bottom and top.
    """

    def __init__(self, label: str, size: tuple[float, float], x: tuple[float, float], y: tuple[float, float]) -> None:
        self.size = size
        self.x = Scale(*_apart(x), LEFT, size[0] - RIGHT)
        self.y = Scale(*_apart(y), size[1] - BOTTOM, TOP)
        self._label = label
        self._parts: list[Markup] = []

    def add(self, name: str, attributes: dict[str, object], *children: object) -> None:
        """Draw an element; floats are places."""
        written = {key: place(value) if isinstance(value, float) else value for key, value in attributes.items()}
        self._parts.append(element(name, written, *children))

    def text(self, x: float, y: float, kind: str, text: object) -> None:
        """Write a text at a place."""
        self.add("text", {"x": x, "y": y, "class": kind}, text)

    def x_axis(self, numbers: Sequence[Tick], title: str) -> None:
        """Draw the axis below."""
        bottom = self.y.begin
        self.add("path", {"class": "axis", "d": f"M{place(self.x.begin)} {place(bottom)}H{place(self.x.end)}"})
        for value, text in numbers:
            x = float(self.x(value))
            self.add("path", {"class": "axis", "d": f"M{place(x)} {place(bottom)}v4"})
            self.text(x, bottom + 17, "middle", text)
        self.text((self.x.begin + self.x.end) / 2, self.size[1] - 6, "middle title", title)

    def y_axis(self, numbers: Sequence[Tick], title: str) -> None:
        """Draw the axis at the left, with a faint line at each number."""
        for value, text in numbers:
            y = float(self.y(value))
            self.add("path", {"class": "grid", "d": f"M{place(self.x.begin)} {place(y)}H{place(self.x.end)}"})
            self.text(self.x.begin - 6, y + 4, "end", text)
        turned = f"translate(13 {place((self.y.begin + self.y.end) / 2)}) rotate(-90)"
        self.add("text", {"class": "middle title", "transform": turned}, title)

    def line(self, x: Floats, y: Floats, kind: str) -> None:
        """A line through points; NaN parts it."""
        self.add("path", {"class": f"line {kind}", "d": path(self.x(x), self.y(y))})

    def area(self, x: Floats, y: Floats, kind: str) -> None:
        """What lies between a line and 0; without NaN."""
        x, y = np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[0.0], y, [0.0]])
        self.add("path", {"class": f"area {kind}", "d": path(self.x(x), self.y(y)) + "Z"})

    def level(self, y: float, kind: str, text: str, *, at_end: bool = True, is_above: bool = True) -> None:
        """A line across, with its name on it, at its end or its begin, above or below."""
        at = float(self.y(y))
        self.add("path", {"class": f"rule {kind}", "d": f"M{place(self.x.begin)} {place(at)}H{place(self.x.end)}"})
        x = self.x.end - 4 if at_end else self.x.begin + 4
        self.text(x, at - 5 if is_above and at > TOP + 16 else at + 14, f"{'end' if at_end else 'start'} {kind}", text)

    def upright(self, x: float, kind: str, text: str, line: int = 0) -> None:
        """A line up, with its name beside its top, so many lines below the upper edge."""
        at = float(self.x(x))
        self.add("path", {"class": f"rule {kind}", "d": f"M{place(at)} {place(self.y.begin)}V{place(TOP)}"})
        is_right = at > self.x.begin + 0.7 * (self.x.end - self.x.begin)
        beside = at - 5 if is_right else at + 5
        self.text(beside, TOP + 10 + 15 * line, f"{'end' if is_right else 'start'} {kind}", text)

    def box(self, x: tuple[float, float], y: tuple[float, float], kind: str, told: str = "") -> None:
        """A rectangle between values; ``told`` appears when it is pointed at."""
        x_low, x_high = sorted(map(float, map(self.x, x)))
        y_low, y_high = sorted(map(float, map(self.y, y)))
        sides: dict[str, object] = {"x": x_low, "y": y_low, "width": x_high - x_low, "height": y_high - y_low}
        self.add("rect", {"class": kind} | sides, *hint(told))

    def picture(self, source: str) -> None:
        """A picture that fills the plot area."""
        left, top = self.x.begin, self.y.end
        sides: dict[str, object] = {"x": left, "y": top, "width": self.x.end - left, "height": self.y.begin - top}
        self.add("image", {"href": source, "preserveAspectRatio": "none"} | sides)

    def mark(self, shape: str, x: float, y: float, kind: str, told: str = "") -> None:
        """One of ``SHAPES`` at a value."""
        at = f"M{place(self.x(x))} {place(self.y(y))}"
        self.add("path", {"class": kind, "d": at + SHAPES[shape]}, *hint(told))

    def svg(self) -> Markup:
        """The whole chart."""
        width, height = self.size
        box = f"0 0 {place(width)} {place(height)}"
        return element("svg", {"viewBox": box, "role": "img", "aria-label": self._label}, together(self._parts))


def path(x: Floats, y: Floats) -> str:
    """The shortest way to write a line through places, to a tenth; NaN parts it.

    Examples
    --------
    >>> path(np.array([0.0, 5.0, 5.0, 6.0]), np.array([1.0, 1.0, 2.25, np.nan]))
    'M0 1H5V2.2'
    """
    words: list[str] = []
    before: tuple[str, str] | None = None
    for one, other in zip(x.tolist(), y.tolist(), strict=True):
        if math.isnan(one) or math.isnan(other):
            before = None
            continue
        now = place(one), place(other)
        if before is None:
            words.append(f"M{now[0]} {now[1]}")
        elif now[0] != before[0]:
            words.append(f"H{now[0]}" if now[1] == before[1] else f"L{now[0]} {now[1]}")
        elif now[1] != before[1]:
            words.append(f"V{now[1]}")
        before = now
    return "".join(words)


def envelope(x: Floats, y: Floats, end: float, columns: int) -> tuple[Floats, Floats]:
    """A step curve in few points that looks the same: of each column what it begins with, its lowest, highest and last.

    Parameters
    ----------
    x, y
        Rising places from 0, and the value from each on; NaN where it is not known.
    end
        Where the last one ends.
    columns
        In how many equal parts the way from 0 to ``end`` is cut; each gives four points at most.

    Notes
    -----
    Jugel, Jerzak, Hackenbroich and Markl (2014), "M4: a visualization-oriented time series data aggregation".
    """
    if len(x) == 0:
        return np.zeros(0), np.zeros(0)
    column = np.clip((x / end * columns).astype(np.int64), 0, columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    lowest, highest = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    last = y[np.append(starts[1:], len(y)) - 1]
    held = np.append(y[0], last[:-1])
    points_y = np.column_stack([held, lowest, highest, last])
    points_y[np.isnan(held), 0] = lowest[np.isnan(held)]
    return np.append(np.repeat(x[starts], 4), end), np.append(points_y.ravel(), last[-1])


def ticks(low: float, high: float, most: int) -> list[Tick]:
    """Round numbers from ``low`` to ``high``, about so many, and how they are written.

    Examples
    --------
    >>> ticks(0.0, 1.0, 5)
    [(0.0, '0.0'), (0.2, '0.2'), (0.4, '0.4'), (0.6, '0.6'), (0.8, '0.8'), (1.0, '1.0')]
    """
    low, high = _apart((low, high))
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    numbers = [round(number * step, decimals) + 0.0 for number in range(first, last + 1)]
    return [(one, f"{one:,.{decimals}f}") for one in numbers]


def percent_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Round numbers, written as percentages."""
    return [(value / 100, f"{text}%") for value, text in ticks(low * 100, high * 100, most)]


def time_ticks(begin_ns: int, end_ns: int, most: int) -> tuple[list[Tick], str]:
    """Round times as seconds since ``begin_ns``, and the title of their axis."""
    span = (end_ns - begin_ns) / SECOND
    step = next((step for step in _TIME_STEPS if span / step <= most), 86_400 * max(1, math.ceil(span / 86_400 / most)))
    found = []
    for at in range(-(-begin_ns // (step * SECOND)) * step, end_ns // SECOND + 1, step):
        form = "%m-%d" if at % 86_400 == 0 else "%H:%M:%S" if step < 60 else "%H:%M"
        found.append(((at * SECOND - begin_ns) / SECOND, f"{datetime.fromtimestamp(at, UTC):{form}}"))
    first, last = (f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d}" for at in (begin_ns, end_ns))
    return found, f"UTC, {first}" if first == last else f"UTC, {first} to {last}"


def _apart(bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds that are not the same number."""
    low, high = bounds
    if abs(high - low) > max(1e-12 * max(abs(low), abs(high)), 1e-100):
        return low, high
    room = abs(low) * 1e-3 or 1.0
    return low - room, high + room


def hint(text: str) -> tuple[Markup, ...]:
    """What appears when an element is pointed at."""
    return (element("title", {}, text),) if text else ()


def place(value: float) -> str:
    """A place, to a tenth."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")
