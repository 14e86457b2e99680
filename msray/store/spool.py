"""Signals on their way to the ledger: kept until they are acknowledged, however often that takes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msray.errors import UnavailableError
from msray.market import Signal
from msray.store.ledger_records import Batch, LeaseLostError, Receipt

BATCH = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
MOST_WAITING = 200_000
"""Signals that may wait for a ledger that does not answer; then whoever finds more has to wait."""


class Spool:
    """Hands signals to a store in order, a batch at a time, and tries again where it cannot take them.

    Parameters
    ----------
    store
        Stores a batch; returns when it is durable.
    epochs
        Lease epochs of the instruments; None for a writer without leases.
    sleep
        Waits for so many seconds.
    """

    def __init__(
        self,
        store: Callable[[Batch], Awaitable[Receipt]],
        epochs: Mapping[str, int] | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.stored = 0
        """Signals acknowledged, those that were there before among them."""
        self.problem = ""
        """Why the store takes nothing now; empty while it does."""
        self._store = store
        self._epochs = epochs
        self._sleep = sleep
        self._waiting: deque[Signal] = deque()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether whoever finds signals should wait before it looks for more."""
        return len(self._waiting) >= MOST_WAITING

    def add(self, signals: Sequence[Signal]) -> None:
        """Take signals; they go in this order."""
        self._waiting.extend(signals)
        self._changed.set()

    async def run(self) -> None:
        """Store for ever.

        Raises
        ------
        LeaseLostError
            If somebody else holds an instrument now: this writer has to stop.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            if not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            batch = tuple(self._waiting[i] for i in range(min(BATCH, len(self._waiting))))
            try:
                await self._store(Batch(signals=batch, epochs=self._epochs))
            except LeaseLostError:
                raise
            except UnavailableError as error:
                self.problem = str(error)
                await self._sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            self.problem, pause_s = "", FIRST_PAUSE_S
            self.stored += len(batch)
            for _ in batch:
                self._waiting.popleft()

    async def drained(self) -> None:
        """Wait until everything taken so far is acknowledged."""
        while self._waiting:
            await self._sleep(FIRST_PAUSE_S / 10)
