"""The whole chain from venue bytes to signals, for any number of instruments. Replay, live and tests all drive this."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msray.book import BookSync, SyncLimits
from msray.detectors import Calibration
from msray.errors import UsageError
from msray.market import Instrument, Signal
from msray.prediction.config import DetectionConfig
from msray.prediction.engine import LogSink, PredictionEngine, RowSink
from msray.prediction.lane import Lane
from msray.prediction.log import Arrived, Began, Disconnected, LogEvent, Replayed, Requested, read_log_metadata
from msray.prediction.solver import Solver
from msray.venues import VENUES, Decoder, Reason, rule_of


class Pipeline:
    """Decoders and lanes of a group of instruments.

    Parameters
    ----------
    instruments
        All of them; ids are unique.
    detection
        The user's words, the same for all. Where they watch nothing, there are rows alone, and nothing is calibrated,
        whatever a log says of its run.
    calibrations
        By instrument id; what is not there calibrates itself.
    limits
        Bounds and paces of the sequence machines.
    solver
        Computes calibrations; see :class:`~msray.prediction.engine.PredictionEngine`.
    sink
        Gives each instrument's row sink, by instrument id. Where it, or its answer, is None, no rows are written.
    log
        Gives each instrument's log sink, likewise.
    timer
        Monotonic nanoseconds; with it, ``busy_ns`` of each lane counts what its instrument took, decoding included.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        detection: DetectionConfig,
        *,
        calibrations: Mapping[str, Calibration] | None = None,
        limits: SyncLimits | None = None,
        solver: Solver | None = None,
        sink: Callable[[str], RowSink | None] | None = None,
        log: Callable[[str], LogSink | None] | None = None,
        timer: Callable[[], int] = int,
    ) -> None:
        self._instruments = tuple(instruments)
        self._detection = detection
        self._limits = limits
        self._solver = solver
        self._sink = sink
        self._log = log
        self._timer = timer
        self.lanes: dict[str, Lane] = {}
        self.refused: Counter[Reason] = Counter()
        for instrument in instruments:
            if instrument.id in self.lanes:
                raise UsageError(f"instrument {instrument.id} is named twice")
            engine = self._new_engine(instrument, (calibrations or {}).get(instrument.id))
            self.lanes[instrument.id] = Lane(self._new_sync(instrument), engine)
        self._decoders = self._new_decoders()
        self._lanes = {
            venue: [self.lanes[one.id] for one in decoder.instruments] for venue, decoder in self._decoders.items()
        }

    def apply(self, event: LogEvent) -> list[Signal]:
        """Take the next event of the log; returns the signals it raised, in event order for each instrument."""
        if isinstance(event, Arrived):
            return self._arrived(event)
        if isinstance(event, Replayed):
            return self._replayed(event)
        if isinstance(event, Requested):
            self.lanes[event.instrument].sync.requested(event.local_ns)
        elif isinstance(event, Began):
            self._begin(event)
        elif isinstance(event, Disconnected):
            for instrument_id in event.instruments:
                self.lanes[instrument_id].disconnected(event.local_ns)
        return []

    def wants_snapshots(self, now_ns: int) -> list[str]:
        """Ids of the instruments for which a driver should fetch a snapshot now; ``now_ns`` is local time."""
        return [name for name, lane in self.lanes.items() if lane.wants_snapshot(now_ns)]

    def _begin(self, event: Began) -> None:
        """Be as the run was when it began; what one before it learned is not known to it."""
        said = read_log_metadata(event.metadata)
        if said is not None:
            self._detection = said[0] if self._detection.watches else said[0].unwatched()
        for instrument in self._instruments:
            lane = self.lanes[instrument.id]
            calibration = lane.engine.calibration if said is None else said[1].get(instrument.id)
            lane.begin(self._new_sync(instrument), self._new_engine(instrument, calibration), event.local_ns)
        self._decoders = self._new_decoders()

    def _new_sync(self, instrument: Instrument) -> BookSync:
        return BookSync(instrument, rule_of(instrument.venue), self._limits)

    def _new_engine(self, instrument: Instrument, calibration: Calibration | None) -> PredictionEngine:
        return PredictionEngine(
            instrument,
            self._detection,
            calibration=calibration if self._detection.watches else None,
            solver=self._solver,
            sink=self._sink(instrument.id) if self._sink else None,
            log=self._log(instrument.id) if self._log else None,
        )

    def _new_decoders(self) -> dict[str, Decoder]:
        by_venue: dict[str, list[Instrument]] = {}
        for instrument in self._instruments:
            if instrument.venue in VENUES:
                by_venue.setdefault(instrument.venue, []).append(instrument)
        return {venue: Decoder(members) for venue, members in by_venue.items()}

    def _replayed(self, event: Replayed) -> list[Signal]:
        lane, started_ns = self.lanes[event.instrument], self._timer()
        signals = lane.feed(event.records)
        lane.busy_ns += self._timer() - started_ns
        return signals

    def _arrived(self, event: Arrived) -> list[Signal]:
        started_ns = self._timer()
        decoded = self._decoders[event.venue].decode(event.frames)
        lanes = self._lanes[event.venue]
        self.refused += decoded.refusals
        for refusal in decoded.refused:
            if refusal.instrument >= 0:
                lanes[refusal.instrument].refused[refusal.reason] += 1
        decoded_ns = self._timer() - started_ns
        parts = [piece for part in decoded.parts for piece in part.by_instrument(len(lanes))]
        messages = sum(len(records) for _, records in parts)
        signals: list[Signal] = []
        for number, records in parts:
            lane, started_ns = lanes[number], self._timer()
            signals += lane.feed(records)
            lane.busy_ns += self._timer() - started_ns + decoded_ns * len(records) // messages
        return signals
