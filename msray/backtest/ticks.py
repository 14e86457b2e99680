"""``backtest_ticks``: signals traded at known prices, for those who have quotes, trades or bars but no order book."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.backtest import kernels_ticks as k
from msray.backtest.agenda import NEVER_NS
from msray.backtest.config import SECOND, BacktestConfig
from msray.errors import UsageError
from msray.extras import from_extra
from msray.labels import Prices

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REASONS = {1: "profit", -1: "stop", 0: "timeout"}
BASIS_POINT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickBacktest:
    """What came of signals, a trade after the other; an entry a trade in each array.

    Attributes
    ----------
    config
        What was assumed.
    signal
        ``int64``: which signal, as a row of those given.
    side, barrier
        ``int8``: 1 long, -1 short; what ended it: 1 the profit target, -1 the stop, 0 the time.
    entry_ns, exit_ns
        ``int64``: when it was entered and left.
    entry_price, exit_price
        ``float64``: what was paid and received, slippage included.
    size
        ``float64``, base units.
    net
        ``float64``, quote units: what it brought after fees.
    equity
        ``float64``, quote units: of the account after it.
    held, unquoted
        Signals that were passed over: a position was held; no price was known.
    open_signal
        Which signal's position was still held where the prices end; -1 if none. It is no trade, and not in the equity.
    """

    config: BacktestConfig
    signal: Ints
    side: NDArray[np.int8]
    barrier: NDArray[np.int8]
    entry_ns: Ints
    exit_ns: Ints
    entry_price: Floats
    exit_price: Floats
    size: Floats
    net: Floats
    equity: Floats
    held: int
    unquoted: int
    open_signal: int

    def __len__(self) -> int:
        return len(self.signal)

    @property
    def final_equity(self) -> float:
        """Value of the account after the last trade, quote units."""
        return float(self.equity[-1]) if len(self) else self.config.initial_capital

    @property
    def net_return(self) -> float:
        """What was earned after all costs, as a fraction of the initial capital."""
        return self.final_equity / self.config.initial_capital - 1.0

    def to_pandas(self) -> "pd.DataFrame":
        """The trades, a row each, times as UTC timestamps."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame(
            {
                "signal": self.signal,
                "side": self.side,
                "entry": pd.to_datetime(self.entry_ns, unit="ns", utc=True),
                "exit": pd.to_datetime(self.exit_ns, unit="ns", utc=True),
                "entry_price": self.entry_price,
                "exit_price": self.exit_price,
                "size": self.size,
                "net": self.net,
                "equity": self.equity,
                "reason": [REASONS[one] for one in self.barrier.tolist()],
            }
        )


def backtest_ticks(prices: Prices, at_ns: ArrayLike, side: ArrayLike, config: BacktestConfig) -> TickBacktest:
    """Trade signals, one position at a time.

    Parameters
    ----------
    prices
        Quotes or bars of one instrument. Where only trades are known, give their prices for bid and ask.
    at_ns
        When each signal was known; times never go back. With bars each is the end of one.
    side
        1 long or -1 short, for all signals or for each.
    config
        Read are ``initial_capital``, ``position_size_pct``, ``profit_target_pct``, ``stop_loss_pct``,
        ``max_holding_seconds``, ``fee_rate`` and ``slippage_bps``; latency, risk limits and funding are not.

    Raises
    ------
    UsageError
        If times go back, a side is neither, or a signal lies inside a bar.

    Notes
    -----
    A signal that finds no position enters at once, at the ask if it is long, at the bid if it is short. The position is
    left as :func:`~msray.labels.triple_barrier` says: at the first later row whose price on the other side has reached
    the profit target or the stop, both measured from the price at the entry (in a bar at the barrier, the stop where it
    holds both, its worst price where all of it lies beyond); else at the price in force when the time is over. A signal
    at the very time of an exit is taken. Unlike a label, which needs the whole holding time, a trade counts once it has
    ended; and through a gap a position is held, as nobody can trade there: where its time is over by then, it is left
    at the first price behind it.

    Both trades of a position are made at ``slippage_bps`` worse than that price, and pay ``fee_rate`` of what is paid
    or received. So costs change what trades bring, never which trades there are.

    A position's value at the mid of its entry is ``position_size_pct`` of the equity then, which compounds what was
    earned before. When nothing is left of the equity there are no more trades.

    Without latency, on a book so deep that sizes do not matter, :class:`~msray.backtest.follower.SignalFollower` makes
    the same trades in :class:`~msray.backtest.engine.BacktestingEngine`.

    Examples
    --------
    >>> second = 1_000_000_000
    >>> prices = Prices.of_quotes([0, 100 * second, 400 * second], [99.9, 100.6, 99.0], [100.0, 100.7, 99.1])
    >>> config = BacktestConfig(fee_rate=0.0, slippage_bps=0.0)
    >>> found = backtest_ticks(prices, [0, 50 * second, 100 * second], 1, config)
    >>> found.signal, found.exit_ns // second, found.net.round(2), found.held
    (array([0, 2]), array([100, 400]), array([  6. , -16.9]), 1)
    """
    times = _ordered_times(at_ns)
    sides = _sides(side, len(times))
    if prices.are_bars:
        _check_ends_of_bars(prices, times)
    trades = np.empty(len(times), k.TRADE)
    count, held, unquoted, open_signal = 0, 0, len(times), -1
    if len(prices):
        count, held, unquoted, open_signal = k.trade_signals(
            prices.at_ns,
            (prices.bid.low, prices.bid.high, prices.bid.close),
            (prices.ask.low, prices.ask.high, prices.ask.close),
            times,
            sides,
            (config.profit_target_pct, config.stop_loss_pct),
            round(config.max_holding_seconds * SECOND),
            trades,
        )
    return _booked(trades[:count], config, (held, unquoted, open_signal))


def _booked(trades: NDArray[np.void], config: BacktestConfig, rest: tuple[int, int, int]) -> TickBacktest:
    """What trades brought, and what became of the equity."""
    held, unquoted, open_signal = rest
    paid, received, gain, growth = _gains(trades, config)
    gone = np.flatnonzero(growth <= 0.0)
    if gone.size:
        trades, open_signal = trades[: gone[0] + 1], -1
        paid, received, gain, growth = _gains(trades, config)
    equity = config.initial_capital * growth
    before = np.concatenate([[config.initial_capital], equity])[: len(trades)]
    size = config.position_size_pct * before / trades["mid"]
    return TickBacktest(
        config=config,
        signal=trades["signal"].copy(),
        side=trades["side"].copy(),
        barrier=trades["barrier"].copy(),
        entry_ns=trades["entry_ns"].copy(),
        exit_ns=trades["exit_ns"].copy(),
        entry_price=paid,
        exit_price=received,
        size=size,
        net=size * gain,
        equity=equity,
        held=held,
        unquoted=unquoted,
        open_signal=open_signal,
    )


def _gains(trades: NDArray[np.void], config: BacktestConfig) -> tuple[Floats, Floats, Floats, Floats]:
    """Prices paid and received, what a base unit brought, and the equity after each trade over the capital."""
    side, slip = trades["side"].astype(np.float64), config.slippage_bps * BASIS_POINT
    paid, received = trades["entry"] * (1.0 + side * slip), trades["exit"] * (1.0 - side * slip)
    gain = side * (received - paid) - config.fee_rate * (paid + received)
    return paid, received, gain, np.cumprod(1.0 + config.position_size_pct * gain / trades["mid"])


def _ordered_times(at_ns: ArrayLike) -> Ints:
    times = np.asarray(at_ns)
    if times.ndim != 1 or (times.size and times.dtype.kind not in "iu"):
        raise UsageError(f"at_ns must be one row of whole numbers, got {times.dtype} of shape {times.shape}")
    if times.size and not (times.min() >= 0 and times.max() < NEVER_NS):
        raise UsageError(f"at_ns must be 0 to below {NEVER_NS}, got {times.min()} to {times.max()}")
    back = np.flatnonzero(times[1:] < times[:-1])
    if back.size:
        raise UsageError(f"at_ns must not go back in time, signal {back[0] + 1} does")
    return np.ascontiguousarray(times, np.int64)


def _sides(side: ArrayLike, signals: int) -> NDArray[np.int8]:
    sides = np.asarray(side)
    if sides.shape not in ((), (signals,)) or not ((sides == 1) | (sides == -1)).all():
        raise UsageError(f"side must be 1 or -1, for all signals or for each of {signals}, got {side!r:.40}")
    return np.ascontiguousarray(np.broadcast_to(sides, signals), np.int8)


def _check_ends_of_bars(prices: Prices, times: Ints) -> None:
    if not len(prices):
        return
    row = prices.row_at(times)
    inside = np.flatnonzero((row >= 0) & (prices.at_ns[row] != times))
    if inside.size:
        raise UsageError(
            f"at_ns must be ends of bars, signal {inside[0]} at {times[inside[0]]} is inside one",
            hint="its low and high may be from before the signal: take the end of its bar",
        )
