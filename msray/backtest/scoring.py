"""What signals were worth, apart from any strategy: how often the best of them were right, and how early."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import MS, SECOND, BacktestConfig
from msray.backtest.follower import side_of
from msray.backtest.tape import Tape, TwoClocks
from msray.evaluation import LeadTimes, PrecisionAtK, Watched, precision_at_k, score_lead_time
from msray.labels import Barriers, Prices, completed_moves, triple_barrier
from msray.market import GAP, MAX_TICK, Signal

KS = (1, 5, 10, 20)
GRID_NS = SECOND
"""What random times would have hit is asked at every one of these."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalScore:
    """What signals were worth.

    A signal is a hit if a position taken when it was known, on its side, would have met the profit target before the
    stop and the end of the holding time; one that has no side, if a position on either side would.

    Attributes
    ----------
    judged, unjudged
        Signals whose holding time lies inside what was recorded, and those for which it does not.
    spans
        ``(judged, 2)`` int64: when each judged one was known, and when it was a hit or could be none any more.
    precision
        Of the highest scores; ``base_rate`` there is the share of hits among all judged signals.
    random_rate
        Share of hits expected at random times, with the same sides; NaN where nothing could be judged.
    events
        Moves of the mid by the profit target since the last such move; each at the time at which it was complete.
    lead
        How long before these the signals came, and as many at random times; None without an event or a signal.
    """

    judged: int
    unjudged: int
    spans: NDArray[np.int64]
    precision: tuple[PrecisionAtK, ...]
    random_rate: float
    events: int
    lead: LeadTimes | None


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What of one instrument signals are judged by.

    Attributes
    ----------
    prices
        Best prices by the time at which they were known; NaN from a gap on.
    signals, known_ns
        Its signals, and when each was known.
    periods
        ``(m, 2)`` int64: begin and end of what was recorded without a gap.
    """

    prices: Prices
    signals: tuple[Signal, ...]
    known_ns: NDArray[np.int64]
    periods: NDArray[np.int64]


def read_market(tape: Tape, config: BacktestConfig) -> Market:
    """The market of a tape, by the clocks of a backtest."""
    _, known_ns = TwoClocks(config).read(tape.records)
    messages, instrument = tape.records.messages, tape.instrument
    bid, ask = tape.bests[:, 0], tape.bests[:, 2]
    whole = (bid >= 0) & (ask <= MAX_TICK) & (bid <= ask)
    row = tape.row_message[whole]
    gap = np.flatnonzero(messages["kind"] == GAP)
    at = np.concatenate([row, gap])
    order = np.argsort(at, kind="stable")
    nothing = np.full(len(gap), np.nan)
    prices = Prices.of_quotes(
        known_ns[at][order],
        np.concatenate([instrument.price(bid[whole]), nothing])[order],
        np.concatenate([instrument.price(ask[whole]), nothing])[order],
    )
    return Market(prices, tape.signals, known_ns[tape.signal_message], _periods(prices))


def score_signals(tapes: Iterable[Tape], config: BacktestConfig) -> SignalScore:
    """Judge the signals of all tapes by the exits of a configuration.

    Parameters
    ----------
    tapes
        One an instrument.
    config
        Gives profit target, stop, holding time, clocks and seed.
    """
    markets = [read_market(tape, config) for tape in tapes]
    barriers = Barriers(
        profit_target_pct=config.profit_target_pct,
        stop_loss_pct=config.stop_loss_pct,
        max_holding_s=config.max_holding_seconds,
    )
    judged = [_judge(market, barriers) for market in markets]
    hits = np.concatenate([np.zeros(0), *(one[0] for one in judged)])
    known = ~np.isnan(hits)
    scores = np.array([signal.score for market in markets for signal in market.signals])
    times = np.concatenate([np.zeros(0, np.int64), *(market.known_ns for market in markets)])
    ends = np.concatenate([np.zeros(0, np.int64), *(one[1] for one in judged)])
    random_rate = np.concatenate([np.zeros(0), *(one[2] for one in judged)])[known]
    precision: tuple[PrecisionAtK, ...] = ()
    if known.any():
        precision = precision_at_k(scores[known], hits[known] > 0, KS, tie_break=(times[known],))
    lead, events = _lead(markets, config)
    return SignalScore(
        judged=int(known.sum()),
        unjudged=int((~known).sum()),
        spans=np.column_stack([times, ends])[known],
        precision=precision,
        random_rate=float(random_rate.mean()) if len(random_rate) else float("nan"),
        events=events,
        lead=lead,
    )


def _judge(market: Market, barriers: Barriers) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """For each signal whether it was a hit, since when that is known, and how often its side is one at any time."""
    sides = np.array([side_of(signal) for signal in market.signals], np.int64)
    hit, end_ns = _hits(market.prices, market.known_ns, sides, barriers)
    grid_ns = np.concatenate([np.arange(begin, end, GRID_NS) for begin, end in market.periods] or [np.zeros(0)])
    rate = np.full(len(sides), np.nan)
    for side in np.unique(sides):
        any_time, _ = _hits(market.prices, grid_ns.astype(np.int64), np.full(len(grid_ns), side), barriers)
        if not np.isnan(any_time).all():
            rate[sides == side] = np.nanmean(any_time)
    return hit, end_ns, rate


def _hits(
    prices: Prices, at_ns: NDArray[np.int64], sides: NDArray[np.int64], barriers: Barriers
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """1 where a position of that side (0: of either) meets its target, 0 where not, NaN where nobody can say; since."""
    hit, end_ns = np.full(len(at_ns), np.nan), at_ns.copy()
    for side in (1, -1):
        asked = np.flatnonzero((sides == side) | (sides == 0))
        labels = triple_barrier(prices, at_ns[asked], side, barriers=barriers)
        mine = asked[labels.event]
        hit[mine] = np.fmax(hit[mine], labels.barrier == 1)
        end_ns[mine] = np.maximum(end_ns[mine], labels.spans[:, 1])
    return hit, end_ns


def _lead(markets: Sequence[Market], config: BacktestConfig) -> tuple[LeadTimes | None, int]:
    watched, events, alarms = [], 0, 0
    for market in markets:
        if not len(market.periods):
            continue
        onset_ns = completed_moves(market.prices, config.profit_target_pct)
        inside = _inside(market.periods, market.known_ns)
        watched.append(Watched(onset_ns=onset_ns, alarm_ns=market.known_ns[inside], periods=market.periods))
        events += len(onset_ns)
        alarms += int(inside.sum())
    if events == 0 or alarms == 0:
        return None, events
    horizon_ns = round(config.max_holding_seconds * SECOND)
    return score_lead_time(watched, horizon_ns=horizon_ns, rng=np.random.default_rng([config.seed, MS])), events


def _periods(prices: Prices) -> NDArray[np.int64]:
    """From each first price after a gap to the next gap, or just behind the last price."""
    if not len(prices):
        return np.zeros((0, 2), np.int64)
    is_gap = np.isnan(prices.bid.close)
    begins = np.flatnonzero(~is_gap & np.append(True, is_gap[:-1]))
    ends = np.append(np.flatnonzero(is_gap & np.append(False, ~is_gap[:-1])), len(prices) - 1)[: len(begins)]
    periods = np.column_stack([prices.at_ns[begins], prices.at_ns[ends] + (ends == len(prices) - 1)])
    return periods[periods[:, 1] > periods[:, 0]]


def _inside(periods: NDArray[np.int64], at_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    period = np.searchsorted(periods[:, 0], at_ns, side="right") - 1
    inside: NDArray[np.bool_] = (period >= 0) & (at_ns < periods[period, 1])
    return inside
