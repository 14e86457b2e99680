"""REST weight for the whole cluster: the board holds the gates, shards ask it."""

import asyncio
from typing import Any

from msray.clock import Clock
from msray.errors import UnavailableError
from msray.feeds.budget import SnapshotBudget
from msray.feeds.rest import BudgetGate
from msray.on_ray.calls import answer
from msray.on_ray.session import BOARD, find
from msray.venues import find_venue

AGAIN_S = 0.5


class SharedGates:
    """One gate a venue, as if all shards were one process: an address has one budget, however many share it.

    Parameters
    ----------
    clock
        Waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gates: dict[str, BudgetGate] = {}

    def of(self, venue: str) -> BudgetGate:
        """The gate of a venue."""
        if venue not in self._gates:
            self._gates[venue] = BudgetGate(SnapshotBudget(find_venue(venue).weight_per_minute), self._clock)
        return self._gates[venue]


class RemoteGate:
    """The gate of one venue, held by the board; see :class:`~msray.feeds.rest.Gate`.

    Parameters
    ----------
    venue
        Its name.
    clock
        Waits.
    """

    def __init__(self, venue: str, clock: Clock) -> None:
        self._venue = venue
        self._clock = clock
        self._here = SnapshotBudget(find_venue(venue).weight_per_minute)

    async def enter(self, key: str, weight: int, priority: int = 0) -> None:
        """Wait until the weight is granted; a board that is being started again is asked again."""
        while True:
            try:
                await answer(find(BOARD).enter_gate.remote(self._venue, key, weight, priority))
            except UnavailableError:
                await self._clock.sleep(AGAIN_S)
            else:
                return

    def answered(self, used: int) -> None:
        """Pass on what the venue says is used."""
        self._tell("gate_answered", used)

    def refused(self, status: int, retry_after_s: float | None) -> float:
        """Pass the refusal on; the seconds are those that the board arrives at as well."""
        self._tell("gate_refused", status, retry_after_s)
        return self._here.refused(self._clock.monotonic_ns(), status, retry_after_s)

    def _tell(self, method: str, *words: Any) -> None:
        try:
            getattr(find(BOARD), method).remote(self._venue, *words)
        except UnavailableError:
            asyncio.get_running_loop().call_later(AGAIN_S, self._tell, method, *words)
