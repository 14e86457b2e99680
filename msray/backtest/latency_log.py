"""``LatencyLog``: what real orders took, one by one, as a configuration carries it."""

import hashlib
from datetime import UTC, datetime
from functools import cached_property

from numpy.typing import ArrayLike

from msray.arguments import checked_times, checked_whole
from msray.errors import UsageError

MOST_DELAY_NS = 60_000_000_000
"""A longer one is a time by mistake."""
MOST_ORDERS = 1_000_000
SECOND = 1_000_000_000


class LatencyLog:
    """Delays measured with real orders. Two of the same content are equal.

    Parameters
    ----------
    sent_ns
        When each order was sent, nanoseconds UTC, not going back in time; int64, 1 to ``MOST_ORDERS`` of them.
    entry_ns
        How long each travelled to the matching engine, as many; 0 to a minute.
    response_ns
        How long its answer travelled back, likewise.

    Raises
    ------
    UsageError
        If one of them is not as said.

    Examples
    --------
    >>> LatencyLog([1, 2], [30, 50], [7, 7]).name
    'latency-30430eddca03dbd4.parquet'
    """

    def __init__(self, sent_ns: ArrayLike, entry_ns: ArrayLike, response_ns: ArrayLike) -> None:
        self.sent_ns = checked_times("sent_ns", sent_ns, least=1)
        if not 1 <= len(self.sent_ns) <= MOST_ORDERS:
            raise UsageError(f"a log of latencies must have 1 to {MOST_ORDERS} orders, got {len(self.sent_ns)}")
        size, hint = len(self.sent_ns), "delays are nanoseconds since the step before, not times"
        try:
            self.entry_ns = checked_whole("entry_ns", entry_ns, rows=size, most=MOST_DELAY_NS)
            self.response_ns = checked_whole("response_ns", response_ns, rows=size, most=MOST_DELAY_NS)
        except UsageError as error:
            raise UsageError(str(error), hint=error.hint or hint) from error

    def __len__(self) -> int:
        return len(self.sent_ns)

    def __repr__(self) -> str:
        return f"{self.name} ({len(self):,} orders)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LatencyLog) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits of what it says."""
        digest = hashlib.blake2b(digest_size=16)
        for column in (self.sent_ns, self.entry_ns, self.response_ns):
            digest.update(column.tobytes())
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """Name of a file that holds it; it says what is in it."""
        return f"latency-{self.digest[:16]}.parquet"

    def later(self, by_ns: int) -> "LatencyLog":
        """The same at another time."""
        return LatencyLog(self.sent_ns + by_ns, self.entry_ns, self.response_ns)

    def share_of(self, begin_ns: int, end_ns: int) -> float:
        """The part of a time for which it has something to say; of an instant all of it.

        Raises
        ------
        UsageError
            If there is none: then it is the log of another time.
        """
        first, last = int(self.sent_ns[0]), int(self.sent_ns[-1])
        if last < begin_ns or first > end_ns:
            raise UsageError(
                f"backtest.latency.log must be of the time that is played, {_span(begin_ns, end_ns)}, got orders of "
                f"{_span(first, last)}",
                hint="sent_ns is in nanoseconds UTC",
            )
        return (min(last, end_ns) - max(first, begin_ns)) / (end_ns - begin_ns) if end_ns > begin_ns else 1.0


def _span(begin_ns: int, end_ns: int) -> str:
    begin, end = (datetime.fromtimestamp(at_ns // SECOND, UTC) for at_ns in (begin_ns, end_ns))
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S}"
