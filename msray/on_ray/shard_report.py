"""What a shard tells about itself: plain values, a few times a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from msray.api.state import InstrumentSnapshot
from msray.features import NAMES
from msray.market import ASK, Instrument, PredictionScore
from msray.telemetry import families
from msray.telemetry.metrics import Figures, Sample

if TYPE_CHECKING:  # the board and the API read what shards have made here, and need neither feeds nor backtests
    from msray.backtest import PaperStatus
    from msray.feeds.live import WebSocketSource
    from msray.prediction import Forecasts, Lane

LEVELS = 100
STATES = ("synced", "unsynced", "halted")
SCORED = ("accuracy", "base_rate", "committed_accuracy", "committed_coverage", "ece")


_SNAPSHOT = msgspec.msgpack.Decoder(InstrumentSnapshot)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """A model of a shard, in a line.

    Attributes
    ----------
    model, digest
        As in :class:`~msray.market.Prediction`.
    predictions, signals, dropped, unanswered
        Of all its instruments since the shard began; rows dropped, and predictions given up.
    waiting
        Rows that it has not seen yet.
    scores
        What came of its latest predictions, a horizon each.
    """

    model: str
    digest: str
    predictions: int
    signals: int
    dropped: int
    unanswered: int
    waiting: int
    scores: tuple[PredictionScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStatus:
    """A shard, in a line.

    Attributes
    ----------
    shard, holder
        Name, and where it runs.
    started_ns
        When this run of it began, nanoseconds UTC: a later run replaces an earlier one.
    instruments
        Ids of its instruments.
    signals_stored, signals_waiting
        Acknowledged by the ledger; found and not yet.
    problems
        What is wrong now, a line each.
    paper
        How paper trading stands, where it is on.
    models
        How each model does.
    """

    shard: str
    holder: str
    started_ns: int
    instruments: tuple[str, ...]
    signals_stored: int
    signals_waiting: int
    problems: tuple[str, ...]
    paper: "PaperStatus | None" = None
    models: tuple[ModelStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardUpdate:
    """All there is to see of a shard; the next one says the same and more.

    Attributes
    ----------
    number
        Grows by one an update of a run.
    status
        The shard.
    sample
        Its cumulative figures.
    instruments
        Book, features and quality of each, packed one by one: whoever looks at one opens it.
    """

    number: int
    status: ShardStatus
    sample: Sample
    instruments: tuple[bytes, ...]

    @property
    def order(self) -> tuple[int, int]:
        """Grows with every update of a shard, through its runs."""
        return self.status.started_ns, self.number


def pack(snapshot: InstrumentSnapshot) -> bytes:
    """A snapshot as it travels."""
    return msgspec.msgpack.encode(snapshot)


def unpack(data: bytes) -> InstrumentSnapshot:
    """What :func:`pack` was given."""
    return _SNAPSHOT.decode(data)


def snapshot_of(lane: "Lane", state: str, forecasts: "Forecasts | None" = None) -> InstrumentSnapshot:
    """The latest of one instrument; ``state`` is one of ``STATES``."""
    engine, instrument, figures = lane.engine, lane.engine.instrument, lane.figures
    is_shown = state == "synced" and engine.is_synced and not engine.book.best().is_crossed
    return InstrumentSnapshot(
        instrument=instrument.id,
        state=state,
        epoch=engine.epoch_id,
        update_id=lane.sync.book_id if engine.is_synced else 0,
        event_ns=figures.last_event_ns,
        local_ns=figures.last_local_ns,
        price_decimals=instrument.price_decimals,
        size_decimals=instrument.size_decimals,
        bids=_side(lane, instrument, 0) if is_shown else (),
        asks=_side(lane, instrument, ASK) if is_shown else (),
        quality=lane.quality().as_dict(),
        features=dict(zip(NAMES, engine.row.tolist(), strict=True)) if engine.row_event_ns else {},
        predictions=forecasts.latest(instrument.id) if forecasts else (),
        performance=forecasts.scores(instrument.id) if forecasts else (),
    )


def model_statuses(forecasts: "Forecasts") -> tuple[ModelStatus, ...]:
    """How each model does."""
    scores, found = forecasts.scores(), []
    for name, runner in forecasts.runners.items():
        served = runner.served
        some = [one for one in forecasts if one.model == name]
        found.append(
            ModelStatus(
                model=served.words,
                digest=served.digest,
                predictions=sum(one.predictions for one in some),
                signals=sum(one.signals for one in some),
                dropped=sum(one.dropped for one in some),
                unanswered=sum(one.unanswered for one in some),
                waiting=sum(one.waiting for one in some),
                scores=tuple(one for one in scores if one.digest == served.digest),
            )
        )
    return tuple(found)


def add_forecasts(sample: Sample, forecasts: "Forecasts") -> None:
    """Add the cumulative figures of a shard's models."""

    def put(family: families.Family, value: float, *labels: str) -> None:
        sample.setdefault(family.name, {})[labels] = (float(value),)

    for one in forecasts:
        put(families.PREDICTIONS, one.predictions, one.model, one.instrument)
        put(families.PREDICTION_DROPPED, one.dropped, one.model, one.instrument)
        put(families.PREDICTION_UNANSWERED, one.unanswered, one.model, one.instrument)
    for instrument in {one.instrument for one in forecasts}:
        for score in forecasts.scores(instrument):
            for figure in SCORED:
                value = getattr(score, figure)
                if value is not None:
                    name = score.model.partition(":")[0]
                    put(families.PREDICTION_SCORE, value, name, instrument, str(score.horizon), figure)


def _side(lane: "Lane", instrument: Instrument, side: int) -> tuple[tuple[int, int], ...]:
    levels = lane.engine.book.levels(side, LEVELS)
    prices = levels["tick"].astype(np.int64) * instrument.grid
    return tuple(zip(prices.tolist(), levels["size"].tolist(), strict=True))


def shard_figures(
    figures: Figures,
    lanes: "Mapping[str, Lane]",
    states: Mapping[str, str],
    source: "WebSocketSource | None",
    paper: "PaperStatus | None",
) -> Sample:
    """Cumulative figures of a shard; ``states`` by instrument id."""
    sample = figures.sample()

    def put(family: families.Family, value: float, *labels: str) -> None:
        sample.setdefault(family.name, {})[labels] = (float(value),)

    for name, lane in lanes.items():
        counts = lane.sync.counts
        for state in STATES:
            put(families.BOOK_STATE, states[name] == state, name, state)
        put(families.LAST_EVENT, lane.figures.last_local_ns / 1e9, name)
        put(families.MESSAGES, lane.figures.depth_messages, name, "depth")
        put(families.MESSAGES, lane.figures.trades, name, "trade")
        put(families.GAPS, counts.gaps, name)
        put(families.RESYNCS, counts.snapshots, name)
        put(families.REFUSED, lane.refused.total(), name)
    by_venue: dict[str, int] = {}
    for connection in source.connections if source else ():
        venue = connection.url.split("/")[2]
        by_venue[venue] = by_venue.get(venue, 0) + max(connection.connects - 1, 0)
    for venue, count in by_venue.items():
        put(families.RECONNECTS, count, venue)
    if paper is not None:
        put(families.PAPER_EQUITY, paper.equity)
        put(families.PAPER_HALTED, bool(paper.halted))
        put(families.PAPER_FAILED, bool(paper.failed))
        put(families.PAPER_ORDERS, paper.orders)
        put(families.PAPER_FILLS, paper.fills)
        for name, size in paper.positions.items():
            put(families.PAPER_POSITION, size, name)
        for limit, refused in paper.refusals.items():
            put(families.PAPER_REFUSALS, refused, limit)
    return sample
