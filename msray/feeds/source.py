"""What a stream can be made of."""

from collections.abc import Sequence
from typing import Protocol

from msray.feeds.outlet import Outlet
from msray.market import Instrument


class Source(Protocol):
    """Somewhere that events come from. A member is one file, with one class that keeps this promise."""

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        """Emit events of the instruments, in arrival order, until there are no more or the task is cancelled.

        A source that can wait stops reading while the outlet is full.
        """
        ...

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        """Have a snapshot come, with a ``Requested`` before it, if this source has snapshots; never waits."""
        ...
