"""Labels and their weights as the definitions say: one at a time, over all rows, with fractions where that is exact."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Row:
    """A quote or a bar: low, high, close of bid and ask."""

    at_ns: int
    bid: tuple[float, float, float]
    ask: tuple[float, float, float]

    @property
    def is_gap(self) -> bool:
        return math.isnan(self.bid[2])


@dataclass(frozen=True)
class Outcome:
    barrier: int
    end_ns: int
    gross_return: float


def decayed_sums(keep: Sequence[float], values: Sequence[float]) -> list[float]:
    """All past values, each with what is left of it."""
    return [
        math.fsum(v * math.prod(keep[j + 1 : i + 1]) for j, v in enumerate(values[: i + 1])) for i in range(len(values))
    ]


def triple_barrier(
    rows: Sequence[Row], at_ns: int, side: int, profit: float, stop: float, holding_ns: int
) -> Outcome | str:
    """What ends a position, or why there is no telling."""
    before = [row for row in rows if row.at_ns <= at_ns]
    after = list(rows[len(before) :])
    if not before or before[-1].is_gap:
        return "no_quote"
    gaps = [row.at_ns for row in after if row.is_gap]
    end_ns = at_ns + holding_ns
    if (gaps and gaps[0] <= end_ns) or rows[-1].at_ns < end_ns:
        return "incomplete"
    entry = before[-1].ask[2] if side > 0 else before[-1].bid[2]
    path = [(row.at_ns, row.bid if side > 0 else row.ask) for row in [before[-1], *after] if row.at_ns <= end_ns]
    for touch_ns, (low, high, _) in path[1:]:
        ends = sorted((side * (low - entry) / entry, side * (high - entry) / entry))
        worst, best = ends
        if worst <= -stop + 1e-12:
            return Outcome(-1, touch_ns, -stop if best >= -stop - 1e-12 and worst < best else worst)
        if best >= profit - 1e-12:
            return Outcome(1, touch_ns, max(profit, worst) if worst < best else worst)
    return Outcome(0, end_ns, side * (path[-1][1][2] - entry) / entry)


def volatility(rows: Sequence[Row], at_ns: int, *, half_life_ns: int, horizon_ns: int, sample_ns: int) -> float:
    """The mid at each sampling time since the data or the last gap began, up to the event."""
    seen = [row for row in rows if row.at_ns <= at_ns]
    gaps = [i for i, row in enumerate(seen) if row.is_gap]
    epoch = seen[gaps[-1] + 1 :] if gaps else seen
    if not epoch:
        return math.nan
    mids = []
    first = -(-epoch[0].at_ns // sample_ns)
    for step in range(first, at_ns // sample_ns + 1):
        last = [row for row in epoch if row.at_ns <= step * sample_ns][-1]
        mids.append((last.bid[2] + last.ask[2]) / 2)
    if (len(mids) - 1) * sample_ns < half_life_ns:
        return math.nan
    squares = [math.log(b / a) ** 2 for a, b in itertools.pairwise(mids)]
    weights = [2.0 ** (-age * sample_ns / half_life_ns) for age in reversed(range(len(squares)))]
    mean = math.fsum(w * s for w, s in zip(weights, squares, strict=True)) / math.fsum(weights)
    return math.sqrt(mean * horizon_ns / sample_ns)


def change(mid: Sequence[int], t: int, *, past: int, future: int, horizon: int) -> Fraction:
    """Mean of ``future`` mids up to ``horizon`` rows after ``t``, over that of ``past`` up to ``t``."""
    before = Fraction(sum(mid[t - past + 1 : t + 1]), past)
    after = Fraction(sum(mid[t + horizon - future + 1 : t + horizon + 1]), future)
    return (after - before) / before


def uniqueness(spans: Sequence[tuple[int, int]], drawn: Sequence[int] | None = None) -> list[Fraction]:
    """Unit by unit; among all, or of each one with those in ``drawn``."""
    out = []
    for begin, end in spans:
        others = spans if drawn is None else [spans[d] for d in drawn] + [(begin, end)]
        live = [sum(b <= t <= e for b, e in others) for t in range(begin, end + 1)]
        out.append(sum((Fraction(1, c) for c in live), Fraction()) / len(live))
    return out


def sequential_bootstrap(spans: Sequence[tuple[int, int]], uniform: Sequence[float]) -> list[int]:
    """A label for each number: the first whose running share of the uniqueness is beyond it."""
    drawn: list[int] = []
    for x in uniform:
        of_each = uniqueness(spans, drawn)
        running = [sum(of_each[: j + 1], Fraction()) for j in range(len(spans))]
        drawn.append(next(j for j, total in enumerate(running) if total > Fraction(x) * running[-1]))
    return drawn


def return_weights(spans: Sequence[tuple[int, int]], at_ns: Sequence[int], mid: Sequence[float]) -> list[float]:
    """Each return shared among the spans it lies in; not divided by the mean."""
    out = []
    for begin, end in spans:
        shares = []
        for i in range(1, len(mid)):
            if begin < at_ns[i] <= end:
                live = sum(b < at_ns[i] <= e for b, e in spans)
                shares.append(math.log(mid[i] / mid[i - 1]) / live)
        out.append(abs(math.fsum(shares)))
    return out
