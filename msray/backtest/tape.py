"""``Tape``: one instrument's recorded market as a backtest needs it, taken down while the pipeline folds it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import MS, SECOND, BacktestConfig
from msray.errors import UsageError
from msray.features import has_levels
from msray.market import DEPTH, LEVEL, MESSAGE, REGRID, Instrument, Records, Signal, concatenate
from msray.prediction import LevelSink, Rows, RowSink


@dataclass(frozen=True, slots=True)
class Tape:
    """A piece of the input log of one instrument, and what was computed from it.

    Attributes
    ----------
    instrument
        With the grid of its first record; :meth:`by_grid` tells that of the others.
    records
        SNAPSHOT, DEPTH, TRADE, GAP, REFRESH and REGRID, in log order.
    row_message
        ``(n,)`` int64: number of the depth message that each row belongs to.
    bests
        ``(n, 4)`` int64: best bid tick, size, best ask tick, size after it.
    values
        ``(n, c)`` float64: the feature columns that were asked for.
    columns
        Their numbers in the catalogue.
    signals
        In the order in which they were raised.
    signal_message
        ``(s,)`` int64: number of the message that raised each.
    """

    instrument: Instrument
    records: Records
    row_message: NDArray[np.int64]
    bests: NDArray[np.int64]
    values: NDArray[np.float64]
    columns: tuple[int, ...]
    signals: tuple[Signal, ...]
    signal_message: NDArray[np.int64]

    def by_grid(self) -> Iterator["Tape"]:
        """Its parts between changes of the grid, each with the instrument whose grid its ticks are of."""
        messages, instrument, begin = self.records.messages, self.instrument, 0
        for at in np.flatnonzero(messages["kind"] == REGRID).tolist():
            yield self._part(instrument, begin, at + 1)
            instrument = instrument.regridded(int(messages["first_id"][at]), int(messages["last_id"][at]))
            begin = at + 1
        yield self._part(instrument, begin, len(messages)) if begin else self

    def _part(self, instrument: Instrument, begin: int, end: int) -> "Tape":
        rows = slice(*np.searchsorted(self.row_message, [begin, end]).tolist())
        raised = slice(*np.searchsorted(self.signal_message, [begin, end]).tolist())
        return replace(
            self,
            instrument=instrument,
            records=self.records[begin:end],
            row_message=self.row_message[rows] - begin,
            bests=self.bests[rows],
            values=self.values[rows],
            signals=self.signals[raised],
            signal_message=self.signal_message[raised] - begin,
        )


class TapeRecorder:
    """Takes a tape down: hand :meth:`rows` and :meth:`folded` to a pipeline as sink and log.

    Parameters
    ----------
    instrument
        Whose tape it is.
    columns
        Numbers of the feature columns to keep.
    """

    def __init__(self, instrument: Instrument, columns: Sequence[int] = ()) -> None:
        self._instrument = instrument
        self._columns = tuple(columns)
        self._messages = 0
        self._clear()

    @property
    def has_records(self) -> bool:
        """Whether anything has been folded since :meth:`take`."""
        return self._messages > 0

    @property
    def rows(self) -> RowSink:
        """Keeps the rows of a piece that :meth:`folded` will be told of next; says which columns it needs."""
        return LevelSink(self._keep) if has_levels(self._columns) else self._keep

    def _keep(self, rows: Rows) -> None:
        self._bests.append(rows.bests.copy())
        self._values.append(rows.values[:, list(self._columns)])

    def folded(self, instrument: Instrument, records: Records, signals: Sequence[Signal]) -> None:
        """Keep a piece of the log; ``instrument`` has the grid that it ends with."""
        if len(records) == 0:
            return
        records = records.copy()
        self._parts.append(records)
        depth = self._messages + np.flatnonzero(records.messages["kind"] == DEPTH)
        self._row_message.append(depth)
        if signals:
            ids = records.messages["last_id"][depth - self._messages]
            events = np.array([signal.event_id for signal in signals])
            self._signal_message.append(depth[np.searchsorted(ids, events, side="right") - 1])
            self._signals += signals
        self._messages += len(records)
        self._ends_with = instrument

    def take(self) -> Tape:
        """The tape so far; the next one begins behind it."""
        none = np.zeros(0, np.int64)
        tape = Tape(
            instrument=self._instrument,
            records=concatenate(self._parts or [Records(np.zeros(0, MESSAGE), np.zeros(0, LEVEL))]),
            row_message=np.concatenate([none, *self._row_message]),
            bests=np.concatenate([np.zeros((0, 4), np.int64), *self._bests]),
            values=np.concatenate([np.zeros((0, len(self._columns))), *self._values]),
            columns=self._columns,
            signals=tuple(self._signals),
            signal_message=np.concatenate([none, *self._signal_message]),
        )
        self._instrument = self._ends_with
        self._clear()
        return tape

    def _clear(self) -> None:
        self._ends_with = self._instrument
        self._messages = 0
        self._parts: list[Records] = []
        self._row_message: list[NDArray[np.int64]] = []
        self._bests: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.float64]] = []
        self._signals: list[Signal] = []
        self._signal_message: list[NDArray[np.int64]] = []


@dataclass(slots=True)
class TwoClocks:
    """The exchange's time and ours of each message: neither goes back, and nothing is received before it was sent.

    Attributes
    ----------
    config
        Correction of the recorder's clock, longest delay, time to compute.
    exchange_ns, local_ns
        Of the last message so far: sent, and its features known.
    received_ns
        When the newest was received.
    early, shortest_ns
        Messages received before they were sent, and the shortest delay, by the corrected clock.
    """

    config: BacktestConfig
    exchange_ns: int = 0
    local_ns: int = 0
    received_ns: int = 0
    early: int = 0
    shortest_ns: int = 2**62

    def read(self, records: Records) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Exchange time and the local time at which its features are known, of each message of the next piece.

        The matching engine's own time is taken where the venue gives one, else the time of the event. A message without
        any (a snapshot, a gap) counts as sent with the one before it, and received with it if it has no local time.
        """
        messages, config = records.messages, self.config
        given = np.where(messages["trade_ns"] > 0, messages["trade_ns"], messages["event_ns"])
        received = messages["local_ns"] + round(config.clock_correction_ms * MS)
        timed = (given > 0) & (messages["local_ns"] > 0)
        if timed.any():
            delay = (received - given)[timed]
            self.early += int((delay < 0).sum())
            self.shortest_ns = min(self.shortest_ns, int(delay.min()))
        late = np.where(messages["local_ns"] > 0, received - round(config.max_feed_delay_s * SECOND), 0)
        exchange = np.maximum.accumulate(np.concatenate([[self.exchange_ns], np.maximum(given, late)]))[1:]
        known = np.maximum(np.where(messages["local_ns"] > 0, received, 0), exchange) + round(config.compute_ms * MS)
        local = np.maximum.accumulate(np.concatenate([[self.local_ns], known]))[1:]
        if len(messages):
            self.exchange_ns, self.local_ns = int(exchange[-1]), int(local[-1])
            self.received_ns = max(self.received_ns, int(received.max()))
        return exchange, local


def check_clocks(clocks: Mapping[str, TwoClocks]) -> None:
    """Refuse clocks by which messages were received before they were sent.

    Parameters
    ----------
    clocks
        By instrument id, after they have read everything.

    Raises
    ------
    UsageError
        It says by how much the recorder's clock has to be corrected.
    """
    early = {name: one for name, one in clocks.items() if one.early}
    if not early:
        return
    name, worst = min(early.items(), key=lambda item: item[1].shortest_ns)
    said_ms = worst.config.clock_correction_ms
    need_ms = said_ms - worst.shortest_ns / MS
    count = sum(one.early for one in early.values())
    raise UsageError(
        f"clock_correction_ms must be at least {need_ms:.3f}, so that nothing is received before it was sent, got "
        f"{said_ms:g}: {count} messages were, most by {name}",
        hint=f"the recorder's clock was behind the exchange's: correct it by {math.ceil(need_ms)} or more",
    )
