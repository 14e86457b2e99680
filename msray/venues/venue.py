"""What a venue promises and asks for, as data: sequence rule, addresses, limits. No socket."""

from dataclasses import dataclass

from msray.book import SequenceRule
from msray.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One market of one exchange.

    Attributes
    ----------
    name
        As in ``venue:SYMBOL``.
    market
        Its code in the table of symbols (``kernels_symbol``).
    rule
        How it numbers its depth messages; the module that defines the venue quotes the text.
    rest_url, depth_path, exchange_info_path
        Where snapshots and instruments are asked for.
    depth_url, trade_url
        WebSocket addresses up to ``/ws`` or ``/stream``; two connections where they differ.
    depth_channel, trade_channel
        What follows ``symbol@`` in a stream's name.
    snapshot_weights
        ``(limit, weight)``, rising: a snapshot of at most ``limit`` levels a side costs ``weight``.
    weight_per_minute
        Weight that one address may spend in a minute.
    ping_every_s, pong_within_s
        The server pings this often, and closes without an answer after this long.
    connection_life_s
        The server closes a connection that is this old.
    messages_per_s
        Messages a client may send on a connection, pongs included.
    streams_per_connection
        Most streams on one connection.
    connects_per_5_min
        Most connections from one address in five minutes; None where the venue states none.
    """

    name: str
    market: int
    rule: SequenceRule
    rest_url: str
    depth_path: str
    exchange_info_path: str
    depth_url: str
    trade_url: str
    depth_channel: str
    trade_channel: str
    snapshot_weights: tuple[tuple[int, int], ...]
    weight_per_minute: int
    ping_every_s: int
    pong_within_s: int
    connection_life_s: int
    messages_per_s: int
    streams_per_connection: int
    connects_per_5_min: int | None

    @property
    def is_futures(self) -> bool:
        """Whether its depth messages carry ``pu`` and ``T``."""
        return self.rule == SequenceRule.LINKED

    @property
    def largest_snapshot(self) -> int:
        """Most levels a side that a snapshot can have."""
        return self.snapshot_weights[-1][0]

    def snapshot_weight(self, limit: int) -> int:
        """Weight of a snapshot of ``limit`` levels a side.

        Raises
        ------
        UsageError
            If the venue gives no snapshot of that size.
        """
        for most, weight in self.snapshot_weights:
            if 1 <= limit <= most:
                return weight
        raise UsageError(f"limit of a {self.name} snapshot must be 1 to {self.largest_snapshot}, got {limit}")

    def depth_stream(self, symbol: str) -> str:
        """Name of the stream of depth messages; names of streams are lower case."""
        return f"{symbol.lower()}@{self.depth_channel}"

    def trade_stream(self, symbol: str) -> str:
        """Name of the stream of trades."""
        return f"{symbol.lower()}@{self.trade_channel}"
