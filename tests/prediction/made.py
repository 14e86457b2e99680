"""Small markets as the bytes that a venue would send, and words under which they alarm often."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from msray.book import SyntheticMarket
from msray.detectors import Calibration
from msray.market import Instrument, Signal
from msray.prediction import (
    Arrived,
    CalibrationConfig,
    CalibrationTask,
    DetectionConfig,
    Disconnected,
    LogEvent,
    Pipeline,
    Requested,
    WatchConfig,
)
from msray.venues import Encoder, Frames

MS, SECOND = 1_000_000, 1_000_000_000
START_NS = 1_767_225_600 * SECOND
BTC = Instrument(venue="binance_usdm", symbol="BTCUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
ETH = Instrument(venue="binance_usdm", symbol="ETHUSDT", price_decimals=2, size_decimals=3, tick=1, grid=1)
SPOT = Instrument(venue="binance_spot", symbol="BTCUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1)

WATCHES = (
    WatchConfig(name="imbalance", feature="imbalance_l5", detector="cusum"),
    WatchConfig(name="liquidity", feature="depth_bid_l10", transform="sqrt", detector="cusum"),
)
NEVER_CALIBRATED = DetectionConfig(bar_ms=100, arl0=20, watches=WATCHES, calibration=CalibrationConfig(bars=100_000))
"""Alarms often, and takes no time to calibrate."""
CALIBRATED = DetectionConfig(
    bar_ms=100, arl0=20, watches=WATCHES, calibration=CalibrationConfig(first_bar=5, bars=60, delay_bars=10)
)


class OnceSolver:
    """Solves each calibration once, however many pipelines ask for it."""

    known: ClassVar[dict[bytes, Calibration]] = {}

    def begin(self, task: CalibrationTask) -> None:
        """Nothing to do yet."""

    def finish(self, task: CalibrationTask) -> Calibration:
        """The calibration, from memory if it is there."""
        if task.seed not in self.known:
            self.known[task.seed] = task.solve()
        return self.known[task.seed]


class Market:
    """One instrument's bytes: depth messages and trades every 100 ms, snapshots when asked."""

    def __init__(self, instrument: Instrument, seed: int = 1, hint: int = 0, start_ns: int = START_NS) -> None:
        self.instrument = instrument
        self._hint = hint
        self._encoder = Encoder(instrument)
        self._market = SyntheticMarket(seed, instrument, start_ns=start_ns)
        self.now_ns = start_ns

    def messages(self, ms: int = 100) -> list[bytes]:
        """What happens in the next milliseconds."""
        self.now_ns += ms * MS
        return self._encoder.messages(self._market.advance(self.now_ns))

    def snapshot(self) -> list[LogEvent]:
        """A request and its answer."""
        answer = self._encoder.messages(self._market.snapshot())
        frames = Frames.of(answer, self.now_ns, self._hint)
        return [Requested(self.instrument.id, self.now_ns), Arrived(self.instrument.venue, frames)]


def market_events(
    instruments: Sequence[Instrument] = (BTC,),
    *,
    seconds: float = 20.0,
    seed: int = 1,
    lost: Sequence[float] = (),
    audited: Sequence[float] = (),
    start_ns: int = START_NS,
) -> list[LogEvent]:
    """What a pipeline gets from a market of some instruments, in 100 ms turns.

    Parameters
    ----------
    lost
        Seconds at which the messages of one turn are lost, for every instrument; a snapshot follows a second later.
    audited
        Seconds at which a snapshot comes that nobody needs.
    """
    ids = tuple(one.id for one in instruments)
    hints = {name: [i.id for i in instruments if i.venue == name.split(":")[0]].index(name) for name in ids}
    markets = [Market(one, seed + i, hints[one.id], start_ns) for i, one in enumerate(instruments)]
    events: list[LogEvent] = [Disconnected(ids, start_ns)]
    wanted = {2, *(round(10 * at) + 10 for at in lost), *(round(10 * at) for at in audited)}
    gone = {round(10 * at) for at in lost}
    for turn in range(round(10 * seconds)):
        payloads: dict[str, list[bytes]] = {}
        for market in markets:
            payloads.setdefault(market.instrument.venue, []).extend(market.messages())
        if turn not in gone:
            events += [Arrived(venue, Frames.of(some, markets[0].now_ns)) for venue, some in payloads.items() if some]
        if turn in wanted:
            events += [event for market in markets for event in market.snapshot()]
    return events


def payloads_of(event: Arrived) -> list[bytes]:
    """The bytes of each frame."""
    frames = event.frames
    return [frames.buffer[b:e].tobytes() for b, e in zip(frames.begin, frames.end, strict=True)]


def one_by_one(events: Sequence[LogEvent]) -> Iterator[LogEvent]:
    """The same, every frame an event of its own."""
    for event in events:
        if isinstance(event, Arrived):
            for payload, local_ns in zip(payloads_of(event), event.frames.local_ns.tolist(), strict=True):
                yield Arrived(event.venue, Frames.of([payload], local_ns, event.frames.hint))
        else:
            yield event


def joined(events: Sequence[LogEvent], most: int = 1000) -> Iterator[LogEvent]:
    """The same, frames of one venue that follow each other in one event."""
    venue, waiting, local_ns = "", [], 0
    for event in events:
        plain = isinstance(event, Arrived) and event.frames.hint == -1
        if waiting and (not plain or event.venue != venue or len(waiting) >= most):  # type: ignore[union-attr]
            yield Arrived(venue, Frames.of(waiting, local_ns))
            waiting = []
        if plain:
            assert isinstance(event, Arrived)
            venue, local_ns = event.venue, int(event.frames.local_ns[-1])
            waiting += payloads_of(event)
        else:
            yield event
    if waiting:
        yield Arrived(venue, Frames.of(waiting, local_ns))


def run(pipeline: Pipeline, events: Sequence[LogEvent] | Iterator[LogEvent]) -> list[Signal]:
    """All signals of all events."""
    return [signal for event in events for signal in pipeline.apply(event)]
