"""Faults on purpose: what may go wrong, how a user says so, and the seeded schedule that decides.

::

    SPEC    = item {"," item}
    item    = FAULT "=" CHANCE                      for each message (or snapshot request), 0 to 1
            | "t=" SECONDS "s:" FAULT ["@" ID]      once, at the first message or request from then on
            | SETTING "=" NUMBER

    disconnect=0.01,gap=0.02,stale_snapshot=0.2     t=12s:disconnect@binance_usdm:BTCUSDT,slow_s=2,slow_snapshot=1

================== ===================================================================================================
fault              what happens
================== ===================================================================================================
disconnect         connections that carry the instrument end: half of them closed with 1001, half cut (1006)
gap                a depth message is not sent
duplicate          a message is sent twice
reorder            a message is sent after the next one of its stream
corrupt            one byte is damaged, so that the message is not JSON any more (a changed digit nobody could notice)
stall              connections that carry the instrument stay open and say nothing for ``stall_s`` seconds (10)
halt               the instrument's streams say nothing for ``halt_s`` market seconds (120), exchangeInfo says ``BREAK``
stale_snapshot     the answer is a book up to ``stale_messages`` (200) depth messages old
slow_snapshot      the answer comes up to ``slow_s`` seconds (3) later; the book is that of the request
failed_snapshot    the answer is 503
================== ===================================================================================================

Seconds of a schedule and of ``until_s`` (no faults from then on) count market time from the first message; those of a
stall and of a slow answer are real. Faults hit what is sent, never the market: its true book is not touched.
"""

import math
import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from msray.errors import UnknownNameError, UsageError

LOGGED = 10_000
"""Injected faults that are remembered one by one; all are counted."""


class Fault(StrEnum):
    """What can go wrong."""

    DISCONNECT = "disconnect"
    GAP = "gap"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    CORRUPT = "corrupt"
    STALL = "stall"
    HALT = "halt"
    STALE_SNAPSHOT = "stale_snapshot"
    SLOW_SNAPSHOT = "slow_snapshot"
    FAILED_SNAPSHOT = "failed_snapshot"

    @property
    def hits_requests(self) -> bool:
        """True where it happens to a snapshot request, False where it happens to a message."""
        return self.value.endswith("_snapshot")


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault at a stated time; an empty instrument means any."""

    at_s: float
    fault: Fault
    instrument: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """What a user asked for; see the grammar above.

    Attributes
    ----------
    chances
        Chance of each fault for a message or a request.
    planned
        Faults at stated times, earliest first.
    stall_s, halt_s, slow_s, stale_messages, until_s
        The settings.
    """

    chances: Mapping[Fault, float] = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    stall_s: float = 10.0
    halt_s: float = 120.0
    slow_s: float = 3.0
    stale_messages: float = 200.0
    until_s: float = math.inf

    @classmethod
    def parse(cls, spec: str) -> "FaultPlan":
        """Read a SPEC; an empty one means no faults.

        Raises
        ------
        UsageError
            Where it breaks the grammar; names the item, the value and the range.
        """
        chances: dict[Fault, float] = {}
        planned: list[Planned] = []
        settings: dict[str, float] = {}
        for item in filter(None, (part.strip() for part in spec.split(","))):
            name, equals, value = item.partition("=")
            if not equals:
                raise UsageError(f"faults: item must be NAME=NUMBER or t=SECONDSs:FAULT, got {item!r}")
            if name == "t":
                planned.append(_planned(item, value))
            elif name in _SETTINGS:
                settings[name] = _number(item, value, math.inf)
            else:
                chances[_fault(name)] = _number(item, value, 1.0)
        for hits_requests in (False, True):
            total = math.fsum(chance for fault, chance in chances.items() if fault.hits_requests == hits_requests)
            if total > 1.0 + 1e-9:
                what = "snapshot requests" if hits_requests else "messages"
                raise UsageError(f"faults: chances for {what} must sum to at most 1, got {total:g}")
        return cls(chances=chances, planned=tuple(sorted(planned, key=lambda one: one.at_s)), **settings)


_SETTINGS = ("stall_s", "halt_s", "slow_s", "stale_messages", "until_s")


def _fault(name: str) -> Fault:
    if name not in list(Fault):
        raise UnknownNameError("fault", name, [*(fault.value for fault in Fault), *_SETTINGS])
    return Fault(name)


def _number(item: str, text: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= most or math.isinf(value):
        span = "0 to 1" if most == 1.0 else "0 or more"
        raise UsageError(f"faults: number in {item!r} must be {span}, got {text!r}")
    return value


def _planned(item: str, text: str) -> Planned:
    seconds, colon, rest = text.partition(":")
    if not colon or not seconds.endswith("s"):
        raise UsageError(f"faults: a planned fault must look like t=12s:disconnect, got {item!r}")
    name, _, instrument = rest.partition("@")
    return Planned(_number(item, seconds[:-1], math.inf), _fault(name), instrument)


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that happened: at which market time, to which instrument."""

    at_s: float
    fault: Fault
    instrument: str


class FaultSchedule:
    """Decides, from a seed, what happens to each message and each snapshot request.

    Every instrument has its own two sequences of random numbers, one for its messages and one for its requests, so the
    n-th message of an instrument meets the same fate in every run, whatever clients do.

    Parameters
    ----------
    plan
        What may happen.
    seed
        Of all randomness.
    instruments
        Ids of all instruments.

    Raises
    ------
    UsageError
        If a planned fault names an instrument that is not there.
    """

    def __init__(self, plan: FaultPlan, seed: int, instruments: Iterable[str]) -> None:
        self.plan = plan
        self.counts: Counter[Fault] = Counter()
        self.injected: deque[Injected] = deque(maxlen=LOGGED)
        ids = list(instruments)
        self._dice = {
            (instrument, is_request): random.Random(f"{seed}|{instrument}|{is_request}")
            for instrument in ids
            for is_request in (False, True)
        }
        self._planned = list(plan.planned)
        for one in self._planned:
            if one.instrument and one.instrument not in ids:
                raise UnknownNameError("instrument", one.instrument, ids)
        self._chances = {
            is_request: [(f, c) for f, c in plan.chances.items() if f.hits_requests == is_request and c > 0]
            for is_request in (False, True)
        }
        self.is_calm = not self._planned and not any(self._chances.values())

    def message(self, instrument: str, at_s: float, *, is_depth: bool) -> Fault | None:
        """Fate of the next depth message or trade of an instrument; only depth messages can be a gap."""
        if self.is_calm:
            return None
        return self._inject(instrument, at_s, self._fate(instrument, at_s, is_request=False, is_depth=is_depth))

    def request(self, instrument: str, at_s: float) -> Fault | None:
        """Fate of the next snapshot request of an instrument."""
        if self.is_calm:
            return None
        return self._inject(instrument, at_s, self._fate(instrument, at_s, is_request=True))

    def fraction(self, instrument: str, *, is_request: bool) -> float:
        """A random number in [0, 1) for the details of a fault that was just decided."""
        return self._dice[instrument, is_request].random()

    def _fate(self, instrument: str, at_s: float, *, is_request: bool, is_depth: bool = False) -> Fault | None:
        draw = self._dice[instrument, is_request].random()
        if at_s >= self.plan.until_s:
            return None
        for i, one in enumerate(self._planned):
            if one.at_s > at_s:
                break
            can_hit = one.fault.hits_requests == is_request and (is_depth or one.fault is not Fault.GAP)
            if can_hit and one.instrument in ("", instrument):
                return self._planned.pop(i).fault
        for fault, chance in self._chances[is_request]:
            if draw < chance:
                return fault if is_depth or fault is not Fault.GAP else None
            draw -= chance
        return None

    def _inject(self, instrument: str, at_s: float, fault: Fault | None) -> Fault | None:
        if fault is not None:
            self.counts[fault] += 1
            self.injected.append(Injected(at_s, fault, instrument))
        return fault
