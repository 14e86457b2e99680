"""What the API is given: small protocols, so that it neither knows nor cares what runs behind them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from msray.api.models import ModelSource, NoModels
from msray.clock import Clock
from msray.market import Prediction, PredictionScore
from msray.store.ledger_records import Batch, Receipt, SignalQuery, StoredSignal
from msray.telemetry.metrics import Figures

Profile = Literal["development", "production"]
"""``production`` shows no documentation pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSnapshot:
    """The latest that is known of one instrument.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    state
        ``synced``, ``unsynced``, or ``halted`` while its venue says that it does not trade; a book is only shown while
        synced.
    epoch
        Update id of the snapshot that began the book; 0 before the first.
    update_id
        Update id of the book.
    event_ns, local_ns
        Exchange and local time of the latest message, nanoseconds UTC; 0 before the first.
    price_decimals, size_decimals
        Prices and sizes below are integers of ``10**-decimals``.
    bids, asks
        ``(price, size)``, best first.
    quality
        Figures of the feed, by name.
    features
        The latest feature row, by name; empty before the first.
    predictions
        The latest of each model.
    performance
        What came of each model's predictions, a horizon each.
    """

    instrument: str
    state: str
    epoch: int = 0
    update_id: int = 0
    event_ns: int = 0
    local_ns: int = 0
    price_decimals: int = 0
    size_decimals: int = 0
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()
    quality: Mapping[str, int | float | None] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    predictions: tuple[Prediction, ...] = ()
    performance: tuple[PredictionScore, ...] = ()


class SignalStore(Protocol):
    """Where signals are kept; every method raises UnavailableError where it cannot be reached."""

    async def store(self, batch: Batch) -> Receipt:
        """Store a batch; returns when it is durable."""

    async def get(self, signal_id: str) -> StoredSignal | None:
        """The signal of an id."""

    async def page(self, query: SignalQuery) -> list[StoredSignal]:
        """A page of signals."""

    async def instruments_of(self, symbol: str) -> list[str]:
        """Instruments with signals whose symbol is this one."""


class BookSource(Protocol):
    """Latest snapshots, kept in this process; asking costs nothing."""

    def instruments(self) -> Sequence[str]:
        """Ids of all instruments that are running."""

    def snapshot(self, instrument: str) -> InstrumentSnapshot | None:
        """The latest of one of them; None where it is not running."""


class MetricsSource(Protocol):
    """The figures of the whole system."""

    async def text(self) -> str:
        """All of them, in Prometheus' format."""


class Readiness(Protocol):
    """Whether requests should be sent here."""

    async def reasons(self) -> list[str]:
        """Why not, each in a few words without secrets; empty where ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiState:
    """Everything behind the routes.

    Attributes
    ----------
    store, books, metrics, readiness, models
        See the protocols.
    figures
        Where this process counts its own requests; ``metrics`` should include them.
    clock
        Time.
    profile
        How much is shown.
    cors_origins
        Origins whose pages may call; none by default.
    ticket_secret
        Seals tickets for sockets; the same in all replicas of one API.
    """

    store: SignalStore
    books: BookSource
    metrics: MetricsSource
    readiness: Readiness
    clock: Clock
    models: ModelSource = field(default_factory=NoModels)
    figures: Figures = field(default_factory=Figures)
    profile: Profile = "development"
    cors_origins: tuple[str, ...] = ()
    ticket_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
