"""A made-up market of several instruments as a source of events."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from msray.book import KINDS, TRUTH, RegimePlan, SyntheticMarket
from msray.errors import UnknownNameError, UsageError
from msray.market import DEPTH, Instrument, Messages
from msray.simulator.source import Change, Event, Kind, Listed
from msray.simulator.wire import COINM, SPOT, USDM
from msray.venues import Encoder

DEFAULT_START_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00:00 UTC."""

_SECOND = 1_000_000_000
_STEP_NS = _SECOND // 2
_PLAN_SECONDS = ("first_s", "every_s", "jitter_s", "last_s")
_PRESETS = {
    venue: Instrument(
        venue=venue, symbol="X", price_decimals=price_decimals, size_decimals=size_decimals, tick=1, grid=1
    )
    for venue, price_decimals, size_decimals in ((SPOT, 2, 8), (USDM, 1, 3), (COINM, 1, 0))
}


def synthetic_instrument(instrument_id: str) -> Instrument:
    """A made-up instrument: the symbol is free, the venue says what its numbers look like.

    Raises
    ------
    UnknownNameError
        If the venue is not one that can be simulated.
    """
    venue, _, symbol = instrument_id.partition(":")
    if venue not in _PRESETS:
        raise UnknownNameError("venue", venue, _PRESETS)
    return replace(_PRESETS[venue], symbol=symbol)


def planted_changes(spec: str) -> RegimePlan | Messages:
    """Read what a user says of planted changes.

    Parameters
    ----------
    spec
        Empty for the default plan, ``none`` for a quiet market, else fields of
        :class:`~msray.book.RegimePlan`: ``first_s=60,every_s=30,jitter_s=5,last_s=15,kinds=volatility+imbalance``.

    Raises
    ------
    UsageError
        If it breaks the grammar, or a number is out of its range.
    """
    if spec.strip() == "none":
        return np.zeros(0, TRUTH)
    fields: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in spec.split(","))):
        name, _, text = item.partition("=")
        if name == "kinds":
            fields[name] = tuple(text.split("+"))
        elif name in _PLAN_SECONDS:
            try:
                fields[name] = float(text)
            except ValueError as error:
                raise UsageError(f"changes: {name} must be a number of seconds, got {text!r}") from error
        else:
            raise UnknownNameError("field of changes", name, [*_PLAN_SECONDS, "kinds"])
    return RegimePlan(**fields)


class SyntheticSource:
    """Several independent :class:`~msray.book.SyntheticMarket`, merged by exchange time.

    Parameters
    ----------
    instruments
        Ids, each once; order is part of what a seed means.
    seed
        Of all markets together.
    start_ns
        Exchange time at which they open, a whole millisecond.
    seconds
        Seconds of market time until the end; None: endless.
    cadence_ms
        Time between two depth messages of an instrument.
    regimes
        What is planted.

    Raises
    ------
    UsageError
        If an id comes twice, or an argument is out of its range.
    """

    def __init__(
        self,
        instruments: Sequence[str],
        seed: int,
        *,
        start_ns: int = DEFAULT_START_NS,
        seconds: float | None = None,
        cadence_ms: int = 100,
        regimes: RegimePlan | Messages | None = None,
    ) -> None:
        self.bad_lines = self.damaged_files = 0
        if not instruments or len(set(instruments)) < len(instruments):
            raise UsageError(f"instruments must be at least one id, each once, got {', '.join(instruments) or 'none'}")
        if seconds is not None and not 0 < seconds < 1e9:
            raise UsageError(f"seconds must be over 0, got {seconds}")
        self._markets = [
            SyntheticMarket(
                seed,
                synthetic_instrument(instrument_id),
                start_ns=start_ns,
                index=index,
                cadence_ms=cadence_ms,
                regimes=regimes,
            )
            for index, instrument_id in enumerate(instruments)
        ]
        self._encoders = [Encoder(market.instrument) for market in self._markets]
        self._start_ns = start_ns
        self._end_ns = None if seconds is None else start_ns + round(seconds * _SECOND)
        self._listed = [
            Listed(instrument=market.instrument, snapshot=encoder.messages(market.snapshot())[0])
            for market, encoder in zip(self._markets, self._encoders, strict=True)
        ]

    @property
    def listed(self) -> Sequence[Listed]:
        """Every instrument there is."""
        return self._listed

    def events(self) -> Iterator[Event]:
        """All events in exchange time; where times are equal, by instrument."""
        until_ns = self._start_ns
        while self._end_ns is None or until_ns < self._end_ns:
            until_ns = until_ns + _STEP_NS if self._end_ns is None else min(until_ns + _STEP_NS, self._end_ns)
            batch: list[Event] = []
            for index in range(len(self._markets)):
                batch += self._advance(index, until_ns)
            batch.sort(key=_time)
            yield from batch

    def truth(self, until_ns: int) -> list[Change]:
        """Planted changes that began before a time, by instrument and time; one that is still on ends there."""
        return [
            Change(market.instrument.id, KINDS[kind], begin_ns, min(end_ns, until_ns), direction, factor)
            for market in self._markets
            for begin_ns, end_ns, kind, direction, factor in market.truth().tolist()
            if begin_ns < until_ns
        ]

    def exchange_info(self, venue: str) -> bytes | None:
        """Nothing is recorded."""
        return None

    def _advance(self, index: int, until_ns: int) -> list[Event]:
        records = self._markets[index].advance(until_ns)
        times, kinds = records.messages["event_ns"].tolist(), records.messages["kind"].tolist()
        return [
            Event(at_ns, index, Kind.DEPTH if kind == DEPTH else Kind.TRADE, payload)
            for at_ns, kind, payload in zip(times, kinds, self._encoders[index].messages(records), strict=True)
        ]


def _time(event: Event) -> int:
    return event.at_ns
