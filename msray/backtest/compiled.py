"""``CompiledStrategy``: a strategy whose decisions are one function that numba compiles."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from msray.backtest.strategy import Answer, Desk, Strategy
from msray.errors import UsageError
from msray.market import Instrument, OrderKind, Side, Signal


class Why(IntEnum):
    """Why a decision is asked for."""

    START = 0
    """Trading begins."""
    ROW = 1
    """New best prices are known; only where the strategy ``wants_rows``."""
    TIME = 2
    """A time asked for has come; ``token`` is the one it was asked with."""
    ANSWER = 3
    """The venue said something of the order ``token``: ``kind`` (``ReportKind``), ``left``, and what traded."""
    REFUSED = 4
    """The order ``token``, or a change of it, was not sent: it would have broken a limit, or is not open."""
    SIGNAL = 5
    """A detector raised a signal: ``direction`` and ``score``."""
    HALT = 6
    """Trading has ended."""


class Act(IntEnum):
    """What is asked for."""

    PLACE = 0
    """Send an order: ``token``, ``side``, ``kind`` (``OrderKind``), ``tick`` and ``size``."""
    CANCEL = 1
    """Take the order ``token`` out."""
    REPLACE = 2
    """Change ``tick`` or what is left (``size``) of the order ``token``."""
    WAKE = 3
    """Be asked again at ``at_ns``, with ``token``."""


_TOLD_NOW = ("now_ns", "why", "token", "kind", "left", "side", "size", "tick", "is_maker", "direction")
_TOLD_ALWAYS = ("position", "open_orders", "is_synced", "known_ns", "bid_tick", "bid_size", "ask_tick", "ask_size")
TOLD = np.dtype([*((name, "i8") for name in (*_TOLD_NOW, *_TOLD_ALWAYS)), ("score", "f8")])
"""What a decision is told: what has happened, and how things stand at ``now_ns``. Prices in ticks of the known grid.

``size``, ``tick``, ``side`` and ``is_maker`` are of what traded, ``size`` is 0 where nothing did; ``known_ns`` is -1
before the first quote; ``token`` of an answer is -1 where the order was over before.
"""
ASK = np.dtype([(name, "i8") for name in ("what", "token", "side", "kind", "tick", "size", "at_ns")])
"""One thing that a decision asks for; fields that do not matter are not looked at."""
MOST_ASKS = 64
"""Things that one decision can ask for."""
_MOST_REFUSED = 100
_NO_NEWS: Mapping[str, float] = {}

_REALS = types.float64[::1]
SIGNATURE = types.int64(
    numba.from_dtype(TOLD), _REALS, types.int64[::1], _REALS, types.Array(numba.from_dtype(ASK), 1, "C")
)
"""``(told, values, words, reals, asks) -> number of asks``."""
Decide = Callable[[Any, NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.void]], int]


def decision(function: Decide) -> Decide:
    """Compile a function that decides, which takes about a second, once a process.

    Its arguments are ``told`` (a record, see :data:`TOLD`), ``values`` (the newest of the strategy's columns),
    ``words`` and ``reals`` (its memory: int64 and float64), and ``asks`` (:data:`ASK` rows to fill). It returns how
    many of them it has filled.

    Examples
    --------
    Buy at the bid once, and forget it if that has not traded in a second:

    >>> @decision
    ... def buy_once(told, values, words, reals, asks):
    ...     if told.why == Why.ROW and words[0] == 0:
    ...         words[0] = 1
    ...         asks[0].what, asks[0].token, asks[0].side = Act.PLACE, 7, Side.BUY
    ...         asks[0].kind, asks[0].tick, asks[0].size = OrderKind.POST_ONLY, told.bid_tick, 10
    ...         asks[1].what, asks[1].token, asks[1].at_ns = Act.WAKE, 0, told.now_ns + 1_000_000_000
    ...         return 2
    ...     if told.why == Why.TIME:
    ...         asks[0].what, asks[0].token = Act.CANCEL, 7
    ...         return 1
    ...     return 0
    >>> strategy = CompiledStrategy(buy_once, words=1, wants_rows=True)
    """
    compiled: Decide = numba.njit(SIGNATURE, nogil=True, error_model="numpy")(function)
    return compiled


class CompiledStrategy(Strategy):
    """One instrument, traded by a compiled function.

    Parameters
    ----------
    decide
        Made by :func:`decision`.
    words, reals
        How much memory it has, all zeros at the start; or the memory itself, which is copied.
    columns
        Names of the features that it is told.
    wants_rows
        Whether it is asked whenever new best prices are known.

    Raises
    ------
    UsageError
        If ``decide`` was not made by :func:`decision`.

    Notes
    -----
    It is a strategy like any other: what it asks for is sent over the desk, and the same function decides in backtests,
    in pieces and on live books. Where nothing but orders, answers, rows and times happens, the engine lets a kernel run
    it (:mod:`msray.backtest.lane`), which sends only what breaks no limit beyond doubt and leaves all else to Python.

    Attributes
    ----------
    words, reals
        Its memory.
    tokens
        Of open orders: the desk's number of each.
    """

    def __init__(
        self,
        decide: Decide,
        *,
        words: int | NDArray[np.int64] = 0,
        reals: int | NDArray[np.float64] = 0,
        columns: tuple[str, ...] = (),
        wants_rows: bool = False,
    ) -> None:
        if SIGNATURE.args not in getattr(decide, "overloads", ()):
            raise UsageError("decide must be made by msray.backtest.decision, got something else")
        self.decide = decide
        self.columns, self.wants_rows = columns, wants_rows
        self.words = _memory("words", words, np.int64)
        self.reals = _memory("reals", reals, np.float64)
        self.values = np.zeros(len(columns))
        self.told, self.asks = np.zeros(1, TOLD), np.zeros(MOST_ASKS, ASK)
        self.tokens: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._refused = 0

    def on_start(self, desk: Desk) -> None:
        """Ask for the first decision."""
        if len(desk.instruments) != 1:
            raise UsageError(f"a compiled strategy trades 1 instrument, got {len(desk.instruments)}")
        self.open_orders({})
        self._ask(desk, Why.START)

    def on_signal(self, signal: Signal, desk: Desk) -> None:
        """See :class:`Why`, as for all that follows."""
        self._ask(desk, Why.SIGNAL, {"direction": signal.direction, "score": signal.score})

    def on_row(self, instrument: str, desk: Desk) -> None:
        """New best prices."""
        self._ask(desk, Why.ROW)

    def on_time(self, token: int, desk: Desk) -> None:
        """A time asked for."""
        self._ask(desk, Why.TIME, {"token": token})

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Something of an order."""
        news = {"token": self._numbers.get(answer.order_id, -1), "kind": answer.kind, "left": answer.left}
        fill = answer.fill
        if fill is not None:
            tick = fill.price // _grid(desk).exact_price(1)
            news |= {"side": fill.side, "size": fill.size, "tick": tick, "is_maker": fill.is_maker}
        if answer.is_over and answer.order_id in self._numbers:
            del self.tokens[self._numbers.pop(answer.order_id)]
        self._ask(desk, Why.ANSWER, news)

    def on_halt(self, desk: Desk) -> None:
        """Trading has ended."""
        self._ask(desk, Why.HALT)

    def open_orders(self, tokens: dict[int, int]) -> None:
        """These orders may be open now, and no others: the desk's number of each, by token."""
        self.tokens, self._numbers = tokens, {number: token for token, number in tokens.items()}

    def carry_on(self, desk: Desk, first: int, count: int) -> None:
        """Send what a decision asked for, from the first on that is not yet sent."""
        if not 0 <= count <= MOST_ASKS:
            raise UsageError(f"decide must return 0 to {MOST_ASKS}, got {count}")
        asked = self.asks[first:count].tolist()
        refused = [ask[1] for ask in asked if not self._send(desk, *ask)]
        for token in refused:
            self._refused += 1
            if self._refused > _MOST_REFUSED:
                raise UsageError(f"decide must not ask at once for what was refused, got {_MOST_REFUSED} in a row")
            self._ask(desk, Why.REFUSED, {"token": token})
        self._refused = 0

    def _ask(self, desk: Desk, why: Why, news: Mapping[str, float] = _NO_NEWS) -> None:
        """Ask for a decision, and do what it says."""
        (instrument,) = desk.instruments
        quote = desk.quote(instrument.id)
        told = self.told[0]
        self.told[:] = 0
        for name, value in news.items():
            told[name] = value
        told["now_ns"], told["why"] = desk.now_ns, why
        told["position"], told["open_orders"] = desk.position(instrument.id), len(self.tokens)
        told["is_synced"], told["known_ns"] = desk.is_synced(instrument.id), -1
        if quote is not None:
            told["known_ns"] = quote.known_ns
            told["bid_tick"], told["bid_size"] = quote.bid_tick, quote.bid_size
            told["ask_tick"], told["ask_size"] = quote.ask_tick, quote.ask_size
            self.values[:] = desk.values(instrument.id)
        self.carry_on(desk, 0, self.decide(told, self.values, self.words, self.reals, self.asks))

    def _send(self, desk: Desk, *ask: int) -> bool:
        """Send one thing; says whether it was sent."""
        what, token, side, kind, tick, size, at_ns = ask
        (instrument,) = desk.instruments
        if what == Act.WAKE:
            desk.wake_at(at_ns, token)
        elif what == Act.CANCEL:
            if token in self.tokens:
                desk.cancel(self.tokens[token])
        elif what == Act.REPLACE:
            return token in self.tokens and desk.replace(self.tokens[token], tick, size) is None
        elif what == Act.PLACE:
            _check_order(side, kind, size)
            if token in self.tokens:
                raise UsageError(f"token of an order must not be that of an open one, got {token}")
            placed = desk.place(instrument.id, Side(side), size, kind=OrderKind(kind), tick=tick)
            if not isinstance(placed, int):
                return False
            self.tokens[token], self._numbers[placed] = placed, token
        else:
            raise UsageError(f"what a decision asks for must be one of Act, 0 to {max(Act)}, got {what}")
        return True


def _check_order(side: int, kind: int, size: int) -> None:
    if not 0 <= side <= max(Side):
        raise UsageError(f"side of an order must be 0 or 1, got {side}")
    if not 0 <= kind <= max(OrderKind):
        raise UsageError(f"kind of an order must be 0 to {max(OrderKind)}, got {kind}")
    if size < 1:
        raise UsageError(f"size of an order must be 1 or more units, got {size}")


def _grid(desk: Desk) -> Instrument:
    (instrument,) = desk.instruments
    quote = desk.quote(instrument.id)
    return instrument if quote is None else quote.instrument


def _memory(name: str, given: int | NDArray[Any], dtype: type) -> NDArray[Any]:
    if isinstance(given, int):
        if given < 0:
            raise UsageError(f"{name} must not be negative, got {given}")
        return np.zeros(given, dtype)
    made = np.array(given, order="C")
    if made.ndim != 1 or made.dtype != dtype:
        raise UsageError(f"{name} must be a row of {np.dtype(dtype)}, got {made.ndim} dimensions of {made.dtype}")
    return made
