"""The venues' REST side: ``ping``, ``time``, ``exchangeInfo`` and ``depth``, with weight, 429 and 418."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from msray.clock import Clock
from msray.errors import UnavailableError
from msray.simulator import wire
from msray.simulator.exchange import Listing
from msray.simulator.faults import Fault, FaultSchedule
from msray.simulator.limits import PerAddress, RequestWeight
from msray.simulator.source import Source
from msray.venues import Venue

Answer = Callable[[web.Request], Awaitable[bytes]]
Respond = Callable[[web.Request], Awaitable[web.Response]]

_MS = 1_000_000
_USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
_WEIGHTS_OF_INFO = {wire.SPOT: 20}
_DEFAULT_LIMITS = {wire.SPOT: 100}
_FUTURES_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_TOO_MUCH = "Please use WebSocket Streams for live updates to avoid"


class RefusedError(Exception):
    """A request that gets an error in the venue's shape.

    Parameters
    ----------
    status
        Of HTTP.
    code, message
        In the venue's words.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MarketApi:
    """One market's REST interface.

    Parameters
    ----------
    venue
        Which market.
    listings
        Its instruments.
    source
        Asked for a recorded ``exchangeInfo``.
    faults
        Decides what happens to snapshot requests.
    market_s
        Market seconds since the first message.
    clock
        Tells the time.
    """

    def __init__(
        self,
        venue: Venue,
        listings: Iterable[Listing],
        source: Source,
        faults: FaultSchedule,
        market_s: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._venue = venue
        self._listings = {listing.instrument.symbol: listing for listing in listings}
        self._source = source
        self._faults = faults
        self._market_s = market_s
        self._clock = clock
        self._weights = PerAddress(lambda: RequestWeight(venue.weight_per_minute))

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add what it answers, an error for every other path of the market among them."""
        prefix = self._venue.depth_path.rpartition("/")[0]
        info = _WEIGHTS_OF_INFO.get(self._venue.name, 1)
        router.add_get(f"{prefix}/ping", self._weighed(lambda request: 1, self._ping))
        router.add_get(f"{prefix}/time", self._weighed(lambda request: 1, self._time))
        router.add_get(f"{prefix}/exchangeInfo", self._weighed(lambda request: info, self._exchange_info))
        router.add_get(f"{prefix}/depth", self._weighed(self._depth_weight, self._depth))
        router.add_route("*", f"{prefix}/{{rest:.*}}", _unknown_path)

    def _weighed(self, weigh: Callable[[web.Request], int], answer: Answer) -> Respond:
        """A handler that spends weight first, and gives errors their shape."""

        async def handle(request: web.Request) -> web.Response:
            account = self._weights.of(request.remote or "")
            now_s = self._clock.now_ns() / 1e9
            verdict = account.spend(weigh(request), now_s)
            headers = {_USED_WEIGHT: str(verdict.used)}
            if verdict.status != 200:
                headers["Retry-After"] = str(verdict.retry_after_s)
                until_ms = int((now_s + verdict.retry_after_s) * 1000)
                body = wire.error(-1003, self._too_much(verdict.status, until_ms))
                return _json(body, status=verdict.status, headers=headers)
            try:
                return _json(await answer(request), headers=headers)
            except RefusedError as refused:
                return _json(wire.error(refused.code, str(refused)), status=refused.status, headers=headers)

        return handle

    def _too_much(self, status: int, until_ms: int) -> str:
        if status == 418:
            return f"Way too much request weight used; IP banned until {until_ms}. {_TOO_MUCH} bans."
        limit = self._venue.weight_per_minute
        used = f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
        return f"{used} {_TOO_MUCH} polling the API."

    async def _ping(self, request: web.Request) -> bytes:
        return b"{}"

    async def _time(self, request: web.Request) -> bytes:
        return msgspec.json.encode({"serverTime": self._clock.now_ns() // _MS})

    async def _exchange_info(self, request: web.Request) -> bytes:
        wanted = self._wanted(request)
        recorded = self._source.exchange_info(self._venue.name)
        now_s = self._market_s()
        halted = {name for name, listing in self._listings.items() if now_s < listing.halted_until_s}
        if recorded is not None and not wanted and not halted:
            return recorded
        entries = msgspec.json.decode(recorded)["symbols"] if recorded is not None else []
        known = {entry["symbol"]: entry for entry in entries}
        names = wanted or known or self._listings
        symbols = [known.get(name) or self._listing(name).encoder.symbol() for name in names]
        symbols = [_halted(entry) if entry["symbol"] in halted else entry for entry in symbols]
        now_ms = self._clock.now_ns() // _MS
        return wire.exchange_info(symbols, weight_limit=self._venue.weight_per_minute, now_ms=now_ms)

    def _wanted(self, request: web.Request) -> list[str]:
        """Symbols that a spot ``exchangeInfo`` is limited to; futures know no such parameter."""
        if self._venue.name != wire.SPOT:
            return []
        if "symbol" in request.query:
            return [request.query["symbol"]]
        try:
            return msgspec.json.decode(request.query.get("symbols", "[]"), type=list[str])
        except msgspec.MsgspecError as error:
            raise RefusedError(400, -1100, "Illegal characters found in parameter 'symbols'.") from error

    def _depth_weight(self, request: web.Request) -> int:
        """Weight of what is asked for; of a malformed request, the least."""
        text = request.query.get("limit", "")
        limit = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else self._default_limit
        return self._venue.snapshot_weight(min(max(limit, 1), self._venue.largest_snapshot))

    @property
    def _default_limit(self) -> int:
        return _DEFAULT_LIMITS.get(self._venue.name, 500)

    async def _depth(self, request: web.Request) -> bytes:
        listing = self._listing(request.query.get("symbol", ""))
        limit = self._limit(request.query.get("limit"))
        instrument = listing.instrument.id
        fault = self._faults.request(instrument, self._market_s())
        detail = self._faults.fraction(instrument, is_request=True) if fault else 0.0
        if fault is Fault.FAILED_SNAPSHOT:
            raise RefusedError(503, -1001, "Internal error; unable to process your request. Please try again.")
        older = 1 + int(detail * self._faults.plan.stale_messages) if fault is Fault.STALE_SNAPSHOT else 0
        try:
            body = listing.snapshot(limit, self._clock.monotonic_ns() / 1e9, older=older)
        except UnavailableError as error:
            raise RefusedError(503, -1001, f"Internal error; {error}.") from error
        if fault is Fault.SLOW_SNAPSHOT:
            await asyncio.sleep(detail * self._faults.plan.slow_s)
        return body

    def _listing(self, symbol: str) -> Listing:
        if not symbol:
            message = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            raise RefusedError(400, -1102, message)
        if symbol not in self._listings:
            raise RefusedError(400, -1121, "Invalid symbol.")
        return self._listings[symbol]

    def _limit(self, text: str | None) -> int:
        if text is None:
            return self._default_limit
        if not re.fullmatch(r"[0-9]{1,20}", text):
            legal = "legal range is '^[0-9]{1,20}$'."
            raise RefusedError(400, -1100, f"Illegal characters found in parameter 'limit'; {legal}")
        limit = int(text)
        if limit == 0 or (self._venue.is_futures and limit not in _FUTURES_LIMITS):
            raise RefusedError(400, -1130, "Data sent for parameter 'limit' is not valid.")
        return min(limit, self._venue.largest_snapshot)


def _halted(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"contractStatus" if "contractStatus" in entry else "status": "BREAK"}


async def _unknown_path(request: web.Request) -> web.Response:
    return _json(wire.error(-5000, f"Path {request.path}, Method {request.method} is invalid"), status=404)


def _json(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
