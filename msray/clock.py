"""Where time comes from: what decides is told the time, what touches the world is given a clock."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time, and two ways to wait."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC; may jump when the machine's clock is set."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since some fixed moment; never goes back. All durations are measured on it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long."""
        ...

    def pause(self, seconds: float) -> None:
        """Block the thread for so long (a paced replay does)."""
        ...


class SystemClock:
    """The machine's clocks."""

    now_ns = staticmethod(time.time_ns)  # no call of ours in between: each frame asks
    monotonic_ns = staticmethod(time.monotonic_ns)

    async def sleep(self, seconds: float) -> None:
        """See :meth:`Clock.sleep`."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """See :meth:`Clock.pause`."""
        time.sleep(seconds)
