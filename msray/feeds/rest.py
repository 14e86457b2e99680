"""REST, politely: weight is leased before a request, refusals are obeyed, answers are bounded."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

import aiohttp
import msgspec

from msray.clock import Clock
from msray.errors import FeedError, UnavailableError, UsageError
from msray.feeds.budget import BANNED, TOO_MANY, SnapshotBudget
from msray.feeds.reconnect import SECOND
from msray.venues import Venue

SNAPSHOT_BYTES = 1 << 20
"""Longest snapshot that is read; no decoder takes a longer one. 5,000 levels a side are some 330 kB."""
EXCHANGE_INFO_BYTES = 64 << 20
_TOTAL_S = 10.0
_CONNECT_S = 5.0
_UNKNOWN_SYMBOL = '"code":-1121'
_EXCHANGE_INFO_WEIGHT = 20
_FIREWALL = 403


class Gate(Protocol):
    """Lets requests through as the weight allows; one a venue, or one for a whole cluster."""

    async def enter(self, key: str, weight: int, priority: int = 0) -> None:
        """Wait until the weight is granted."""
        ...

    def answered(self, used: int) -> None:
        """The venue says how much of the minute's weight is used."""
        ...

    def refused(self, status: int, retry_after_s: float | None) -> float:
        """The venue said 429 or 418; returns the seconds for which the gate is closed."""
        ...


class BudgetGate:
    """The gate of one process: a :class:`SnapshotBudget` and those who wait for it.

    Parameters
    ----------
    budget
        Who may go when.
    clock
        Waits.
    """

    def __init__(self, budget: SnapshotBudget, clock: Clock) -> None:
        self.budget = budget
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._entered = 0
        self._opener: asyncio.Task[None] | None = None

    async def enter(self, key: str, weight: int, priority: int = 0) -> None:
        """See :meth:`Gate.enter`."""
        self._entered += 1
        key = f"{key} {self._entered}"  # the same may be asked for twice at once
        self.budget.ask(key, weight, priority)
        self._waiting[key] = granted = asyncio.get_running_loop().create_future()
        if self._opener is None or self._opener.done():
            self._opener = asyncio.create_task(self._open())
        try:
            await granted
        finally:
            self._waiting.pop(key, None)
            self.budget.cancel(key)

    def answered(self, used: int) -> None:
        """See :meth:`Gate.answered`."""
        self.budget.answered(self._clock.monotonic_ns(), used)

    def refused(self, status: int, retry_after_s: float | None) -> float:
        """See :meth:`Gate.refused`."""
        return self.budget.refused(self._clock.monotonic_ns(), status, retry_after_s)

    async def _open(self) -> None:
        """Let in who may go, until nobody waits."""
        while self._waiting:
            now_ns = self._clock.monotonic_ns()
            for key in self.budget.grant(now_ns):
                granted = self._waiting.pop(key)
                if not granted.done():  # it may have been cancelled in this very turn
                    granted.set_result(None)
            if self._waiting:
                # Somebody more important may ask, or leave, meanwhile: look again at least every second.
                await self._clock.sleep(min(self.budget.wait_ns(self._clock.monotonic_ns()) / SECOND, 1.0))


class RestClient:
    """The REST side of one venue.

    Parameters
    ----------
    venue
        Paths and weights.
    base_url
        Where they are.
    session
        Shared by all venues.
    gate
        Everything passes it.
    """

    def __init__(self, venue: Venue, base_url: str, session: aiohttp.ClientSession, gate: Gate) -> None:
        self.venue = venue
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._gate = gate

    async def admit(self, symbol: str, limit: int, priority: int = 0) -> None:
        """Wait until the weight of a snapshot is granted; the request is to follow at once."""
        await self._gate.enter(symbol, self.venue.snapshot_weight(limit), priority)

    async def snapshot(self, symbol: str, limit: int) -> bytes:
        """A depth snapshot as the venue sends it, after :meth:`admit`.

        Raises
        ------
        UnavailableError
            If there is no answer in time, or one that says: later.
        FeedError
            If the venue refuses the request as such, or the answer is too long.
        """
        params = {"symbol": symbol, "limit": str(limit)}
        return await self._get(self.venue.depth_path, params, SNAPSHOT_BYTES)

    async def exchange_info(self, symbols: Iterable[str], priority: int = 100) -> bytes:
        """``exchangeInfo``, of spot for these symbols only.

        Raises as :meth:`snapshot` does, and UsageError where spot does not know one of them.
        """
        symbols = list(symbols)
        params = {} if self.venue.is_futures else {"symbols": msgspec.json.encode(symbols).decode()}
        await self._gate.enter("exchangeInfo", _EXCHANGE_INFO_WEIGHT, priority)
        try:
            return await self._get(self.venue.exchange_info_path, params, EXCHANGE_INFO_BYTES)
        except FeedError as error:
            if _UNKNOWN_SYMBOL not in str(error):
                raise
            what = f"symbol must be one that {self.venue.name} lists, got {', '.join(symbols)}"
            raise UsageError(what, hint="one of them is not, or not any more") from error

    async def _get(self, path: str, params: Mapping[str, str], most_bytes: int) -> bytes:
        url = self._base_url + path
        timeout = aiohttp.ClientTimeout(total=_TOTAL_S, connect=_CONNECT_S)
        try:
            async with self._session.get(url, params=params, timeout=timeout, allow_redirects=False) as answer:
                used = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
                if used.isdecimal():
                    self._gate.answered(int(used))
                body = await _read(answer, most_bytes)
        except TimeoutError as error:
            raise UnavailableError(f"{url} did not answer within {_TOTAL_S:g} s") from error
        except aiohttp.ClientSSLError as error:
            raise FeedError(f"{url}: no secure connection: {error}") from error
        except aiohttp.ClientError as error:
            raise UnavailableError(f"{url} cannot be reached: {error}") from error
        if answer.status == 200:
            return body
        raise self._failure(answer, url, body)

    def _failure(self, answer: aiohttp.ClientResponse, url: str, body: bytes) -> FeedError | UnavailableError:
        if answer.status in (TOO_MANY, BANNED):
            asked = answer.headers.get("Retry-After", "")
            wait_s = self._gate.refused(answer.status, float(asked) if asked.isdecimal() else None)
            what = "banned" if answer.status == BANNED else "too many requests"
            return UnavailableError(f"{url} answers {answer.status} ({what}); nothing is asked for {wait_s:g} s")
        text = body[:200].decode("ascii", "replace")
        if answer.status >= 500 or answer.status == _FIREWALL:
            return UnavailableError(f"{url} answers {answer.status}: {text}")
        return FeedError(f"{url} answers {answer.status}: {text}")


async def _read(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The whole body, however it is packed, but no more than so many bytes of it."""
    body = bytearray()
    async for piece in answer.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > most_bytes:
            answer.close()
            raise FeedError(f"{answer.url} answers more than {most_bytes} bytes")
    return bytes(body)
