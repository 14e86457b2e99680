"""An API with its ledger and its models in the same process: nothing else is running, so there are no books."""

import asyncio
from collections.abc import Sequence

from msray.api.config import ApiConfig
from msray.api.ledger_metrics import ledger_sample
from msray.api.models import ModelSource, NoModels
from msray.api.state import ApiState, InstrumentSnapshot
from msray.clock import Clock
from msray.store.group_commit import Observer
from msray.store.ledger_store import LedgerStore
from msray.telemetry.families import COMMIT, COMMIT_SIGNALS
from msray.telemetry.metrics import Figures, exposition


class NoBooks:
    """The books of a process that runs none."""

    def instruments(self) -> Sequence[str]:
        """None."""
        return ()

    def snapshot(self, instrument: str) -> InstrumentSnapshot | None:
        """None."""
        return None


class LedgerMetrics:
    """Figures of this process and of its ledger.

    Parameters
    ----------
    store
        Whose ledger is asked.
    figures
        Of this process.
    config
        Names that may be labels.
    clock
        Time.
    """

    def __init__(self, store: LedgerStore, figures: Figures, config: ApiConfig, clock: Clock) -> None:
        self._store = store
        self._figures = figures
        self._config = config
        self._clock = clock
        self._turn = asyncio.Lock()

    async def text(self) -> str:
        """All figures; asked one at a time."""
        async with self._turn:
            return await self._store.read(self._text)

    def _text(self) -> str:
        since_ns = self._clock.now_ns() - int(self._config.active_window_s * 1e9)
        sample = ledger_sample(
            self._store.ledger,
            symbols=self._config.instruments,
            signal_types=self._config.signal_types,
            active_since_ns=since_ns,
        )
        return exposition([self._figures.sample(), sample])


def commits_into(figures: Figures) -> Observer:
    """Counts commits among the figures of a process."""

    def observe(signals: int, seconds: float) -> None:
        figures.observe(COMMIT, value=seconds)
        figures.observe(COMMIT_SIGNALS, value=signals)

    return observe


def state_around(
    store: LedgerStore, config: ApiConfig, *, clock: Clock, figures: Figures, models: ModelSource | None = None
) -> ApiState:
    """What the API needs, around one ledger."""
    return ApiState(
        store=store,
        models=models or NoModels(),
        books=NoBooks(),
        metrics=LedgerMetrics(store, figures, config, clock),
        readiness=store,
        clock=clock,
        figures=figures,
        profile=config.profile,
        cors_origins=config.cors_origins,
    )
