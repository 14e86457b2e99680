"""LOBSTER: NASDAQ's order books, rebuilt from TotalView-ITCH, a day and a symbol in two files of the same rows.

What the files are (LOBSTER's "Output Structure", https://lobsterdata.com/info/DataStructure.php, and the read-me in its
samples):

1. ``message``: seconds after midnight in New York, type, order id, size, price, direction. ``orderbook``: for each of
   the requested levels ask price, ask size, bid price, bid size. Row ``k`` is the book **after** message ``k``; prices
   are 1/10,000 dollar, sizes are shares.
2. Types: 1 new order, 2 partial and 3 total cancellation, 4 execution of a visible and 5 of a hidden order, 6 cross
   (the sum of executions that are there one by one), 7 trading halt (price -1), resumption of quotes (0) and of trading
   (1). The direction is that of the *resting* order.
3. Only events in the requested levels are there. A level that is not occupied has price +-9999999999 and size 0.
4. Rows of one time are in the order of the file.

What is made of them:

- The first row is a SNAPSHOT of as many levels as were asked for; every later row whose book differs is a DEPTH message
  of the differences. Its id is the number of the row, and its time is the row's. There is no local time in the files:
  ``local_ns`` *is* the event time, so no latency can be read off these records.
- Nothing is known beyond the last level of a full side. A level that a better one pushes out is not removed; an
  ``EDGE`` moves instead. If the levels come to show its price again, they say what has become of it.
- Types 4 and 5 are TRADE messages, each before the DEPTH message of its row; a sweep of ``n`` orders is ``n`` of them.
  The aggressor of a visible execution is opposite to the resting side. Hidden ones are ``UNSIGNED``, since NASDAQ may
  mask their side: they count in volume, and in no signed flow or spread.
- The change that a new, cancelled or executed order made has the flag ``ORDER``, and so has its TRADE: ``prev_id`` is
  the row in which it was added. One that was there before the day began, or came while its level was out of the ranks,
  has the row in which that came into them, as a negative number: it is as old as that, or older.
- A day begins with a GAP (``CLOSED``). A halt is one too, and the row that resumes trading a new SNAPSHOT; what the
  book did in between is not told. A row that cannot be believed, or whose book is crossed, is a GAP as well, and the
  next good row a SNAPSHOT.
"""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from msray.errors import UnavailableError, UsageError
from msray.market import LEVEL, MAX_SIZE, MAX_TICK, MESSAGE, Instrument, Records
from msray.venues import kernels_lobster as k
from msray.venues.kernels_orders import copy_orders
from msray.venues.kernels_ranks import EVENT_NS, LOCAL_NS
from msray.venues.kernels_text import Bytes
from msray.venues.ranks import BOOK_COLUMNS, RankedBook

LOBSTER = "lobster"
"""Name of the venue."""
MESSAGE_COLUMNS = 6

Table = NDArray[np.int64]

_SHOWN = 80
_REASONS = {
    k.BAD_MESSAGE: "message must be time, type, order id, size, price and direction",
    k.BAD_BOOK: "book must be ask price, ask size, bid price and bid size of each level",
    k.BAD_TIME: "time must be seconds after midnight, less than a day",
    k.BAD_TYPE: "type must be 1 to 7",
    k.BAD_SIZE: f"size must be 1 to {MAX_SIZE}",
    k.BAD_PRICE: f"price must be 1 to {MAX_TICK} (-1, 0 or 1 of a halt)",
    k.BAD_SIDE: "direction must be 1 or -1",
    k.BAD_LEVELS: "levels must be in order, the occupied ones first, with prices and sizes that are positive",
}


def lobster_instrument(symbol: str) -> Instrument:
    """A NASDAQ share as LOBSTER writes it.

    Prices are kept in the file's 1/10,000 dollar, of which hidden orders at the midpoint need every half cent; the tick
    is the cent of Regulation NMS, Rule 612.

    Examples
    --------
    >>> goog = lobster_instrument("GOOG")
    >>> goog.id, goog.price(5_794_000), goog.ticks_per_step
    ('lobster:GOOG', 579.4, 100)
    """
    return Instrument(venue=LOBSTER, symbol=symbol, price_decimals=4, size_decimals=0, tick=100, grid=1)


def midnight_ns(day: date) -> int:
    """When a day begins in New York, in nanoseconds since 1970 UTC.

    Examples
    --------
    >>> midnight_ns(date(2012, 6, 21)) == 1340251200 * 10**9  # 04:00 UTC: daylight saving time
    True
    """
    try:
        zone = ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError as error:
        raise UnavailableError("this machine does not know time zones", hint="pip install tzdata") from error
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 10**9


def read_table(text: Bytes, begin: int, table: Table, *, is_timed: bool) -> tuple[int, int, dict[int, bytes]]:
    r"""Read lines of whole numbers with commas between them.

    Parameters
    ----------
    text
        Bytes; a line that does not end in them is left.
    begin
        Where to start.
    table
        ``(rows, columns)``: gets a line a row.
    is_timed
        Whether the first number is seconds with decimals; nanoseconds come out.

    Returns
    -------
    rows
        How many lines were read.
    end
        The place behind the last of them.
    unreadable
        Row to text, of the lines that are anything else; :class:`LobsterDecoder` refuses them.

    Examples
    --------
    >>> table = np.zeros((2, 3), np.int64)
    >>> text = np.frombuffer(b"34200.015105074,4,-1\n34200.5,x,1\n34201", np.uint8)
    >>> read_table(text, 0, table, is_timed=True)
    (2, 33, {1: b'34200.5,x,1'})
    >>> table[0].tolist()
    [34200015105074, 4, -1]
    """
    rows, end = k.read_table(text, begin, len(text), is_timed, table)
    bad = np.flatnonzero(table[:rows, 0] == k.UNREADABLE).tolist()
    return rows, end, {row: text[table[row, 1] : table[row, 2]].tobytes() for row in bad}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not believed.

    Attributes
    ----------
    row
        Its number in both files, from 1.
    is_book
        Whether it is the row of the order book that is wrong.
    reason
        What it must be and is not.
    """

    row: int
    is_book: bool
    reason: str


class LobsterDecoder:
    """The rows of one day to records.

    Parameters
    ----------
    ranks
        Levels of each side that the order book has.
    day
        Which day it is in New York.

    Examples
    --------
    >>> decoder = LobsterDecoder(1, date(2012, 6, 21))
    >>> events = np.array([[34_200 * 10**9, 1, 7, 10, 1000, 1], [34_201 * 10**9, 4, 7, 4, 1000, 1]])
    >>> records, refused = decoder.decode(events, np.array([[1100, 9, 1000, 10], [1100, 9, 1000, 6]]))
    >>> records.messages["kind"].tolist()  # GAP, SNAPSHOT, TRADE, DEPTH
    [4, 3, 2, 1]
    >>> records.levels[["size", "tick"]].tolist(), refused
    ([(9, 1100), (10, 1000), (4, 1000), (6, 1000)], [])
    """

    def __init__(self, ranks: int, day: date) -> None:
        self.ranks = ranks
        self._book = RankedBook(ranks, k.WORDS)
        self._book.state[[k.MIDNIGHT, EVENT_NS, LOCAL_NS]] = midnight_ns(day)
        self._seen = np.zeros((2, BOOK_COLUMNS * ranks), np.int64)
        self._orders = np.zeros((1 << 12, 2), np.int64)

    @property
    def rows(self) -> int:
        """Rows seen so far."""
        return self._book.rows

    def decode(self, events: Table, books: Table) -> tuple[Records, list[Refused]]:
        """Make records of the next rows.

        Parameters
        ----------
        events
            ``(n, 6)``: nanoseconds after midnight, type, order id, size, price, direction.
        books
            ``(n, 4 * ranks)``: the order book after each of them.

        Returns
        -------
        records
            GAP, SNAPSHOT, DEPTH and TRADE messages, in the order of the rows.
        refused
            Rows that are not believed; each left a GAP.
        """
        rows = len(events)
        if events.shape != (rows, MESSAGE_COLUMNS) or books.shape != (rows, BOOK_COLUMNS * self.ranks):
            raise UsageError(
                f"events and books must be n rows of {MESSAGE_COLUMNS} and {BOOK_COLUMNS * self.ranks} columns, "
                f"got shapes {events.shape} and {books.shape}"
            )
        book = self._book
        levels = np.zeros(book.room(rows) + rows, LEVEL)
        most = 2 * (int(book.state[k.ORDERS]) + rows)
        if most > len(self._orders):
            orders = np.zeros((1 << most.bit_length(), 2), np.int64)
            copy_orders(self._orders, orders)
            self._orders = orders
        messages = np.zeros(3 * rows + 1, MESSAGE)
        refused = np.zeros((rows, 2), np.int64)
        m, n, bad = k.read_rows(
            events, books, book.state, book.last, self._seen, book.stacks, self._orders, messages, levels, refused
        )
        told = [self._refused(row, reason, events, books) for row, reason in refused[:bad].tolist()]
        return Records(messages[:m].copy(), levels[:n].copy()), told

    def _refused(self, row: int, reason: int, events: Table, books: Table) -> Refused:
        at = row - self.rows - 1  # from the end, where this row is
        shown = {
            k.BAD_TIME: events[at, k.NS] / 1e9,
            k.BAD_TYPE: events[at, k.TYPE],
            k.BAD_SIZE: events[at, k.SIZE],
            k.BAD_PRICE: events[at, k.PRICE],
            k.BAD_SIDE: events[at, k.SIDE],
            k.BAD_LEVELS: ",".join(map(str, books[at].tolist())),
        }
        text = _REASONS[reason]
        if reason in shown:
            text += f", got {str(shown[reason])[:_SHOWN]}"
        return Refused(row, reason in (k.BAD_BOOK, k.BAD_LEVELS), text)
