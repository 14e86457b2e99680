"""Made-up markets as a source: the bytes that a venue would send, so that everything behind it is what runs live."""

from collections.abc import Sequence

from msray.book import RegimePlan, SyntheticMarket
from msray.clock import Clock, SystemClock
from msray.errors import UsageError
from msray.feeds.hints import hints
from msray.feeds.outlet import Outlet
from msray.feeds.pace import Pace
from msray.market import Instrument
from msray.prediction import Arrived, Requested
from msray.venues import Encoder, Frames

MS = 1_000_000
DEFAULT_START_NS = 1_767_225_600_000 * MS
"""2026-01-01 00:00:00 UTC."""


class SyntheticSource:
    """One :class:`~msray.book.SyntheticMarket` an instrument.

    Parameters
    ----------
    seed
        Of all markets.
    speed
        Market seconds a second; 0 for as fast as they are taken.
    seconds
        Market time until the end; None for no end.
    regimes
        Planted changes, the same plan for every market.
    start_ns
        Exchange time of the opening, a whole millisecond.
    cadence_ms
        Market time between two depth messages.
    clock
        Paces.
    """

    def __init__(
        self,
        seed: int,
        *,
        speed: float = 1.0,
        seconds: float | None = None,
        regimes: RegimePlan | None = None,
        start_ns: int = DEFAULT_START_NS,
        cadence_ms: int = 100,
        clock: Clock | None = None,
    ) -> None:
        if speed < 0:
            raise UsageError(f"speed must be 0 (unpaced) or more, got {speed}")
        self.markets: list[SyntheticMarket] = []
        self._seed = seed
        self._pace = Pace(speed) if speed else None
        self._end_ns = None if seconds is None else start_ns + round(seconds * 1000) * MS
        self._regimes = regimes
        self._start_ns = start_ns
        self._cadence_ms = cadence_ms
        self._clock = clock or SystemClock()
        self._outlet: Outlet | None = None
        self._encoders: list[Encoder] = []
        self._hints: list[int] = []

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        """See :meth:`msray.feeds.source.Source.run`."""
        self._outlet = outlet
        self.markets = [self._market(instrument, index) for index, instrument in enumerate(instruments)]
        self._encoders = [Encoder(instrument) for instrument in instruments]
        self._hints = hints(instruments)
        now_ns = self._start_ns
        while self._end_ns is None or now_ns < self._end_ns:
            now_ns += self._cadence_ms * MS
            if self._end_ns is not None:
                now_ns = min(now_ns, self._end_ns)
            wait_s = self._pace.wait_s(now_ns, self._clock.monotonic_ns()) if self._pace else 0.0
            await self._clock.sleep(wait_s)
            await outlet.room()
            for market, encoder in zip(self.markets, self._encoders, strict=True):
                payloads = encoder.messages(market.advance(now_ns))
                if payloads:
                    outlet.emit(Arrived(market.instrument.venue, Frames.of(payloads, self._clock.now_ns())))

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        """See :meth:`msray.feeds.source.Source.request_snapshot`; the answer is there at once."""
        for market, encoder, hint in zip(self.markets, self._encoders, self._hints, strict=True):
            if market.instrument.id == instrument_id and self._outlet is not None:
                now_ns = self._clock.now_ns()
                self._outlet.emit(Requested(instrument_id, now_ns))
                answer = encoder.messages(market.snapshot())
                self._outlet.emit(Arrived(market.instrument.venue, Frames.of(answer, now_ns, hint)))

    def _market(self, instrument: Instrument, index: int) -> SyntheticMarket:
        return SyntheticMarket(
            self._seed,
            instrument,
            start_ns=self._start_ns,
            cadence_ms=self._cadence_ms,
            index=index,
            regimes=self._regimes,
        )
