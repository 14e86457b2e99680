"""A clock that tests move by hand."""

import asyncio
import heapq
import itertools

SECOND = 1_000_000_000


class ManualClock:
    """Stands still until :meth:`advance` is called."""

    def __init__(self, now_ns: int = 1_700_000_000 * SECOND) -> None:
        self._now_ns = now_ns
        self._started_ns = now_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.pauses: list[float] = []

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns - self._started_ns

    async def sleep(self, seconds: float) -> None:
        until = self._now_ns + round(seconds * SECOND)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (until, next(self._order), future))
        await future

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._now_ns += round(seconds * SECOND)

    @property
    def sleeping(self) -> int:
        """How many wait for the clock."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move on, waking sleepers at their times, and let everything run that can."""
        end = self._now_ns + round(seconds * SECOND)
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            until, _, future = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, until)
            if not future.done():
                future.set_result(None)
                await settle()
        self._now_ns = end
        await settle()


async def settle(turns: int = 20) -> None:
    """Let the loop turn until everything that can run has run."""
    for _ in range(turns):
        await asyncio.sleep(0)
