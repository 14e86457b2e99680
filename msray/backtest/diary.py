"""What a strategy did and when: its orders and fills, written down while it runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from msray.backtest.config import BacktestConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.risk import Refusal
from msray.backtest.strategy import Answer, Desk, MakeStrategy, Strategy
from msray.backtest.tape import Tape
from msray.market import OrderKind, Side, Signal


class Entry(NamedTuple):
    """Something that was done or learned of, at a local time."""

    at_ns: int
    what: str
    text: str


class Diary(NamedTuple):
    """What was done, and the local time up to which that is all there is."""

    entries: list[Entry]
    until_ns: int


class _WatchedDesk:
    """A desk, and all that it has; what is sent over it is written down."""

    def __init__(self, desk: Desk, diary: list[Entry]) -> None:
        self._desk, self._diary = desk, diary

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def place(
        self,
        instrument: str,
        side: Side,
        size: int,
        *,
        kind: OrderKind = OrderKind.MARKET,
        tick: int = 0,
        reason: str = "",
    ) -> int | Refusal:
        placed = self._desk.place(instrument, side, size, kind=kind, tick=tick, reason=reason)
        self._write("order", f"{Side(side).name} {size} {instrument} {OrderKind(kind).name} {tick} {reason}: {placed}")
        return placed

    def cancel(self, order_id: int) -> None:
        self._write("cancel", str(order_id))
        self._desk.cancel(order_id)

    def replace(self, order_id: int, tick: int, size: int) -> Refusal | None:
        refused = self._desk.replace(order_id, tick, size)
        self._write("replace", f"{order_id} {tick} {size}: {refused}")
        return refused

    def _write(self, what: str, text: str) -> None:
        self._diary.append(Entry(self._desk.now_ns, what, text))


class _Witness(Strategy):
    """A strategy at a watched desk."""

    def __init__(self, strategy: Strategy, diary: list[Entry]) -> None:
        self.columns, self.wants_rows, self.wants_prints = strategy.columns, strategy.wants_rows, strategy.wants_prints
        self._strategy, self._diary = strategy, diary

    def on_start(self, desk: Desk) -> None:
        self._strategy.on_start(self._watched(desk))

    def on_signal(self, signal: Signal, desk: Desk) -> None:
        self._strategy.on_signal(signal, self._watched(desk))

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        if answer.fill is not None:
            fill = answer.fill
            self._diary.append(
                Entry(desk.now_ns, "fill", f"{fill.side.name} {fill.size} {fill.instrument} at {fill.price}")
            )
        self._strategy.on_answer(answer, self._watched(desk))

    def on_time(self, token: int, desk: Desk) -> None:
        self._strategy.on_time(token, self._watched(desk))

    def on_row(self, instrument: str, desk: Desk) -> None:
        self._strategy.on_row(instrument, self._watched(desk))

    def on_touch(self, token: int, desk: Desk) -> None:
        self._strategy.on_touch(token, self._watched(desk))

    def on_halt(self, desk: Desk) -> None:
        self._strategy.on_halt(self._watched(desk))

    def _watched(self, desk: Desk) -> Desk:
        return cast(Desk, _WatchedDesk(desk, self._diary))


def kept_diary(
    tapes: Sequence[Tape], config: BacktestConfig, make: MakeStrategy, *, is_whole: bool = True, catches: bool = True
) -> Diary:
    """Run a new strategy over tapes.

    Parameters
    ----------
    tapes
        One an instrument.
    config, make
        As in :func:`~msray.backtest.run.run_one`.
    is_whole
        Whether the tapes end where the recording does. Otherwise it is run as far as what they do not hold cannot
        matter.
    catches
        Whether an exception of the strategy is the last entry, and not raised.

    Raises
    ------
    UsageError
        As :meth:`~msray.backtest.engine.BacktestingEngine.run` does, of whole tapes.
    """
    entries: list[Entry] = []
    engine = BacktestingEngine(config, _Witness(make(config), entries))
    tapes = sorted(tapes, key=lambda tape: tape.instrument.id)
    try:
        if is_whole:
            engine.run(tapes)
            return Diary(entries, engine.desk.now_ns)
        engine.trade([tape.instrument for tape in tapes])
        for tape in tapes:
            engine.feed(tape)
        engine.go_to(engine.settled_ns)
    except Exception as error:  # a strategy that fails on less than the whole has told us what we asked
        if not catches:
            raise
        entries.append(Entry(engine.desk.now_ns, "error", repr(error)))
        return Diary(entries, engine.desk.now_ns)
    return Diary(entries, engine.settled_ns)
