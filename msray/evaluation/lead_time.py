"""How long before an event an alarm came, and how long before it a random alarm would have come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from msray.arguments import checked_count, checked_number
from msray.errors import UsageError
from msray.evaluation.intervals import wilson_interval
from msray.evaluation.watched import Times, Watched
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SECOND, HOUR = 1_000_000_000, 3_600_000_000_000
MOST_HORIZON_NS = 10**18
"""Thirty years; onset less horizon stays an int64."""
MOST_DRAWS = 1_000_000
LEAD_BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomAlarms:
    """As many alarms at uniformly random times, drawn again and again.

    Attributes
    ----------
    draws
        How often they were drawn.
    detection_rate, median_s, restricted_mean_s
        Their figures as in :class:`LeadTimes`, averaged over the draws; the median over the draws that have one.
    p_detection_rate, p_median, p_restricted_mean
        How often a draw is at least as good: ``(1 + such draws) / (1 + draws)``, Davison and Hinkley (1997). Below 0.05
        or so the alarms know something. No lead at all is worse than any.
    lead_edges_s
        Edges of ``LEAD_BINS`` equal parts of the time from the shortest to the longest lead.
    lead_counts
        Events found with a lead in each part, averaged over the draws.
    """

    draws: int
    detection_rate: float
    median_s: float
    restricted_mean_s: float
    p_detection_rate: float
    p_median: float
    p_restricted_mean: float
    lead_edges_s: tuple[float, ...]
    lead_counts: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeadTimes:
    """How alarms and events agree.

    Attributes
    ----------
    lead_s
        Of each event, in the order given, one instrument after the other: seconds from its alarm to its onset, NaN
        where it was missed.
    detection_rate, low, high
        Share of the events that were found, and Wilson's interval of it; NaN without any event.
    median_s
        Median lead of the events that were found; NaN where none was.
    restricted_mean_s
        Mean lead of all events, that of a missed one 0; NaN without any event.
    false_alarms, false_alarms_per_hour
        Alarms that no event was matched with, also the second one before the same event; and in an hour of watching.
    random
        What as many alarms at random times reach: a lead means something only beside it.
    """

    lead_s: Floats
    detection_rate: float
    low: float
    high: float
    median_s: float
    restricted_mean_s: float
    false_alarms: int
    false_alarms_per_hour: float
    random: RandomAlarms

    @property
    def mean_s(self) -> float:
        """Mean lead of the events that were found; NaN where none was."""
        found = self.lead_s[~np.isnan(self.lead_s)]
        return float(found.mean()) if len(found) else math.nan

    def quantile_s(self, share: float) -> float:
        """Lead that this share of the found events stays below; NaN where none was found.

        Raises
        ------
        UsageError
            If the share is not 0 to 1.
        """
        checked_number("share", share, least=0, most=1)
        found = self.lead_s[~np.isnan(self.lead_s)]
        return float(np.quantile(found, share)) if len(found) else math.nan

    def to_pandas(self) -> "pd.DataFrame":
        """One row a figure (detection_rate, median_s, restricted_mean_s): ``alarms``, ``random``, ``p_value``."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        rival = self.random
        return pd.DataFrame(
            {
                "alarms": [self.detection_rate, self.median_s, self.restricted_mean_s],
                "random": [rival.detection_rate, rival.median_s, rival.restricted_mean_s],
                "p_value": [rival.p_detection_rate, rival.p_median, rival.p_restricted_mean],
            },
            index=["detection_rate", "median_s", "restricted_mean_s"],
        )


def score_lead_time(
    watched: Sequence[Watched],
    *,
    horizon_ns: int,
    rng: np.random.Generator,
    minimum_lead_ns: int = 0,
    draws: int = 1000,
    level: float = 0.95,
) -> LeadTimes:
    """Judge alarms by how long before the events they came.

    An alarm may warn of an event that begins ``minimum_lead_ns`` to ``horizon_ns`` after it. Each alarm warns of one
    event at most, and each event is warned of by one alarm at most: event by event, each takes the earliest alarm that
    is free. No other matching finds more events.

    Parameters
    ----------
    watched
        One for each instrument, at least one.
    horizon_ns, minimum_lead_ns
        Longest and shortest lead; ``0 <= minimum_lead_ns <= horizon_ns``.
    rng
        Where the random alarms come from: each instrument gets as many as it had, anywhere in its periods. Its seed is
        not that of made-up events, or it may draw their very times.
    draws
        How often, 1 to 1,000,000.
    level
        Of the interval.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Examples
    --------
    >>> minute = 60 * SECOND
    >>> one = Watched(onset_ns=[10 * minute, 30 * minute], alarm_ns=[9 * minute], periods=[(0, 60 * minute)])
    >>> score = score_lead_time([one], horizon_ns=2 * minute, rng=np.random.default_rng(1))
    >>> score.detection_rate, score.median_s, score.restricted_mean_s, score.false_alarms_per_hour
    (0.5, 60.0, 30.0, 0.0)
    >>> round(score.random.detection_rate, 2)  # one alarm in an hour, 2 x 2 minutes of which are before an event
    0.03
    """
    if not watched:
        raise UsageError("watched must hold at least one instrument, got none")
    horizon_ns = checked_count("horizon_ns", horizon_ns, 1, MOST_HORIZON_NS)
    window_ns = horizon_ns, checked_count("minimum_lead_ns", minimum_lead_ns, 0, horizon_ns)
    checked_count("draws", draws, 1, MOST_DRAWS)
    lead_ns = np.concatenate([one.leads(one.alarm_ns, *window_ns) for one in watched])
    found = int((lead_ns >= 0).sum())
    low, high = wilson_interval(found, len(lead_ns), level=level)
    figures = _figures(lead_ns)
    false_alarms = sum(len(one.alarm_ns) for one in watched) - found
    return LeadTimes(
        lead_s=np.where(lead_ns >= 0, lead_ns / SECOND, math.nan),
        detection_rate=figures[0],
        low=low,
        high=high,
        median_s=figures[1],
        restricted_mean_s=figures[2],
        false_alarms=false_alarms,
        false_alarms_per_hour=false_alarms / (sum(one.watched_ns for one in watched) / HOUR),
        random=_random_alarms(watched, window_ns, figures, draws, rng),
    )


def _figures(lead_ns: Times) -> tuple[float, float, float]:
    """Share found, median lead of these and mean lead of all, in seconds; NaN where there is nothing."""
    found = lead_ns[lead_ns >= 0]
    if not len(lead_ns):
        return math.nan, math.nan, math.nan
    median_ns = float(np.median(found)) if len(found) else math.nan
    return len(found) / len(lead_ns), median_ns / SECOND, float(found.sum(dtype=np.float64)) / len(lead_ns) / SECOND


def _random_alarms(
    watched: Sequence[Watched],
    window_ns: tuple[int, int],
    seen: tuple[float, float, float],
    draws: int,
    rng: np.random.Generator,
) -> RandomAlarms:
    drawn = np.empty((draws, 3))
    edges_ns = np.linspace(window_ns[1], window_ns[0], LEAD_BINS + 1)
    counts = np.zeros(LEAD_BINS)
    for i in range(draws):
        lead_ns = np.concatenate([one.leads(one.random_alarms(rng), *window_ns) for one in watched])
        drawn[i] = _figures(lead_ns)
        counts += np.histogram(lead_ns[lead_ns >= 0], edges_ns)[0]
    has_median = ~np.isnan(drawn[:, 1])
    # Below every lead there can be: a draw without one beats nothing, alarms without one are beaten by all.
    as_good = (np.nan_to_num(drawn, nan=-1.0) >= np.nan_to_num(np.array(seen), nan=-1.0)).sum(axis=0)
    is_known = not math.isnan(seen[0])
    p_values = [float(p) if is_known else math.nan for p in (1 + as_good) / (1 + draws)]
    return RandomAlarms(
        draws=draws,
        detection_rate=float(drawn[:, 0].mean()),
        median_s=float(drawn[has_median, 1].mean()) if has_median.any() else math.nan,
        restricted_mean_s=float(drawn[:, 2].mean()),
        p_detection_rate=p_values[0],
        p_median=p_values[1],
        p_restricted_mean=p_values[2],
        lead_edges_s=tuple((edges_ns / SECOND).tolist()),
        lead_counts=tuple((counts / draws).tolist()),
    )
