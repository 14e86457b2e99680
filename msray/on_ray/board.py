"""The board: the latest of every shard, for whoever wants to look, and the REST weight that all shards share."""

from dataclasses import dataclass
from typing import Any

import ray

from msray.api.state import InstrumentSnapshot
from msray.feeds.clock import SystemClock
from msray.on_ray.session import BOARD, start_actor
from msray.on_ray.shard_report import ShardUpdate
from msray.on_ray.shared_gate import SharedGates
from msray.telemetry.metrics import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStatus:
    """A shard, in a line."""

    shard: str
    holder: str
    started_ns: int
    instruments: tuple[str, ...]
    signals_stored: int
    signals_waiting: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """What a reader has not seen yet.

    Attributes
    ----------
    version
        To be said at the next look.
    shards
        All of them.
    instruments
        Those that changed since the version the reader named.
    samples
        Figures, one sample a shard.
    """

    version: int
    shards: tuple[ShardStatus, ...]
    instruments: tuple[InstrumentSnapshot, ...]
    samples: tuple[Sample, ...]


class BoardService:
    """Keeps the latest update of every shard (a lost or a repeated one changes nothing) and the gates to the venues."""

    def __init__(self) -> None:
        self._version = 0
        self._updates: dict[str, ShardUpdate] = {}
        self._changed: dict[str, int] = {}
        self._gates = SharedGates(SystemClock())

    async def push(self, update: ShardUpdate) -> None:
        """Take an update, unless a later one of the same shard is here."""
        known = self._updates.get(update.shard)
        if known is not None and (known.started_ns, known.number) >= (update.started_ns, update.number):
            return
        self._version += 1
        self._updates[update.shard] = update
        self._changed[update.shard] = self._version

    async def look(self, seen: int = 0) -> BoardView:
        """Everything that changed after version ``seen``."""
        fresh = [update for name, update in self._updates.items() if self._changed[name] > seen]
        return BoardView(
            version=self._version,
            shards=tuple(_status(update) for update in self._updates.values()),
            instruments=tuple(snapshot for update in fresh for snapshot in update.instruments),
            samples=tuple(update.sample for update in self._updates.values()),
        )

    async def enter_gate(self, venue: str, key: str, weight: int, priority: int) -> None:
        """Wait until a shard may spend so much weight at a venue."""
        await self._gates.of(venue).enter(key, weight, priority)

    async def gate_answered(self, venue: str, used: int) -> None:
        """A venue said how much of the minute's weight is used."""
        self._gates.of(venue).answered(used)

    async def gate_refused(self, venue: str, status: int, retry_after_s: float | None) -> None:
        """A venue said 429 or 418: nobody asks it for a while."""
        self._gates.of(venue).refused(status, retry_after_s)


def _status(update: ShardUpdate) -> ShardStatus:
    return ShardStatus(
        shard=update.shard,
        holder=update.holder,
        started_ns=update.started_ns,
        instruments=tuple(snapshot.instrument for snapshot in update.instruments),
        signals_stored=update.signals_stored,
        signals_waiting=update.signals_waiting,
        problems=update.problems,
    )


def start_board() -> Any:
    """The board of the session, started if it is not running."""
    return start_actor(BoardActor, BOARD)


BoardActor = ray.remote(BoardService)
