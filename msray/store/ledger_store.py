"""``LedgerStore``: a ledger behind ``await``, for whoever has an event loop: the API, a Ray actor."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msray.clock import Clock
from msray.errors import MsrayError, UnavailableError
from msray.store.group_commit import GroupCommit, Observer
from msray.store.ledger import Ledger
from msray.store.ledger_records import Batch, Receipt, SignalQuery, StoredSignal

_READERS = 4
_PROBE_S = 5.0
T = TypeVar("T")


class LedgerStore:
    """A ledger behind ``await``: writes share commits, reads run on a few threads.

    Parameters
    ----------
    url
        Path or URL of the ledger; made if missing.
    clock
        Time.
    observe
        Told of every commit; called on the writer's thread.

    Raises
    ------
    UnavailableError, UsageError
        As :class:`~msray.store.ledger.Ledger` does.
    """

    def __init__(self, url: str, *, clock: Clock, observe: Observer | None = None) -> None:
        self.ledger = Ledger(url, clock=clock)
        self._group = GroupCommit(self.ledger, clock=clock, observe=observe)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ledger-reader")

    async def store(self, batch: Batch) -> Receipt:
        """Store a batch; returns when it is durable."""
        return await self._group.store(batch)

    async def get(self, signal_id: str) -> StoredSignal | None:
        """The signal of an id."""
        return await self.read(lambda: self.ledger.get(signal_id))

    async def page(self, query: SignalQuery) -> list[StoredSignal]:
        """A page of signals."""
        return await self.read(lambda: self.ledger.page(query))

    async def instruments_of(self, symbol: str) -> list[str]:
        """Instruments with signals whose symbol is this one."""
        return await self.read(lambda: self.ledger.instruments_of(symbol))

    async def read(self, question: Callable[[], T]) -> T:
        """Ask the ledger something on a thread; UnavailableError once it is being closed."""
        try:
            asked = self._readers.submit(question)
        except RuntimeError as error:
            raise UnavailableError("the ledger is being closed") from error
        return await asyncio.wrap_future(asked)

    async def reasons(self) -> list[str]:
        """Why nothing can be stored now: a commit is tried."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self.store(Batch(signals=()))
        except (MsrayError, TimeoutError):
            return ["the ledger cannot be written"]
        return []

    def close(self) -> None:
        """Commit what waits and let go of the ledger."""
        self._group.close()
        self._readers.shutdown()
        self.ledger.close()
