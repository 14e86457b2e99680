"""Where a tape can be entered: a backtest of an hour need not play the day before it.

All that came before an entrance is told by two messages, a book as it stood and a time, and by the last row: after them
every clock, the book, its id and the quote are as they are after all of it, whatever the clocks' words are. An order
that rests would not survive this, so it is for backtests that have none yet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.backtest.exchange import SimulatedVenue
from msray.backtest.tape import Tape
from msray.book import L2Book
from msray.book import kernels as book_words
from msray.market import ASK, DEPTH, GAP, LEVEL, MESSAGE, REGRID, SNAPSHOT, Instrument, Levels, Records, concatenate

_SIDES = ((0, book_words.BID_EDGE, book_words.NO_BID), (ASK, book_words.ASK_EDGE, book_words.NO_ASK))


@dataclass(frozen=True, slots=True)
class Entrances:
    """The entrances of a tape.

    Attributes
    ----------
    messages
        ``(e,)`` int64, rising: the first message behind each.
    told
        All that came before each, one after the other: two messages and a row.
    """

    messages: NDArray[np.int64]
    told: Tape

    def before(self, message: int, instrument: Instrument) -> Tape:
        """What stands for all before a message at which there is an entrance; ``instrument`` has the grid there."""
        number = int(np.searchsorted(self.messages, message))
        told = self.told
        return Tape(
            instrument=instrument,
            records=told.records[2 * number : 2 * number + 2],
            row_message=np.ones(1, np.int64),
            bests=told.bests[number : number + 1],
            values=told.values[number : number + 1],
            columns=told.columns,
            signals=(),
            signal_message=np.zeros(0, np.int64),
        )


def make_entrances(tape: Tape, rows: NDArray[np.int64]) -> Entrances:
    """Make an entrance behind the message of each of some rows, in one pass.

    Parameters
    ----------
    tape
        From its first message on.
    rows
        ``(e,)`` int64, rising; quotes (:func:`~msray.backtest.quotes.is_quote`), since each is to be the last one.
    """
    messages = tape.row_message[rows] + 1
    sent_ns = np.maximum.accumulate(sent(tape.records))
    received_ns = np.maximum.accumulate(tape.records.messages["local_ns"])
    venue = SimulatedVenue(tape.instrument)
    venue.feed(tape.records, np.arange(len(tape.records)))  # a message's number serves as its time
    parts = [Records(np.zeros(0, MESSAGE), np.zeros(0, LEVEL))]
    for last, book_id in zip((messages - 1).tolist(), tape.records.messages["last_id"][messages - 1], strict=True):
        venue.advance(last)
        parts.append(_told(venue, int(book_id), int(sent_ns[last]), int(received_ns[last])))
    told = Tape(
        instrument=tape.instrument,
        records=concatenate(parts),
        row_message=np.arange(1, 2 * len(rows), 2),
        bests=tape.bests[rows],
        values=tape.values[rows],
        columns=tape.columns,
        signals=(),
        signal_message=np.zeros(0, np.int64),
    )
    return Entrances(messages, told)


def grids_of(tape: Tape) -> list[tuple[int, Instrument]]:
    """From which message on a tape has which grid."""
    messages, found = tape.records.messages, [(0, tape.instrument)]
    for at in np.flatnonzero(messages["kind"] == REGRID).tolist():
        finer = found[-1][1].regridded(int(messages["first_id"][at]), int(messages["last_id"][at]))
        found.append((at + 1, finer))
    return found


def sent(records: Records) -> NDArray[np.int64]:
    """The exchange's time of each message: the matching engine's own, else the event's; 0 where there is none."""
    messages = records.messages
    return np.where(messages["trade_ns"] > 0, messages["trade_ns"], messages["event_ns"])


def _told(venue: SimulatedVenue, book_id: int, sent_ns: int, received_ns: int) -> Records:
    """A book with its id and two times as messages: what it covers, then what lies beyond, which no snapshot can."""
    messages = np.zeros(2, MESSAGE)
    messages["kind"], messages["event_ns"], messages["local_ns"] = (SNAPSHOT, DEPTH), (sent_ns, 0), (0, received_ns)
    messages["last_id"] = book_id
    covered, beyond = np.zeros(0, LEVEL), np.zeros(0, LEVEL)
    if venue.is_synced:
        covered, beyond, messages["first_id"][0] = _levels(venue.book)
    else:
        messages["kind"][0] = GAP
    messages["end"][0] = messages["begin"][1] = len(covered)
    messages["end"][1] = len(covered) + len(beyond)
    return Records(messages, np.concatenate([covered, beyond]))


def _levels(book: L2Book) -> tuple[Levels, Levels, int]:
    """Levels of a snapshot, those beyond the range it covers, and the levels a side that it was limited to.

    A snapshot covers as much as it shows of a side that has as many levels as were asked for. So a side that is
    covered to an edge begins with an empty level there, as often as it takes to outnumber one that is covered whole.
    """
    found, edges = {}, {}
    for side, edge, whole in _SIDES:
        found[side] = book.levels(side)
        if book.arena[edge] != whole:
            edges[side] = int(book.arena[edge])
    asked = 1 + max((len(levels) for side, levels in found.items() if side not in edges), default=0) if edges else 0
    covered, beyond = [], []
    for side, levels in found.items():
        if side in edges:
            covered.append(np.full(asked, np.array((0, edges[side], side), LEVEL)))
        inside = levels["tick"] <= edges.get(ASK, book_words.NO_ASK)
        if side != ASK:
            inside = levels["tick"] >= edges.get(0, book_words.NO_BID)
        covered.append(levels[inside])
        beyond.append(levels[~inside])
    return np.concatenate(covered), np.concatenate(beyond), asked
