"""What a venue allows one address and one connection: pure rules, the time passed in.

Sources: "Rest API for Binance", sections *LIMITS* and *IP Limits*; "WebSocket Market Data Streams", *General
Information* and *WebSocket Connection Limits*. How many refused requests lead to a ban is not published; here it is a
parameter.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Limit = TypeVar("Limit")

_MINUTE_S = 60
_MOST_ADDRESSES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Answer to one request.

    Attributes
    ----------
    status
        200: serve it, 429: too much weight this minute, 418: banned.
    used
        Weight used in the running minute, for ``X-MBX-USED-WEIGHT-1M``.
    retry_after_s
        Seconds until the address may come back; 0 with status 200.
    """

    status: int
    used: int
    retry_after_s: int = 0


class RequestWeight:
    """Weight that one address spent at one market in the running minute, and the ban of those who go on after a 429.

    Parameters
    ----------
    limit
        Weight a minute; minutes begin on the full minute of UTC.
    refusals
        Requests refused with 429 in a row, within one minute, before the next one is answered 418.
    first_ban_s, last_ban_s
        A ban lasts the first, doubled for each ban after, up to the last (2 minutes to 3 days at Binance).
    """

    def __init__(self, limit: int, *, refusals: int = 10, first_ban_s: int = 120, last_ban_s: int = 3 * 86_400) -> None:
        self._limit = limit
        self._refusals = refusals
        self._first_ban_s = first_ban_s
        self._last_ban_s = last_ban_s
        self._minute = -1
        self._used = 0
        self._refused = 0
        self._bans = 0
        self._banned_until_s = 0.0

    def spend(self, weight: int, now_s: float) -> Verdict:
        """Account for one request.

        Parameters
        ----------
        weight
            What the request costs.
        now_s
            UTC seconds.
        """
        minute = int(now_s // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._used, self._refused = minute, 0, 0
        if now_s < self._banned_until_s:
            return Verdict(status=418, used=self._used, retry_after_s=math.ceil(self._banned_until_s - now_s))
        if self._used + weight <= self._limit:
            self._used += weight
            return Verdict(status=200, used=self._used)
        self._refused += 1
        if self._refused > self._refusals:
            ban_s = min(self._first_ban_s << min(self._bans, 20), self._last_ban_s)
            self._bans += 1
            self._banned_until_s = now_s + ban_s
            return Verdict(status=418, used=self._used, retry_after_s=ban_s)
        return Verdict(status=429, used=self._used, retry_after_s=math.ceil((minute + 1) * _MINUTE_S - now_s))


class Rate:
    """At most ``count`` things in any ``seconds`` seconds.

    Parameters
    ----------
    count
        How many; 0 means any number.
    seconds
        In what span.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=max(1, count))

    def accept(self, now_s: float) -> bool:
        """Count one more; False where it is one too many (it is not counted then)."""
        if self._count == 0:
            return True
        times = self._times
        if len(times) == self._count and now_s - times[0] < self._seconds:
            return False
        times.append(now_s)
        return True


class PerAddress(Generic[Limit]):
    """One limit for each address; the address unseen for longest is forgotten beyond 4,096 of them.

    Parameters
    ----------
    make
        A fresh limit.
    """

    def __init__(self, make: Callable[[], Limit]) -> None:
        self._make = make
        self._limits: OrderedDict[str, Limit] = OrderedDict()

    def of(self, address: str) -> Limit:
        """The limit of an address."""
        if address not in self._limits:
            self._limits[address] = self._make()
            if len(self._limits) > _MOST_ADDRESSES:
                self._limits.popitem(last=False)
        self._limits.move_to_end(address)
        return self._limits[address]


class Due(Enum):
    """What a connection needs now."""

    NOTHING = "nothing"
    PING = "ping"
    PONG_TIMEOUT = "pong timeout"
    NOTICE = "shutdown notice"
    EXPIRED = "expired"


class Keepalive:
    """Life of one connection: pings, the pongs they want, and its end.

    Parameters
    ----------
    opened_s
        Monotonic seconds at which it opened.
    ping_every_s, pong_within_s
        A ping goes out so often; one without its pong for so long ends the connection. Pongs nobody asked for do not
        help.
    life_s
        Age at which the connection ends.
    notice_s
        How long before that its end is announced.
    """

    def __init__(
        self, opened_s: float, *, ping_every_s: float, pong_within_s: float, life_s: float, notice_s: float
    ) -> None:
        self._next_ping_s = opened_s + ping_every_s
        self._ping_every_s = ping_every_s
        self._pong_within_s = pong_within_s
        self._notice_at_s = opened_s + max(0.0, life_s - notice_s)
        self._end_s = opened_s + life_s
        self._is_announced = False
        self._waiting: dict[bytes, float] = {}

    def due(self, now_s: float) -> Due:
        """What to do now; ask again until it says nothing. A ping is due until :meth:`pinged`."""
        if now_s >= self._end_s:
            return Due.EXPIRED
        if self._waiting and now_s - next(iter(self._waiting.values())) >= self._pong_within_s:
            return Due.PONG_TIMEOUT
        if now_s >= self._notice_at_s and not self._is_announced:
            self._is_announced = True
            return Due.NOTICE
        return Due.PING if now_s >= self._next_ping_s else Due.NOTHING

    def pinged(self, payload: bytes, now_s: float) -> None:
        """A ping with this payload went out."""
        self._waiting.setdefault(payload, now_s)
        self._next_ping_s = now_s + self._ping_every_s

    def ponged(self, payload: bytes) -> None:
        """A pong came. It answers the ping with its payload and all before that one (RFC 6455, 5.5.3)."""
        if payload in self._waiting:
            for waiting in list(self._waiting):
                del self._waiting[waiting]
                if waiting == payload:
                    break
