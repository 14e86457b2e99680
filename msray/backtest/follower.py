"""``SignalFollower``: enters on a signal, leaves at a profit, a loss or a time - the triple barrier, traded."""

from dataclasses import dataclass
from enum import Enum
from itertools import product

from msray.backtest.config import MOST_WIDTH, SECOND, BacktestConfig
from msray.backtest.strategy import Answer, Desk, Strategy
from msray.market import PRICE_DECIMALS, Side, Signal

SIDES = {"imbalance": 1, "liquidity_bid": 1, "liquidity_ask": -1}
"""Signal type -> the side that a rise of what it watches speaks for; a type that is not here has no side."""
FACTORS = (0.5, 1.0, 2.0)
"""By which profit target, stop and holding time are multiplied for the configurations beside the one asked for."""
RETRY_NS = SECOND
"""An exit that could not trade (a gap of the recording) is tried again after this time."""


def side_of(signal: Signal) -> int:
    """The side a signal speaks for: 1 for a rising price, -1 for a falling one, 0 for none.

    Examples
    --------
    More depth on the bid is support, more on the ask is a ceiling; volatility and intensity say nothing of a side.
    """
    return SIDES.get(signal.signal_type, 0) * signal.direction


class _State(Enum):
    ENTERING = "entering"
    HOLDING = "holding"
    LEAVING = "leaving"
    WAITING = "waiting"
    """To try the exit again."""


@dataclass(slots=True)
class _Episode:
    """From a signal to being flat again in one instrument."""

    token: int
    instrument: str
    side: Side
    order_id: int
    state: _State = _State.ENTERING
    reason: str = "timeout"


class SignalFollower(Strategy):
    """One position at a time in each instrument, entered and left by market orders.

    Parameters
    ----------
    config
        ``profit_target_pct``, ``stop_loss_pct``, ``max_holding_seconds`` and ``position_size_pct``.
    least_score
        Signals below are passed over; 0 to 1.

    Notes
    -----
    The barriers are those of the labels: prices at which the position can be closed (the bid for a long one), measured
    from what was paid. A signal that comes while a position is held is passed over.
    """

    def __init__(self, config: BacktestConfig, *, least_score: float = 0.0) -> None:
        self._config = config
        self._least_score = least_score
        self._episodes: dict[str, _Episode] = {}
        self._tokens = 0
        self._is_halted = False

    def neighbours(self, config: BacktestConfig) -> list[BacktestConfig]:
        """All other combinations of multiplied exits that are in their range.

        Examples
        --------
        >>> config = BacktestConfig()
        >>> len(SignalFollower(config).neighbours(config))
        26
        """
        found = []
        for profit, stop, holding in product(FACTORS, repeat=3):
            exits = {
                "profit_target_pct": config.profit_target_pct * profit,
                "stop_loss_pct": config.stop_loss_pct * stop,
                "max_holding_seconds": config.max_holding_seconds * holding,
            }
            other = config.model_copy(update=exits)
            if other != config and max(other.profit_target_pct, other.stop_loss_pct) <= MOST_WIDTH:
                found.append(other)
        return found

    def on_signal(self, signal: Signal, desk: Desk) -> None:
        """Enter, where the signal has a side and nothing is held."""
        direction = side_of(signal)
        if direction == 0 or signal.score < self._least_score or signal.instrument in self._episodes:
            return
        side = Side.BUY if direction > 0 else Side.SELL
        size = desk.size_for(signal.instrument, desk.equity * self._config.position_size_pct)
        if size < 1:
            return
        placed = desk.place(signal.instrument, side, size, reason="entry")
        if isinstance(placed, int):
            self._tokens += 1
            self._episodes[signal.instrument] = _Episode(self._tokens, signal.instrument, side, placed)

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """When the entry is over, set the barriers; when the exit is, be flat or try again."""
        episode = self._episodes.get(answer.instrument)
        if episode is None or answer.order_id != episode.order_id or not answer.is_over:
            return
        if desk.position(answer.instrument) == 0:
            desk.unwatch(episode.token)
            del self._episodes[answer.instrument]
        elif episode.state is _State.ENTERING:
            self._set_barriers(episode, desk)
            if self._is_halted:
                self._leave(episode, "halt", desk)
        else:
            episode.state = _State.WAITING
            desk.wake_at(desk.now_ns + RETRY_NS, episode.token)

    def on_touch(self, token: int, desk: Desk) -> None:
        """The price has reached the profit or the stop."""
        episode = self._find(token)
        quote = desk.quote(episode.instrument) if episode else None
        if episode is None or quote is None:
            return
        price = quote.instrument.price(quote.tick(episode.side))
        gain = (price - desk.average_price(episode.instrument)) * episode.side.sign
        self._leave(episode, "profit" if gain > 0 else "stop", desk)

    def on_time(self, token: int, desk: Desk) -> None:
        """The holding time is over, or an exit is to be tried again."""
        episode = self._find(token)
        if episode is not None:
            self._leave(episode, episode.reason, desk)

    def on_halt(self, desk: Desk) -> None:
        """Leave everything; an entry on its way is left when it has come."""
        self._is_halted = True
        for episode in list(self._episodes.values()):
            self._leave(episode, "halt", desk)

    def _set_barriers(self, episode: _Episode, desk: Desk) -> None:
        episode.state = _State.HOLDING
        config, sign = self._config, episode.side.sign
        entry = desk.average_price(episode.instrument)
        profit = round(entry * (1 + sign * config.profit_target_pct) * 10**PRICE_DECIMALS)
        stop = round(entry * (1 - sign * config.stop_loss_pct) * 10**PRICE_DECIMALS)
        # A bought position is sold at the bid, which is the side of the book that buys.
        desk.watch(episode.instrument, episode.side, min(profit, stop), max(profit, stop), episode.token)
        desk.wake_at(desk.now_ns + round(config.max_holding_seconds * SECOND), episode.token)

    def _leave(self, episode: _Episode, reason: str, desk: Desk) -> None:
        if episode.state not in (_State.HOLDING, _State.WAITING):
            return
        desk.unwatch(episode.token)
        held = desk.position(episode.instrument)
        placed = desk.place(episode.instrument, Side.SELL if held > 0 else Side.BUY, abs(held), reason=reason)
        if isinstance(placed, int):
            episode.order_id, episode.state, episode.reason = placed, _State.LEAVING, reason

    def _find(self, token: int) -> _Episode | None:
        return next((one for one in self._episodes.values() if one.token == token), None)
