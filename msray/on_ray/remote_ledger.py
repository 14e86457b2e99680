"""The ledger of a session, as those see it who call its actor: they need neither a database nor a web server."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msray.detectors import Calibration
from msray.on_ray.calls import answer, answer_now
from msray.on_ray.session import LEDGER, find
from msray.store.ledger_records import Batch, Receipt, SignalQuery, StoredSignal
from msray.telemetry.metrics import Sample


class RemoteLedger:
    """The ledger of the session; see :class:`~msray.api.state.SignalStore` and ``ShardLedger``.

    Parameters
    ----------
    actor
        Its handle; by default it is looked up by name.
    """

    def __init__(self, actor: Any = None) -> None:
        self._actor = actor or find(LEDGER)

    async def store(self, batch: Batch) -> Receipt:
        """Store a batch; returns when it is durable."""
        return await answer(self._actor.store.remote(batch))

    async def get(self, signal_id: str) -> StoredSignal | None:
        """The signal of an id."""
        return await answer(self._actor.get.remote(signal_id))

    async def page(self, query: SignalQuery) -> list[StoredSignal]:
        """A page of signals."""
        return await answer(self._actor.page.remote(query))

    async def instruments_of(self, symbol: str) -> list[str]:
        """Instruments with signals whose symbol is this one."""
        return await answer(self._actor.instruments_of.remote(symbol))

    async def reasons(self) -> list[str]:
        """Why nothing can be stored now."""
        return await answer(self._actor.reasons.remote())

    async def lease(self, instruments: Sequence[str], holder: str, for_s: float) -> dict[str, int]:
        """Take instruments over; their epochs."""
        return await answer(self._actor.lease.remote(instruments, holder, for_s))

    async def renew(self, epochs: Mapping[str, int], for_s: float) -> None:
        """Hold leases for so long from now; 0 gives them back."""
        await answer(self._actor.renew.remote(epochs, for_s))

    async def calibrations(self, instruments: Sequence[str]) -> dict[str, str]:
        """The newest calibration of each instrument that has one, as JSON."""
        return await answer(self._actor.calibrations.remote(instruments))

    async def sample(self, symbols: Collection[str], signal_types: Collection[str], active_window_s: float) -> Sample:
        """Figures that only the ledger knows."""
        return await answer(self._actor.sample.remote(symbols, signal_types, active_window_s))

    def keep_calibration(self, calibration: Calibration) -> None:
        """Store a calibration from a thread; returns when it is durable."""
        answer_now(self._actor.keep_calibration.remote(calibration), None)
