"""The ledger as an actor."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from msray.api.in_process import commits_into
from msray.api.ledger_metrics import ledger_sample
from msray.clock import SystemClock
from msray.detectors import Calibration
from msray.errors import MsrayError
from msray.on_ray.session import LEDGER, start_actor
from msray.store.ledger_records import Batch, Receipt, SignalQuery, StoredSignal
from msray.store.ledger_store import LedgerStore
from msray.telemetry.metrics import Figures, Sample


class LedgerService:
    """One ledger, its group commit and its figures. The first call opens it, and hears why it cannot be.

    Parameters
    ----------
    url
        Path or URL of the ledger.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._figures = Figures()
        self._clock = SystemClock()

    @cached_property
    def _store(self) -> LedgerStore:
        return LedgerStore(self._url, clock=self._clock, observe=commits_into(self._figures))

    async def store(self, batch: Batch) -> Receipt:
        """Store a batch; returns when it is durable."""
        return await self._store.store(batch)

    async def store_all(self, batches: Sequence[Batch]) -> list[Receipt | MsrayError]:
        """Store batches that have nothing to do with one another; what became of each, once all are settled."""
        outcomes = await asyncio.gather(*map(self._store.store, batches), return_exceptions=True)
        return [_receipt_or_refusal(outcome) for outcome in outcomes]

    async def get(self, signal_id: str) -> StoredSignal | None:
        """The signal of an id."""
        return await self._store.get(signal_id)

    async def page(self, query: SignalQuery) -> list[StoredSignal]:
        """A page of signals."""
        return await self._store.page(query)

    async def instruments_of(self, symbol: str) -> list[str]:
        """Instruments with signals whose symbol is this one."""
        return await self._store.instruments_of(symbol)

    async def reasons(self) -> list[str]:
        """Why nothing can be stored now."""
        return await self._store.reasons()

    async def lease(self, instruments: Sequence[str], holder: str, for_s: float) -> dict[str, int]:
        """Take instruments over; their epochs."""
        ledger = self._store.ledger
        return await self._store.read(lambda: ledger.lease(instruments, holder, for_ns=int(for_s * 1e9)))

    async def holders(self, instruments: Collection[str]) -> dict[str, str]:
        """Who holds instruments whose lease has not run out, by instrument."""
        return await self._store.read(lambda: self._store.ledger.holders(instruments))

    async def renew(self, epochs: Mapping[str, int], for_s: float) -> None:
        """Hold leases for so long from now; 0 gives them back."""
        await self._store.read(lambda: self._store.ledger.renew(epochs, for_ns=int(for_s * 1e9)))

    async def calibrations(self, instruments: Sequence[str]) -> dict[str, str]:
        """The newest calibration of each instrument that has one, as JSON."""

        def newest() -> dict[str, str]:
            found = {name: self._store.ledger.calibrations(name) for name in instruments}
            return {name: known[-1][1] for name, known in found.items() if known}

        return await self._store.read(newest)

    async def keep_calibration(self, calibration: Calibration) -> None:
        """Store a calibration; returns when it is durable."""
        await self._store.read(
            lambda: self._store.ledger.keep_calibration(
                calibration.instrument,
                since_ns=calibration.last_ns,
                digest=calibration.digest,
                document=calibration.to_json(),
            )
        )

    async def sample(self, symbols: Collection[str], signal_types: Collection[str], active_window_s: float) -> Sample:
        """Figures that only the ledger knows, and those of its commits."""
        since_ns = self._clock.now_ns() - int(active_window_s * 1e9)

        def count() -> Sample:
            return ledger_sample(
                self._store.ledger, symbols=symbols, signal_types=signal_types, active_since_ns=since_ns
            )

        return {**self._figures.sample(), **await self._store.read(count)}

    async def close(self) -> None:
        """Commit what waits and let go of the ledger."""
        await asyncio.to_thread(self._store.close)


def _receipt_or_refusal(outcome: Receipt | BaseException) -> Receipt | MsrayError:
    if isinstance(outcome, Receipt | MsrayError):
        return outcome
    raise outcome


def start_ledger(url: str) -> Any:
    """The ledger actor of the session, started; on SQLite it stays on this node, with its file.

    Raises
    ------
    ValueError
        If it is running already.
    """
    where: Any = "DEFAULT"
    if not url.startswith("postgresql"):
        where = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return start_actor(LedgerActor, LEDGER, url, scheduling_strategy=where, get_if_exists=False)


LedgerActor = ray.remote(LedgerService)
