"""SHFE: futures of the Shanghai Futures Exchange, as snapshots of five levels that come every 500 ms.

What the files are (https://github.com/Realsumen/DeepLOB, ``data/rb_*.parquet``; columns as a CTP recorder names them):

1. A row is the state of the market at ``updateTime``, the exchange's time of day in China (behind the point are
   milliseconds); ``epochTime`` is when the recorder had it, microseconds since 1970 UTC. There is no date of the
   exchange.
2. ``bid1`` to ``ask5`` are prices, ``bidSize1`` to ``askSize5`` lots; a level that is not occupied has neither.
3. ``volume`` and ``amount`` are lots and CNY of the trading day so far. A lot of rebar is 10 t, a price CNY a tonne.
4. A trading day begins the evening before; Friday evening belongs to Monday. Each session (21:00 to 23:00, 9:00 to
   10:15, 10:30 to 11:30, 13:30 to 15:00) begins anew, the first of an evening or a morning with one row a minute
   before it.

What is made of them:

- A file begins with a GAP (``CLOSED``), and so does what comes after half a minute of silence; the next row is a
  SNAPSHOT. Every other row is a DEPTH message of the differences, empty where there are none, whose id is the number of
  the row. After each the covered book is that of the file; beyond the fifth level of a side nothing is known.
- The day of ``event_ns`` is the one that brings it nearest to ``epochTime``: evenings fall before midnight, whichever
  trading day they belong to. The recorder's clock is up to a millisecond behind the exchange's.
- What was traded between two rows is an **estimate**: up to two TRADE messages before the DEPTH message, with the time
  of its row. ``volume`` gives the lots and ``amount`` their mean price. If it lies between bid and ask of the row
  before, so many lots were bought at the ask as make that mean (to a whole lot), and the others sold at the bid. If it
  lies outside, all had one aggressor, and the two prices are the ticks around the mean. Trades across a break, or
  behind a row that was not believed, are ``UNSIGNED``. Lots always add up to ``volume``; prices to ``amount``, but for
  half a lot times the spread where that was wider than a tick. Nothing is taken from columns that the recorder derived.
- A row that is not believed (a number that is none, levels out of order, a crossed book, a time or a volume that goes
  back) is a GAP, and the next good row a SNAPSHOT.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.errors import FeedError
from msray.market import LEVEL, MESSAGE, Instrument, Records
from msray.venues import kernels_shfe as k
from msray.venues.kernels_ranks import NOTHING_THERE
from msray.venues.ranks import BOOK_COLUMNS, RankedBook

SHFE = "shfe"
"""Name of the venue."""
RANKS = 5
BOOK = tuple(f"{side}{what}{rank}" for rank in range(1, RANKS + 1) for side in ("ask", "bid") for what in ("", "Size"))
"""Columns of the book, in the order of ``kernels_ranks.py``."""
_NUMBERS = ("volume", "amount", "lowerLimitPrice", "upperLimitPrice", *BOOK)
SHFE_COLUMNS: dict[str, type] = {"instrumentID": str, "updateTime": str, "epochTime": int} | dict.fromkeys(
    _NUMBERS, float
)
"""What is read of a file, by name: ``str``, int64 or float64."""

_TONNES = {"rb": 10}
"""Of a lot, by product."""
_SYMBOL = re.compile(r"([a-z]{1,2})[0-9]{4}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])\.([0-9]{1,3})")
_CHINA_NS = 8 * 3_600_000_000_000
_DAY_NS = 86_400_000_000_000
_LAST_US = 2**63 // 1000 - _DAY_NS
_MOST = 2**53
_NEAR = 0.01
"""The amount is a float: as near to a whole number has it to be."""
_REASONS = {
    k.BAD_TIME: "updateTime must be within an hour of epochTime",
    k.TOO_EARLY: "updateTime and epochTime must not go back",
    k.BAD_LEVELS: "levels must be in order, the occupied ones first, with prices and sizes that are positive",
    k.BAD_VOLUME: f"volume must not go back within a session, nor be above {k.MAX_VOLUME}",
    k.BAD_AMOUNT: "amount must grow with the volume, at a mean price within the day's limits",
    k.BAD_SPREAD: "bid must be below ask",
}
_SHOWN = {
    k.BAD_TIME: ("updateTime", "epochTime"),
    k.TOO_EARLY: ("updateTime", "epochTime"),
    k.BAD_LEVELS: BOOK,
    k.BAD_VOLUME: ("volume",),
    k.BAD_AMOUNT: ("volume", "amount"),
    k.BAD_SPREAD: ("bid1", "ask1"),
}


def shfe_instrument(contract: str) -> Instrument:
    """A contract by the exchange's name of it; prices in CNY a tonne, sizes in lots.

    Raises
    ------
    FeedError
        If it is of a product whose lot is not known here.

    Examples
    --------
    >>> shfe_instrument("rb2510").id
    'shfe:RB2510'
    """
    name = _SYMBOL.fullmatch(contract)
    if name is None or name[1] not in _TONNES:
        known = ", ".join(_TONNES)
        raise FeedError(f"instrumentID must be a contract of {known}, such as rb2510, got {contract[:40]!r}")
    return Instrument(venue=SHFE, symbol=contract.upper(), price_decimals=0, size_decimals=0, tick=1, grid=1)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is not believed.

    Attributes
    ----------
    row
        Its number in the file, from 1.
    reason
        What it must be and is not.
    """

    row: int
    reason: str


class ShfeDecoder:
    """The rows of one file to records.

    Parameters
    ----------
    contract
        Whose they are, as the exchange names it.

    Raises
    ------
    FeedError
        See :func:`shfe_instrument`.

    Examples
    --------
    >>> best = {"bid1": 2973.0, "bidSize1": 355.0, "ask1": 2975.0, "askSize1": 18.0}
    >>> said = {"instrumentID": "rb2510", "updateTime": "21:00:00.500", "epochTime": 1_749_042_000_513_174}
    >>> row = dict.fromkeys(SHFE_COLUMNS, 0.0) | said | best
    >>> records, refused = ShfeDecoder("rb2510").decode({name: np.array([value]) for name, value in row.items()})
    >>> records.messages["kind"].tolist(), refused  # GAP, SNAPSHOT
    ([4, 3], [])
    >>> records.levels[["size", "tick"]].tolist()
    [(18, 2975), (355, 2973)]
    """

    def __init__(self, contract: str) -> None:
        self.instrument = shfe_instrument(contract)
        self._contract = contract
        self._tonnes = _TONNES[contract[:-4]]
        self._book = RankedBook(RANKS, k.WORDS)

    @property
    def rows(self) -> int:
        """Rows seen so far."""
        return self._book.rows

    def decode(self, columns: Mapping[str, NDArray[Any]]) -> tuple[Records, list[RefusedRow]]:
        """Make records of the next rows.

        Parameters
        ----------
        columns
            ``SHFE_COLUMNS``, of equal length.

        Returns
        -------
        records
            GAP, SNAPSHOT, DEPTH and TRADE messages, in the order of the rows.
        refused
            Rows that are not believed; each left a GAP.
        """
        rows = len(columns["epochTime"])
        unreadable: dict[int, str] = {}
        table = self._table(columns, unreadable)
        book, before = self._book, self.rows
        levels = np.zeros(book.room(rows) + 2 * rows, LEVEL)
        messages = np.zeros(4 * rows, MESSAGE)
        refused = np.zeros((rows, 2), np.int64)
        m, n, bad = k.read_rows(table, book.state, book.last, book.stacks, messages, levels, refused)
        told = []
        for row, reason in refused[:bad].tolist():
            at = row - before - 1
            told.append(RefusedRow(row, unreadable[at] if at in unreadable else _reason(reason, at, columns)))
        return Records(messages[:m].copy(), levels[:n].copy()), told

    def _table(self, columns: Mapping[str, NDArray[Any]], unreadable: dict[int, str]) -> NDArray[np.int64]:
        """The rows as whole numbers; ``unreadable`` gets the place and the reason of those that are not."""
        table = np.zeros((len(columns["epochTime"]), k.BOOK + BOOK_COLUMNS * RANKS), np.int64)
        for at, name in enumerate(BOOK, k.BOOK):
            table[:, at] = _whole(name, columns[name], unreadable)
        table[:, k.BOOK :: 2][(table[:, k.BOOK :: 2] == 0) & (table[:, k.BOOK + 1 :: 2] == 0)] = NOTHING_THERE
        for at, name in ((k.VOLUME, "volume"), (k.LOWEST, "lowerLimitPrice"), (k.HIGHEST, "upperLimitPrice")):
            table[:, at] = _whole(name, columns[name], unreadable)
        table[:, k.TURNOVER] = _whole("amount", columns["amount"], unreadable, unit=self._tonnes, near=_NEAR)
        table[:, k.LOCAL], table[:, k.EVENT] = _times(columns["epochTime"], columns["updateTime"], unreadable)
        for at in np.flatnonzero(columns["instrumentID"] != self._contract).tolist():
            unreadable[at] = f"instrumentID must be {self._contract}, got {columns['instrumentID'][at][:40]!r}"
        table[list(unreadable), 0] = k.UNREADABLE
        return table


def _whole(
    name: str, values: NDArray[np.float64], unreadable: dict[int, str], *, unit: int = 1, near: float = 0.0
) -> NDArray[np.int64]:
    """Whole numbers of a unit, 0 where a value is none."""
    units = values / unit
    nearest = np.rint(units)
    with np.errstate(invalid="ignore"):
        is_fine = (np.abs(units - nearest) <= near) & (nearest >= 0) & (nearest < _MOST)
    for at in np.flatnonzero(~is_fine).tolist():
        what = "a whole number" if unit == 1 else f"a multiple of {unit}"
        unreadable.setdefault(at, f"{name} must be {what}, at least 0, got {values[at]}")
    return np.where(is_fine, nearest, 0).astype(np.int64)


def _times(
    epoch_us: NDArray[np.int64], texts: NDArray[Any], unreadable: dict[int, str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local and exchange time in nanoseconds; 0 where one cannot be read."""
    since_midnight_ns = np.zeros(len(texts), np.int64)
    for at, text in enumerate(texts.tolist()):
        if match := _TIME.fullmatch(str(text)):
            hours, minutes, seconds, milliseconds = map(int, match.groups())
            since_midnight_ns[at] = (((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds) * 1_000_000
        else:
            unreadable.setdefault(at, f"updateTime must be like 21:00:00.500, got {str(text)[:40]!r}")
    is_fine = (epoch_us > 0) & (epoch_us < _LAST_US)
    for at in np.flatnonzero(~is_fine).tolist():
        unreadable.setdefault(at, f"epochTime must be microseconds since 1970, got {epoch_us[at]}")
    local_ns = np.where(is_fine, epoch_us, 0) * 1000
    event_ns = (local_ns + _CHINA_NS) // _DAY_NS * _DAY_NS - _CHINA_NS + since_midnight_ns
    return local_ns, event_ns + np.rint((local_ns - event_ns) / _DAY_NS).astype(np.int64) * _DAY_NS


def _reason(reason: int, at: int, columns: Mapping[str, NDArray[Any]]) -> str:
    values = (columns[name][at] for name in _SHOWN[reason])
    shown = ", ".join(f"{value:.15g}" if isinstance(value, float) else str(value) for value in values)
    return f"{_REASONS[reason]}, got {shown}"
