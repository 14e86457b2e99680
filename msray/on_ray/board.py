"""The board: the latest of every shard, for whoever wants to look, and the REST weight that all shards share."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ray

from msray.api.state import InstrumentSnapshot
from msray.clock import Clock, SystemClock
from msray.on_ray.replica_figures import ReplicaFigures
from msray.on_ray.session import BOARD, start_actor
from msray.on_ray.shard_report import ShardStatus, ShardUpdate, pack, unpack
from msray.on_ray.shared_gate import SharedGates
from msray.telemetry.metrics import Sample

SILENT_S = 5.0
"""After which a silent shard's books and a silent replica's gauges are not shown: it is gone, or hangs."""


@dataclass(frozen=True, kw_only=True)
class BoardView:
    """What a reader has not seen yet.

    Attributes
    ----------
    version
        To be said at the next look.
    shards
        All of them.
    samples
        Figures, one sample a shard and one of all replicas of the API.
    packed_instruments
        Of the shards that changed since the version the reader named.
    """

    version: int
    shards: tuple[ShardStatus, ...]
    samples: tuple[Sample, ...]
    packed_instruments: tuple[bytes, ...]

    @cached_property
    def instruments(self) -> tuple[InstrumentSnapshot, ...]:
        """Instruments of the shards that changed since the version the reader named."""
        return tuple(map(unpack, self.packed_instruments))


class BoardService:
    """Keeps the latest of shards and replicas (what is lost or repeated changes nothing) and the gates to the venues.

    Parameters
    ----------
    clock
        The machine's by default.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._version = self._clock.now_ns()  # beyond what a reader saw of a board before this one
        self._updates: dict[str, ShardUpdate] = {}
        self._changed: dict[str, int] = {}
        self._heard_ns: dict[str, int] = {}
        self._replicas = ReplicaFigures()
        self._gates = SharedGates(self._clock)

    async def push(self, update: ShardUpdate) -> None:
        """Take an update, unless a later one of the same shard is here."""
        shard = update.status.shard
        known = self._updates.get(shard)
        if known is not None and known.order >= update.order:
            return
        self._heard_ns[shard] = self._clock.monotonic_ns()
        self._show(update)

    async def look(self, seen: int = 0) -> BoardView:
        """Everything that changed after version ``seen``."""
        silent_before_ns = self._clock.monotonic_ns() - int(SILENT_S * 1e9)
        self._hide_silent(silent_before_ns)
        fresh = [update for name, update in self._updates.items() if self._changed[name] > seen]
        return BoardView(
            version=self._version,
            shards=tuple(update.status for update in self._updates.values()),
            samples=(
                *(update.sample for update in self._updates.values()),
                self._replicas.sample(silent_before_ns),
            ),
            packed_instruments=tuple(one for update in fresh for one in update.instruments),
        )

    async def tell(self, replica: str, sample: Sample, seen: int) -> BoardView:
        """Take the figures of a replica of the API, and answer as :meth:`look`: one call for both."""
        self._replicas.tell(replica, sample, self._clock.monotonic_ns())
        return await self.look(seen)

    async def enter_gate(self, venue: str, key: str, weight: int, priority: int) -> None:
        """Wait until a shard may spend so much weight at a venue."""
        await self._gates.of(venue).enter(key, weight, priority)

    async def gate_answered(self, venue: str, used: int) -> None:
        """A venue said how much of the minute's weight is used."""
        self._gates.of(venue).answered(used)

    async def gate_refused(self, venue: str, status: int, retry_after_s: float | None) -> None:
        """A venue said 429 or 418: nobody asks it for a while."""
        self._gates.of(venue).refused(status, retry_after_s)

    def _show(self, update: ShardUpdate) -> None:
        self._version += 1
        self._updates[update.status.shard] = update
        self._changed[update.status.shard] = self._version

    def _hide_silent(self, before_ns: int) -> None:
        """A book that nobody keeps is not synced, whatever was said of it last."""
        for shard in [shard for shard, heard_ns in self._heard_ns.items() if heard_ns < before_ns]:
            del self._heard_ns[shard]
            update = self._updates[shard]
            self._show(replace(update, instruments=tuple(map(_unsynced, update.instruments))))


def _unsynced(packed: bytes) -> bytes:
    return pack(replace(unpack(packed), state="unsynced", bids=(), asks=()))


def start_board() -> Any:
    """The board of the session, started if it is not running."""
    return start_actor(BoardActor, BOARD)


BoardActor = ray.remote(BoardService)
