"""The ledger for a process in which many requests store at once: they share calls, which cost as much as a POST."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from msray.on_ray.calls import answer
from msray.on_ray.remote_ledger import RemoteLedger
from msray.store.ledger_records import Batch, Receipt

MAX_SIGNALS = 500
"""Signals of one call; a larger batch goes alone."""


class GatheredLedger(RemoteLedger):
    """As :class:`~msray.on_ray.remote_ledger.RemoteLedger`; batches that come during a call share the next.

    Nothing waits for company: a lone batch is sent at once. Each batch has an outcome of its own. One call at a time,
    since a second one under way only makes both smaller.

    Parameters
    ----------
    actor
        Its handle; by default it is looked up by name.
    """

    def __init__(self, actor: Any = None) -> None:
        super().__init__(actor)
        self._waiting: deque[_Waiting] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def store(self, batch: Batch) -> Receipt:
        """Store a batch; returns when it is durable."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(batch, loop.create_future())
        self._waiting.append(waiting)
        if self._sending is None or self._sending.done():
            self._sending = loop.create_task(self._send_all())
        return await waiting.receipt

    async def _send_all(self) -> None:
        while self._waiting:
            group = self._take()
            outcomes: Sequence[Receipt | Exception] = await self._outcomes(group)
            for waiting, outcome in zip(group, outcomes, strict=True):
                if waiting.receipt.cancelled():  # its client went away; the signals are stored all the same
                    continue
                if isinstance(outcome, Exception):
                    waiting.receipt.set_exception(outcome)
                else:
                    waiting.receipt.set_result(outcome)

    def _take(self) -> "list[_Waiting]":
        group = [self._waiting.popleft()]
        signals = len(group[0].batch.signals)
        while self._waiting and signals + len(self._waiting[0].batch.signals) <= MAX_SIGNALS:
            group.append(self._waiting.popleft())
            signals += len(group[-1].batch.signals)
        return group

    async def _outcomes(self, group: "list[_Waiting]") -> Sequence[Receipt | Exception]:
        try:
            return await answer(self._actor.store_all.remote([waiting.batch for waiting in group]))
        except Exception as error:  # whoever waits must hear of it, whatever it is
            return [error for _ in group]


class _Waiting(NamedTuple):
    batch: Batch
    receipt: asyncio.Future[Receipt]
