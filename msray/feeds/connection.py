"""A connection that stays: it comes back after every loss, and is renewed before the venue ends it.

::

           Refused: pause                        .-- 23 h, or the server leaves: a second socket,
          .-------.                              |   its frames held until the first has told the same
          v       |                              v
       connecting ---------------------------> open ----------------> lost: Disconnected, pause, connect again
                                                 (closed | no data for long)

A renewal is no loss: both sockets are open for a while, the new one's frames are handed on behind the old one's, and
``BookSync`` drops by their ids what came twice.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from msray.clock import Clock
from msray.feeds.dial import dial
from msray.feeds.gather import Gatherer
from msray.feeds.link import Link
from msray.feeds.reconnect import SECOND, Backoff, ConnectLimit, Watchdog
from msray.feeds.websocket import Refused
from msray.prediction import Disconnected

OVERLAP_S = 2.0
TICK_S = 1.0
LIVED_S = 30.0
"""A connection that held for so long worked: pauses begin small again."""
RENEW_S = 23 * 3600.0
_RENEW_SPREAD_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPlan:
    """One connection that is wanted.

    Attributes
    ----------
    url
        With the streams in it.
    venue
        Whose frames come.
    instruments
        Ids of those that it carries.
    """

    url: str
    venue: str
    instruments: tuple[str, ...]


@dataclass(slots=True)
class ConnectionStatus:
    """How a connection is doing; counters only grow.

    Attributes
    ----------
    url
        Where to.
    state
        ``connecting``, ``open``, ``waiting`` (until the next attempt) or ``failed`` (for good).
    reason
        Why it is not open, or was not the last time.
    """

    url: str
    state: str = "connecting"
    reason: str = ""
    connects: int = 0
    losses: int = 0
    renewals: int = 0
    frames: int = 0


class Connection:
    """One planned connection, for as long as :meth:`run` runs.

    Parameters
    ----------
    plan
        What is wanted.
    gatherer
        Where frames go; losses go to its outlet.
    clock, rng
        Time and dice.
    limit
        Of connects, shared by all connections to the venue.
    is_fast
        Use the fast client.
    usual_interval_s
        What is known about the pace of the source; see :class:`~msray.feeds.reconnect.Watchdog`.
    renew_s
        Age at which a connection is renewed, less up to half an hour so that not all are renewed at once.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        gatherer: Gatherer,
        clock: Clock,
        rng: random.Random,
        limit: ConnectLimit,
        *,
        is_fast: bool = False,
        usual_interval_s: float = 0.0,
        renew_s: float = RENEW_S,
    ) -> None:
        self.status = ConnectionStatus(plan.url)
        self._plan = plan
        self._gatherer = gatherer
        self._clock = clock
        self._rng = rng
        self._limit = limit
        self._is_fast = is_fast
        self._renew_s = renew_s
        self._backoff = Backoff(rng)
        self._watchdog = Watchdog(usual_interval_s)

    async def run(self) -> None:
        """Stay connected; returns only if trying again is of no use (``status.state`` is ``failed`` then)."""
        while True:
            link = await self._open()
            if isinstance(link, Refused):
                self.status.reason = link.reason
                if link.is_fatal:
                    self.status.state = "failed"
                    return
                await self._pause(link.retry_after_s)
                continue
            began_ns = self._clock.monotonic_ns()
            self._lost(await self._follow(link))
            if self._clock.monotonic_ns() - began_ns >= LIVED_S * SECOND:
                self._backoff.reset()
            await self._pause(None)

    def _lost(self, reason: str) -> None:
        self.status.reason = reason
        self.status.losses += 1
        self._gatherer.outlet.emit(Disconnected(self._plan.instruments, self._clock.now_ns()))

    async def _pause(self, asked_s: float | None) -> None:
        self.status.state = "waiting"
        await self._clock.sleep(self._backoff.next_s() if asked_s is None else asked_s)

    async def _open(self, *, is_held: bool = False) -> Link | Refused:
        wait_ns = self._limit.reserve(self._clock.monotonic_ns())
        if wait_ns:
            await self._clock.sleep(wait_ns / SECOND)
        self.status.connects += 1
        if not is_held:
            self.status.state = "connecting"
            self._watchdog.started(self._clock.monotonic_ns())  # frames may come before the handshake is through
        link = Link(self._gatherer, self._clock.now_ns, self._saw, is_held=is_held)
        socket = await dial(self._plan.url, link.take, is_fast=self._is_fast)
        if isinstance(socket, Refused):
            return socket
        life_s = self._renew_s - self._rng.uniform(0.0, _RENEW_SPREAD_S)
        link.opened(socket, self._clock.monotonic_ns() + round(life_s * SECOND))
        self.status.state = "open"
        return link

    async def _follow(self, link: Link) -> str:
        """Stay with an open connection until it, and whatever renewed it, is lost; returns why."""
        self._watchdog.started(self._clock.monotonic_ns())
        try:
            while True:
                await self._either(link.ended, TICK_S)
                now_ns = self._clock.monotonic_ns()
                if link.ended.done():
                    return link.ended.result()
                if link.is_paused:  # the silence is ours
                    self._watchdog.started(now_ns)
                if self._watchdog.is_due(now_ns):
                    patience_s = self._watchdog.patience_ns / SECOND
                    self._watchdog.cut()
                    return f"no data for {patience_s:.0f} s"
                if link.is_leaving or now_ns >= link.renew_ns:
                    link = await self._renewed(link)
        finally:
            await link.close()

    def _saw(self, frames: int) -> None:
        self.status.frames += frames
        self._watchdog.saw(self._clock.monotonic_ns())

    async def _renewed(self, old: Link) -> Link:
        """A second connection, once it has taken over; the old one if that did not work."""
        new = await self._open(is_held=True)
        if isinstance(new, Refused):
            pause_s = self._backoff.next_s() if new.retry_after_s is None else new.retry_after_s
            old.renew_after(self._clock.monotonic_ns() + round(pause_s * SECOND))
            self.status.reason = f"not renewed: {new.reason}"
            return old
        is_seamless = not old.ended.done()
        kept, dropped = new, old
        try:
            await self._either(old.ended, OVERLAP_S)
            if new.ended.done() and not old.ended.done():
                kept, dropped = old, new
                old.renew_after(self._clock.monotonic_ns() + round(self._backoff.next_s() * SECOND))
            await dropped.close()
        except asyncio.CancelledError:
            await new.close()
            raise
        if not is_seamless:  # nobody heard what the venue said between the two
            self._lost(old.ended.result())
        kept.release()
        self.status.renewals += kept is new and is_seamless
        return kept

    async def _either(self, ended: "asyncio.Future[str]", seconds: float) -> None:
        """Wait for the end of a connection, but no longer than so."""
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            waiting: set[asyncio.Future[Any]] = {ended, timer}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
