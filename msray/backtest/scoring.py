"""What signals were worth, apart from any strategy: how often the best of them were right, and how early."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND, BacktestConfig
from msray.backtest.follower import side_of
from msray.backtest.tape import Tape, TwoClocks
from msray.evaluation import LeadTimes, PrecisionAtK, Predictions, Watched, precision_at_k, score_lead_time
from msray.labels import Barriers, Prices, completed_moves, triple_barrier
from msray.market import GAP, MAX_TICK

KS = (1, 5, 10, 20)
_RANDOM_ALARMS = 1
"""Stream of the seed from which the random alarms come: nothing else draws from it."""
GRID_NS = SECOND
"""What random times would have hit is asked at every one of these."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedSignals:
    """Signals and what came of them; an entry a signal in each array.

    Attributes
    ----------
    score
        ``float64``, 0 to 1.
    side
        ``int8``: 1 long, -1 short, 0 none.
    spans
        ``int64``, two columns: when it was known, and when what it is judged by was; the same twice where nobody can
        judge it.
    hit
        ``float64``: 1 where a position on its side (on either, if it has none) met the profit target first, 0 where
        not, NaN where what was recorded ends or has a gap before the holding time is over.
    direction
        ``int8``: 1 where the price rose to a barrier of its side's position, or a long one's; -1 where it fell to one,
        0 where it met neither in time.
    random_rate
        ``float64``: how often a position of that side is a hit at any time.
    """

    score: NDArray[np.float64]
    side: NDArray[np.int8]
    spans: NDArray[np.int64]
    hit: NDArray[np.float64]
    direction: NDArray[np.int8]
    random_rate: NDArray[np.float64]

    @property
    def is_judged(self) -> NDArray[np.bool_]:
        """Whether anything can be said of each."""
        return ~np.isnan(self.hit)

    @property
    def predictions(self) -> Predictions:
        """Those that are judged, as predictions of what their sides say."""
        rows = self.is_judged
        return Predictions.of_signals(
            self.direction[rows],
            self.side[rows],
            self.score[rows],
            self.hit[rows] > 0,
            spans=self.spans[rows],
            random_rate=float(self.random_rate[rows].mean()) if rows.any() else float("nan"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalScore:
    """What signals were worth.

    A signal is a hit if a position taken when it was known, on its side, would have met the profit target before the
    stop and the end of the holding time; one that has no side, if a position on either side would.

    Attributes
    ----------
    judged, unjudged
        Signals whose holding time lies inside what was recorded, and those for which it does not.
    precision
        Of the highest scores; ``base_rate`` there is the share of hits among all judged signals.
    random_rate
        Share of hits expected at random times, with the same sides; NaN where nothing could be judged.
    events
        Moves of the mid by the profit target since the last such move; each at the time at which it was complete.
    lead
        How long before these the signals came, and as many at random times; None without an event or a signal.
    signals
        One by one.
    """

    judged: int
    unjudged: int
    precision: tuple[PrecisionAtK, ...]
    random_rate: float
    events: int
    lead: LeadTimes | None
    signals: JudgedSignals

    @property
    def spans(self) -> NDArray[np.int64]:
        """``(judged, 2)``: when each judged one was known, and when it was a hit or could be none any more."""
        return self.signals.spans[self.signals.is_judged]


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What of one instrument signals are judged by.

    Attributes
    ----------
    prices
        Best prices by the time at which they were known; NaN from a gap on.
    known_ns, score, side
        When each of its signals was known, how sure it is (0 to 1), and the side it speaks for: 1, -1, or 0 for none.
    periods
        ``(m, 2)`` int64: begin and end of what was recorded without a gap.
    message_ns
        When each message of the tape was known.
    """

    prices: Prices
    known_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    side: NDArray[np.int64]
    periods: NDArray[np.int64]
    message_ns: NDArray[np.int64]


def read_market(tape: Tape, config: BacktestConfig) -> Market:
    """The market of a tape, by the clocks of a backtest."""
    _, known_ns = TwoClocks(config).read(tape.records)
    bid, ask = tape.bests[:, 0], tape.bests[:, 2]
    is_whole = (bid >= 0) & (ask <= MAX_TICK) & (bid <= ask)
    gap = np.flatnonzero(tape.records.messages["kind"] == GAP)
    at = np.concatenate([tape.row_message[is_whole], gap])
    order = np.argsort(at, kind="stable")
    quotes = np.concatenate([part.instrument.price(part.bests[:, [0, 2]]) for part in tape.by_grid()])
    quotes = np.concatenate([quotes[is_whole], np.full((len(gap), 2), np.nan)])[order]
    prices = Prices.of_quotes(known_ns[at][order], *np.ascontiguousarray(quotes.T))
    return Market(
        prices,
        known_ns[tape.signal_message],
        np.array([signal.score for signal in tape.signals], np.float64),
        np.array([side_of(signal) for signal in tape.signals], np.int64),
        _periods(prices),
        known_ns,
    )


def with_signals(
    market: Market,
    tape: Tape,
    *,
    event_ns: NDArray[np.int64],
    score: NDArray[np.float64],
    side: NDArray[np.int64],
) -> Market:
    """A market with other signals than its own.

    Parameters
    ----------
    market, tape
        The market, and the tape that it was read from.
    event_ns
        Exchange time of each signal, in any order. It is known when the last message up to that time was.
    score, side
        As in :class:`Market`.
    """
    times = np.maximum.accumulate(tape.records.messages["event_ns"])
    last = np.searchsorted(times, event_ns, side="right") - 1
    known_ns = np.where(last < 0, event_ns, np.append(market.message_ns, 0)[last])
    return replace(market, known_ns=known_ns, score=score, side=side)


def score_signals(tapes: Iterable[Tape], config: BacktestConfig) -> SignalScore:
    """Judge the signals of all tapes by the exits of a configuration.

    Parameters
    ----------
    tapes
        One an instrument.
    config
        Gives profit target, stop, holding time, clocks and seed.
    """
    return score_markets([read_market(tape, config) for tape in tapes], config)


def score_markets(markets: Sequence[Market], config: BacktestConfig) -> SignalScore:
    """Judge the signals of at least one market; see :func:`score_signals`."""
    signals = _joined([_judge(market, exits_of(config)) for market in markets])
    known = signals.is_judged
    random_rate = signals.random_rate[known]
    precision: tuple[PrecisionAtK, ...] = ()
    if known.any():
        times = signals.spans[known, 0]
        precision = precision_at_k(signals.score[known], signals.hit[known] > 0, KS, tie_break=(times,))
    lead, events = _lead(markets, config)
    return SignalScore(
        judged=int(known.sum()),
        unjudged=int((~known).sum()),
        precision=precision,
        random_rate=float(random_rate.mean()) if len(random_rate) else float("nan"),
        events=events,
        lead=lead,
        signals=signals,
    )


def exits_of(config: BacktestConfig) -> Barriers:
    """The exits of a configuration, as labels have them; what meets neither price is labelled 0."""
    return Barriers(
        profit_target_pct=config.profit_target_pct,
        stop_loss_pct=config.stop_loss_pct,
        max_holding_s=config.max_holding_seconds,
        timeout="zero",
    )


def _judge(market: Market, barriers: Barriers) -> JudgedSignals:
    grid_ns = np.concatenate([np.arange(begin, end, GRID_NS) for begin, end in market.periods] or [np.zeros(0)])
    rate = np.full(len(market.side), np.nan)
    for side in np.unique(market.side):
        any_time, _, _ = _outcomes(market.prices, grid_ns.astype(np.int64), np.full(len(grid_ns), side), barriers)
        if not np.isnan(any_time).all():
            rate[market.side == side] = np.nanmean(any_time)
    hit, direction, end_ns = _outcomes(market.prices, market.known_ns, market.side, barriers)
    return JudgedSignals(
        score=market.score,
        side=market.side.astype(np.int8),
        spans=np.column_stack([market.known_ns, end_ns]),
        hit=hit,
        direction=direction,
        random_rate=rate,
    )


def _outcomes(
    prices: Prices, at_ns: NDArray[np.int64], sides: NDArray[np.int64], barriers: Barriers
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int64]]:
    """Hit, direction and end of each, as :class:`JudgedSignals` has them."""
    hit, direction, end_ns = np.full(len(at_ns), np.nan), np.zeros(len(at_ns), np.int8), at_ns.copy()
    for side in (-1, 1):  # of what has no side the long position says the direction
        asked = np.flatnonzero((sides == side) | (sides == 0))
        labels = triple_barrier(prices, at_ns[asked], side, barriers=barriers)
        mine = asked[labels.event]
        hit[mine] = np.fmax(hit[mine], labels.barrier == 1)
        direction[mine] = labels.barrier * side
        end_ns[mine] = np.maximum(end_ns[mine], labels.spans[:, 1])
    return hit, direction, end_ns


def _joined(parts: Sequence[JudgedSignals]) -> JudgedSignals:
    """Signals of several markets, in the order of time."""
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in JudgedSignals.__dataclass_fields__
    }
    order = np.argsort(columns["spans"][:, 0], kind="stable")
    return JudgedSignals(**{name: column[order] for name, column in columns.items()})


def _lead(markets: Sequence[Market], config: BacktestConfig) -> tuple[LeadTimes | None, int]:
    watched, events, alarms = [], 0, 0
    for market in markets:
        if not len(market.periods):
            continue
        onset_ns = completed_moves(market.prices, config.profit_target_pct)
        onset_ns = onset_ns[_inside(market.periods, onset_ns)]
        inside = _inside(market.periods, market.known_ns)
        watched.append(Watched(onset_ns=onset_ns, alarm_ns=market.known_ns[inside], periods=market.periods))
        events += len(onset_ns)
        alarms += int(inside.sum())
    if events == 0 or alarms == 0:
        return None, events
    horizon_ns = round(config.max_holding_seconds * SECOND)
    return score_lead_time(
        watched, horizon_ns=horizon_ns, rng=np.random.default_rng([config.seed, _RANDOM_ALARMS])
    ), events


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
