"""``ShardLedger``: what a shard needs of the ledger."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msray.detectors import Calibration
from msray.store.ledger_records import Batch, Receipt


class ShardLedger(Protocol):
    """Where its signals, leases and calibrations are kept."""

    async def store(self, batch: Batch) -> Receipt:
        """Store signals; returns when they are durable."""

    async def lease(self, instruments: Sequence[str], holder: str, for_s: float) -> dict[str, int]:
        """Take instruments over; their epochs."""

    async def renew(self, epochs: Mapping[str, int], for_s: float) -> None:
        """Hold leases for so long from now; 0 gives them back."""

    async def calibrations(self, instruments: Sequence[str]) -> dict[str, str]:
        """The newest calibration of each instrument that has one, as JSON."""

    def keep_calibration(self, calibration: Calibration) -> None:
        """Store a calibration; returns when it is durable. Called from a thread."""
