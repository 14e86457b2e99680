"""Tardis.dev's CSV files: ``incremental_book_L2`` and ``trades`` of one symbol, row by row.

What the files are (https://docs.tardis.dev/downloadable-csv-files/data-types):

1. Times are microseconds; rows are in the order of ``local_timestamp``, and those that share one came in one message.
2. ``incremental_book_L2``: exchange, symbol, timestamp, local_timestamp, is_snapshot, side (``bid``, ``ask``), price,
   amount. An amount is absolute, 0 removes the level. A snapshot row behind one that is none discards the book; a file
   begins with a snapshot, before which there may be updates that were buffered.
3. ``trades``: exchange, symbol, timestamp, local_timestamp, id (any text, or none), side of the aggressor (``buy``,
   ``sell``, ``unknown``), price, amount.

What is made of them: snapshot rows that follow each other are a GAP and a SNAPSHOT, known as far as its longer side
goes; other rows of one local time are a DEPTH message. The venue's own update ids are not there, so a message's id is
its local time in microseconds and follows the one before it: a loss that Tardis does not mark cannot be seen. Trades
are numbered from 1 in each pair of files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from msray.market import (
    ASK,
    DEPTH,
    GAP,
    LEVEL,
    MAX_SIZE,
    MESSAGE,
    REGRID,
    SELL,
    SNAPSHOT,
    TRADE,
    UNSIGNED,
    GapReason,
    Instrument,
    Levels,
    Records,
)
from msray.venues.exact import OffGridError, finer, place_levels
from msray.venues.identify import infer_from_levels

SIDES = {"bid": 0, "ask": ASK, "buy": 0, "sell": SELL, "unknown": UNSIGNED}
"""Flags of a level by the word in the file."""
_VENUES = {"binance": "binance_spot", "binance-futures": "binance_usdm", "binance-delivery": "binance_coinm"}
_EXPONENT = re.compile(r"[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,2}")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_POSITIVE = re.compile(rf"(?=.*[1-9]){_NUMBER.pattern}")
_MOST_DECIMALS = 8
_SPARE = 1000

WireLevel = tuple[int, str, str]
"""Flags, price and size of a level, as in the file."""


@dataclass(frozen=True, slots=True)
class TardisMessage:
    """What came in one message.

    Attributes
    ----------
    kind
        DEPTH, SNAPSHOT or TRADE.
    event_us, local_us
        Microseconds since 1970 UTC.
    levels
        Flags, price and size of each.
    """

    kind: int
    event_us: int
    local_us: int
    levels: Sequence[WireLevel]


def tardis_venue(exchange: str) -> str:
    """Our name of an exchange.

    Examples
    --------
    >>> tardis_venue("binance-futures"), tardis_venue("okex-swap")
    ('binance_usdm', 'okex_swap')
    """
    return _VENUES.get(exchange, exchange.replace("-", "_"))


def plain_decimal(text: str) -> str:
    """The same number without an exponent, which small ones have in these files; what is no number stays as it is.

    Examples
    --------
    >>> plain_decimal("8.51e-7"), plain_decimal("6425.5")
    ('0.000000851', '6425.5')
    """
    return format(Decimal(text), "f") if _EXPONENT.fullmatch(text) else text


def infer_tardis(venue: str, symbol: str, levels: Sequence[WireLevel]) -> Instrument:
    """What an instrument's numbers must be, from some of its levels.

    Amounts come without trailing zeros, so their decimals are no guide: it is eight of them, or as many as leave room
    for amounts a thousand times the largest of these.

    Parameters
    ----------
    venue, symbol
        Whose they are.
    levels
        Of a snapshot, if there is one; else of anything. Those that are no numbers are passed over.

    Raises
    ------
    FeedError
        If there are none.
    """
    plain = [(flags & ASK, plain_decimal(price), plain_decimal(size)) for flags, price, size in levels]
    levels = [level for level in plain if _POSITIVE.fullmatch(level[1]) and _NUMBER.fullmatch(level[2])]
    inferred = infer_from_levels(venue, symbol, levels)
    largest = max(Decimal(size) for _, _, size in levels) * _SPARE
    fits = [d for d in range(_MOST_DECIMALS + 1) if largest.scaleb(d) <= MAX_SIZE]
    return replace(inferred, size_decimals=max(fits, default=0))


class TardisDecoder:
    """The messages of one symbol to records.

    Parameters
    ----------
    instrument
        As it begins; a price off its grid puts it on a finer one, with a REGRID record.

    Examples
    --------
    >>> decoder = TardisDecoder(
    ...     Instrument(venue="deribit", symbol="X", price_decimals=1, size_decimals=0, tick=5, grid=5))
    >>> decoder.add(TardisMessage(SNAPSHOT, 9, 10, [(0, "100", "5"), (1, "100.5", "7")]))
    >>> decoder.add(TardisMessage(DEPTH, 11, 12, [(0, "100", "0"), (0, "99.5", "3")]))
    >>> records = decoder.take()
    >>> records.messages["kind"].tolist(), records.levels["tick"].tolist()  # GAP, SNAPSHOT, DEPTH
    ([4, 3, 1], [200, 201, 200, 199])
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._rows: list[tuple[int, ...]] = []
        self._levels: list[Levels] = []
        self._level_count = 0
        self._trades = 0
        self._last_id = 0
        self._highest = 0

    def __len__(self) -> int:
        return len(self._rows)

    def begin(self, local_us: int) -> None:
        """A file begins: it has a snapshot of its own, and its trades are numbered anew."""
        self._trades = 0
        self._gap(local_us, local_us, GapReason.CLOSED)

    def lose(self, local_us: int) -> None:
        """Something of the book could not be read: it is unknown until the next snapshot."""
        self._gap(0, local_us, GapReason.SEQUENCE)

    def add(self, message: TardisMessage) -> None:
        """Take the next message.

        Raises
        ------
        RefusedError
            If a number is malformed or out of range; nothing is taken then.
        """
        levels = self._placed(message)
        stamps = message.event_us, message.local_us
        if message.kind == TRADE:
            self._trades += 1
            self._append(TRADE, stamps, (self._trades, self._trades, -1), levels)
            return
        before, now = self._last_id, message.local_us
        if message.kind == SNAPSHOT:
            self._gap(*stamps, GapReason.DISCONNECTED)
            levels = levels[levels["size"] > 0]
            asks = int(np.count_nonzero(levels["flags"] & ASK))
            self._append(SNAPSHOT, stamps, (max(asks, len(levels) - asks), now, -1), levels)
        else:
            self._append(DEPTH, stamps, (before + 1, now, before), levels)
        self._last_id = now

    def take(self) -> Records:
        """The records since the last call."""
        messages = np.zeros(len(self._rows), MESSAGE)
        messages[:] = self._rows
        levels = np.concatenate([np.zeros(0, LEVEL), *self._levels])
        self._rows, self._levels, self._level_count = [], [], 0
        return Records(messages, levels)

    def _placed(self, message: TardisMessage) -> Levels:
        levels = [(flags, plain_decimal(price), plain_decimal(size)) for flags, price, size in message.levels]
        is_trade = message.kind == TRADE
        try:
            placed = place_levels(levels, self.instrument, is_trade=is_trade)
        except OffGridError as off:
            self.instrument, factor = finer(self.instrument, off.prices, self._highest)
            self._highest *= factor
            ids = self.instrument.price_decimals, self.instrument.grid, factor
            self._append(REGRID, (message.event_us, message.local_us), ids, np.zeros(0, LEVEL))
            placed = place_levels(levels, self.instrument, is_trade=is_trade)
        self._highest = max(self._highest, int(placed["tick"].max(initial=0)))
        return placed

    def _gap(self, event_us: int, local_us: int, reason: GapReason) -> None:
        self._append(GAP, (event_us, local_us), (self._last_id + 1, local_us, reason), np.zeros(0, LEVEL))

    def _append(self, kind: int, stamps: tuple[int, int], ids: tuple[int, int, int], levels: Levels) -> None:
        event_ns, local_ns = (1000 * stamp for stamp in stamps)
        begin, end = self._level_count, self._level_count + len(levels)
        self._rows.append((kind, 0, event_ns, event_ns, local_ns, *ids, begin, end))
        self._levels.append(levels)
        self._level_count = end
