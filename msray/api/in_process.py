"""An API with its ledger in the same process: nothing else is running, so there are no books."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msray.api.config import ApiConfig
from msray.api.ledger_metrics import ledger_sample
from msray.api.state import ApiState, InstrumentSnapshot
from msray.errors import UnavailableError
from msray.store.clock import Clock
from msray.store.group_commit import GroupCommit
from msray.store.ledger import Ledger
from msray.store.ledger_records import Batch, Receipt, SignalQuery, StoredSignal
from msray.telemetry.families import COMMIT, COMMIT_SIGNALS
from msray.telemetry.metrics import Figures, exposition

_READERS = 4
_PROBE_S = 5.0
T = TypeVar("T")


class LedgerStore:
    """A ledger behind ``await``: writes share commits, reads run on a few threads.

    Parameters
    ----------
    url
        Path or URL of the ledger; made if missing.
    clock
        Time.
    figures
        Commits are counted here.

    Raises
    ------
    UnavailableError, UsageError
        As :class:`~msray.store.ledger.Ledger` does.
    """

    def __init__(self, url: str, *, clock: Clock, figures: Figures) -> None:
        def observe(signals: int, seconds: float) -> None:
            figures.observe(COMMIT, value=seconds)
            figures.observe(COMMIT_SIGNALS, value=signals)

        self.ledger = Ledger(url, clock=clock)
        self._group = GroupCommit(self.ledger, clock=clock, observe=observe)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ledger-reader")

    async def store(self, batch: Batch) -> Receipt:
        """Store a batch; returns when it is durable."""
        return await self._group.store(batch)

    async def get(self, signal_id: str) -> StoredSignal | None:
        """The signal of an id."""
        return await self.read(lambda: self.ledger.get(signal_id))

    async def page(self, query: SignalQuery) -> list[StoredSignal]:
        """A page of signals."""
        return await self.read(lambda: self.ledger.page(query))

    async def instruments_of(self, symbol: str) -> list[str]:
        """Instruments with signals whose symbol is this one."""
        return await self.read(lambda: self.ledger.instruments_of(symbol))

    async def read(self, question: Callable[[], T]) -> T:
        """Ask the ledger something on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, question)

    async def reasons(self) -> list[str]:
        """Why nothing can be stored now: a commit is tried."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self.store(Batch(signals=()))
        except (UnavailableError, TimeoutError):
            return ["the ledger cannot be written"]
        return []

    def close(self) -> None:
        """Commit what waits and let go of the ledger."""
        self._group.close()
        self._readers.shutdown()
        self.ledger.close()


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


def state_around(store: LedgerStore, config: ApiConfig, *, clock: Clock, figures: Figures) -> ApiState:
    """What the API needs, around one ledger."""
    return ApiState(
        store=store,
        books=NoBooks(),
        metrics=LedgerMetrics(store, figures, config, clock),
        readiness=store,
        clock=clock,
        figures=figures,
        profile=config.profile,
        cors_origins=config.cors_origins,
    )
