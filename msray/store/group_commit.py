"""``GroupCommit``: many writers, one commit at a time, each answered once its own signals are durable."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from msray.clock import Clock
from msray.errors import MsrayError, UnavailableError
from msray.store.ledger import Ledger
from msray.store.ledger_records import Batch, Receipt

_log = logging.getLogger(__name__)

Observer = Callable[[int, float], None]
"""Told after every commit: signals in it, seconds it took."""


class GroupCommit:
    """Collects batches while a commit is under way and commits them together in the next.

    Nothing waits for company: a lone batch is committed at once, and what arrives during its commit shares the next. So
    the group grows with the load, and latency is at most two commits.

    Parameters
    ----------
    ledger
        Where to; whoever made it closes it, after this.
    clock
        Times the commits.
    max_signals
        A group is closed at so many signals (one larger batch is a group of its own).
    max_waiting
        Signals that may wait; beyond, a batch is refused at once rather than kept in memory.
    observe
        See :data:`Observer`; called on the writer's thread.

    Examples
    --------
    >>> import tempfile
    >>> from msray.clock import SystemClock
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = Ledger(f"{folder}/ledger.db", clock=SystemClock())
    ...     group = GroupCommit(ledger, clock=SystemClock())
    ...     receipt = group.submit(Batch(signals=())).result()
    ...     group.close(), ledger.close()
    (None, None)
    >>> receipt
    Receipt(stored=(), is_replayed=False)
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        clock: Clock,
        max_signals: int = 500,
        max_waiting: int = 20_000,
        observe: Observer | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_signals = max_signals
        self._max_waiting = max_waiting
        self._observe = observe
        self._waiting: deque[tuple[Batch, Future[Receipt]]] = deque()
        self._waiting_signals = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._writer.start()

    def submit(self, batch: Batch) -> Future[Receipt]:
        """Hand in a batch from any thread; the future has its receipt once it is durable.

        Raises
        ------
        UnavailableError
            Here, if too much is waiting or this is closed; from the future, if the ledger cannot be written.
        MsrayError
            From the future: why this batch was refused.
        """
        future: Future[Receipt] = Future()
        with self._changed:
            if self._is_closed:
                raise UnavailableError("the ledger is being closed")
            if self._waiting_signals + len(batch.signals) > self._max_waiting and self._waiting:
                raise UnavailableError(
                    f"signals waiting for the ledger must be at most {self._max_waiting}, got {self._waiting_signals}",
                    hint="send again in a moment, or more slowly",
                )
            self._waiting.append((batch, future))
            self._waiting_signals += len(batch.signals)
            self._changed.notify()
        return future

    async def store(self, batch: Batch) -> Receipt:
        """Like :meth:`submit`, for a coroutine."""
        return await asyncio.wrap_future(self.submit(batch))

    def close(self) -> None:
        """Commit what waits, then stop. Batches handed in from now on are refused."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._writer.join()

    def _run(self) -> None:
        while group := self._take():
            try:
                self._commit(group)
            except Exception as error:  # the top of this thread: whoever waits must hear of it, whatever it is
                if not isinstance(error, MsrayError):
                    _log.exception("a commit failed")
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)

    def _take(self) -> list[tuple[Batch, Future[Receipt]]]:
        """The next group; empty once closed and nothing is left."""
        group: list[tuple[Batch, Future[Receipt]]] = []
        signals = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            while self._waiting and (not group or signals + len(self._waiting[0][0].signals) <= self._max_signals):
                batch, future = self._waiting.popleft()
                self._waiting_signals -= len(batch.signals)
                future.set_running_or_notify_cancel()  # a canceled one is stored all the same: its client may have gone
                group.append((batch, future))
                signals += len(batch.signals)
        return group

    def _commit(self, group: list[tuple[Batch, Future[Receipt]]]) -> None:
        started_ns = self._clock.monotonic_ns()
        outcomes = self._ledger.commit([batch for batch, _ in group])
        if self._observe:
            signals = sum(len(batch.signals) for batch, _ in group)
            self._observe(signals, (self._clock.monotonic_ns() - started_ns) / 1e9)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, MsrayError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
