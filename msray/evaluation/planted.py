"""Alarms against planted changes: which were found, how late, and how many random alarms would have found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from msray.evaluation.intervals import wilson_interval

SECOND = 1_000_000_000
SIGNAL_TYPES = {
    "volatility": ("volatility",),
    "imbalance": ("imbalance",),
    "intensity": ("intensity",),
    "liquidity": ("liquidity_bid", "liquidity_ask"),
}
"""Kind of change -> types of the signals that name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedChange:
    """A change whose truth is known; it lasts from ``begin_ns`` to ``end_ns`` of exchange time."""

    instrument: str
    kind: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A signal, as far as it is judged."""

    instrument: str
    signal_type: str
    event_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedScore:
    """How alarms and planted changes agree.

    Attributes
    ----------
    delays_s
        Of each change, in the order given: exchange seconds from its begin to the first alarm that names it, None where
        none came before its end.
    inside, returning, elsewhere
        Alarms while a change of the instrument is on; shortly after one, when the market returns to normal; and at any
        other time, which are the false ones.
    chance
        Share of the changes that as many alarms of the same types, at random times, are expected to find.
    """

    delays_s: tuple[float | None, ...]
    inside: int
    returning: int
    elsewhere: int
    chance: float

    @property
    def found(self) -> int:
        """Changes that were found."""
        return sum(delay is not None for delay in self.delays_s)

    @property
    def share(self) -> float:
        """Share of the changes that were found; NaN without any."""
        return self.found / len(self.delays_s) if self.delays_s else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share; the whole range without any change."""
        return wilson_interval(self.found, len(self.delays_s))

    def delay_s(self, share: float) -> float:
        """Delay within which this share of the found changes was found; NaN where none was."""
        delays = sorted(delay for delay in self.delays_s if delay is not None)
        return delays[min(int(share * len(delays)), len(delays) - 1)] if delays else math.nan


def score_planted(
    changes: Sequence[PlantedChange],
    alarms: Sequence[Alarm],
    *,
    begin_ns: int,
    end_ns: int,
    return_s: float = 5.0,
) -> PlantedScore:
    """Judge alarms.

    Parameters
    ----------
    changes
        All changes of the time that is judged; those of one instrument do not overlap.
    alarms
        Alarms of that time.
    begin_ns, end_ns
        Exchange time that is judged; it is what random alarms are spread over.
    return_s
        Seconds after a change in which an alarm means that it is over.

    Notes
    -----
    An alarm names a change where its type is one of :data:`SIGNAL_TYPES` of the change's kind. Of ``n`` random alarms
    at least one falls into a change that fills the share ``f`` of the time with probability ``1 - (1 - f) ** n``.

    Examples
    --------
    >>> change = PlantedChange(instrument="v:X", kind="volatility", begin_ns=10 * SECOND, end_ns=20 * SECOND)
    >>> alarm = Alarm(instrument="v:X", signal_type="volatility", event_ns=12 * SECOND)
    >>> score = score_planted([change], [alarm], begin_ns=0, end_ns=100 * SECOND)
    >>> score.found, score.delays_s, round(score.chance, 3)
    (1, (2.0,), 0.1)
    """
    length_ns = max(end_ns - begin_ns, 1)
    delays: list[float | None] = []
    chances = []
    for change in changes:
        naming = [
            alarm.event_ns
            for alarm in alarms
            if alarm.instrument == change.instrument and alarm.signal_type in SIGNAL_TYPES.get(change.kind, ())
        ]
        hits = [at_ns for at_ns in naming if change.begin_ns < at_ns <= change.end_ns]
        delays.append((min(hits) - change.begin_ns) / SECOND if hits else None)
        fills = min((change.end_ns - change.begin_ns) / length_ns, 1.0)
        chances.append(1.0 - (1.0 - fills) ** len(naming))
    places = [_place(alarm, changes, return_s) for alarm in alarms]
    return PlantedScore(
        delays_s=tuple(delays),
        inside=places.count("inside"),
        returning=places.count("returning"),
        elsewhere=places.count("elsewhere"),
        chance=math.fsum(chances) / len(chances) if chances else math.nan,
    )


def _place(alarm: Alarm, changes: Sequence[PlantedChange], return_s: float) -> str:
    after = [alarm.event_ns - change.end_ns for change in changes if _is_near(alarm, change, return_s)]
    if not after:
        return "elsewhere"
    return "inside" if min(after) <= 0 else "returning"


def _is_near(alarm: Alarm, change: PlantedChange, return_s: float) -> bool:
    return alarm.instrument == change.instrument and change.begin_ns < alarm.event_ns <= change.end_ns + round(
        return_s * SECOND
    )
