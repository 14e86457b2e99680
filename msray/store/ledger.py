"""``Ledger``: signals kept for good. A signal, what follows from it and its place in the order commit together."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock

import sqlalchemy as sa

from msray.clock import Clock
from msray.errors import MsrayError, UsageError
from msray.market import Signal
from msray.store import ledger_leases as leases
from msray.store import ledger_schema as schema
from msray.store.ledger_commit import Commit, Outcome
from msray.store.ledger_connection import Durability, connect, parse_url, reaching, sqlite_file
from msray.store.ledger_lock import FileLock
from msray.store.ledger_reader import LedgerReader
from msray.store.ledger_records import (
    Batch,
    Route,
    Stored,
)

KEY_KEPT_NS = 24 * 3600 * 1_000_000_000
"""How long an idempotency key is remembered."""


class Ledger(LedgerReader):
    """Writes and reads a ledger; made if missing.

    Parameters
    ----------
    url
        Path or URL; see :func:`~msray.store.ledger_connection.parse_url`.
    clock
        Says when a signal was stored.
    routes
        One message of the outbox is made for every new signal and each of these.
    durability
        What a commit survives.

    Raises
    ------
    UnavailableError
        If another process writes the same file, or the database cannot be reached.
    UsageError
        If this is no ledger, or its schema is of another version.

    Notes
    -----
    An SQLite ledger has one writer, held by a file lock. On PostgreSQL any number may write; they queue at one row, so
    ``seq`` has no holes and nobody who follows it can miss a signal. Commit many signals at once: group commit is
    what :class:`~msray.store.group_commit.GroupCommit` is for.
    """

    def __init__(
        self, url: str, *, clock: Clock, routes: Sequence[Route] = (), durability: Durability = "full"
    ) -> None:
        parsed = parse_url(url)
        path = sqlite_file(parsed)
        self._clock = clock
        self._routes = tuple(routes)
        self._turn = Lock()
        self._last_purge_ns = 0
        with ExitStack() as held:
            if path:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise UsageError(f"cannot make {path.parent}: {error.strerror or error}") from error
                held.callback(FileLock(path.with_name(f"{path.name}.lock")).release)
            self._writing = connect(parsed, durability=durability, is_writer=True)
            held.callback(self._writing.dispose)
            with reaching(parsed), self._writing.begin() as connection:
                schema.create(connection)
            super().__init__(url)
            held.callback(super().close)
            self._held = held.pop_all()

    def close(self) -> None:
        """Let go of the database and of the lock."""
        self._held.close()

    # ---------------------------------------------------------------- signals

    def store(self, signals: Sequence[Signal], *, epochs: Mapping[str, int] | None = None) -> tuple[Stored, ...]:
        """Store detections, together or not at all; an id that is there already changes nothing.

        Parameters
        ----------
        signals
            In order.
        epochs
            Lease epoch of every instrument among them, or None for a writer without leases.

        Raises
        ------
        LeaseLostError
            If an epoch is not the one in force.
        UnavailableError
            If the database cannot take them now.
        """
        outcome = self.commit([Batch(signals=tuple(signals), epochs=epochs)])[0]
        if isinstance(outcome, MsrayError):
            raise outcome
        return outcome.stored

    def commit(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Store many batches in one transaction; one that is refused takes no other with it.

        Returns
        -------
        list
            A receipt or the reason of the refusal, in the order of the batches.

        Raises
        ------
        UnavailableError
            If the database cannot take any of them now; then nothing was stored.
        """
        now_ns = self._clock.now_ns()
        with self._transaction() as connection:
            commit = Commit(connection, self._routes, now_ns)
            outcomes = commit.add(batches)
            commit.write()
            if any(batch.key for batch in batches) and now_ns - self._last_purge_ns > KEY_KEPT_NS // 1440:
                commit.forget_keys(now_ns - KEY_KEPT_NS)
                self._last_purge_ns = now_ns
        return outcomes

    # ---------------------------------------------------------------- leases

    def lease(self, instruments: Sequence[str], holder: str, *, for_ns: int) -> dict[str, int]:
        """Take instruments over, from whoever had them: their next epochs, by instrument.

        Parameters
        ----------
        instruments
            ``venue:SYMBOL`` ids.
        holder
            Who takes them, for people to read.
        for_ns
            How long others should wait before they think the holder dead.
        """
        with self._transaction() as connection:
            return leases.take(connection, instruments, holder, self._clock.now_ns() + for_ns)

    def holders(self, instruments: Collection[str]) -> dict[str, str]:
        """Who holds instruments whose lease has not run out, by instrument; the others are absent."""
        now_ns = self._clock.now_ns()
        held = [lease for lease in self.leases() if lease.until_ns > now_ns]
        return {lease.instrument: lease.holder for lease in held if lease.instrument in instruments}

    def renew(self, epochs: Mapping[str, int], *, for_ns: int) -> None:
        """Hold leases for so long from now, 0 gives them back; LeaseLostError if one is lost. Epochs stay in force."""
        with self._transaction() as connection:
            leases.extend(connection, epochs, self._clock.now_ns() + for_ns)

    # ---------------------------------------------------------------- calibrations

    def keep_calibration(self, instrument: str, *, since_ns: int, digest: str, document: str) -> None:
        """Keep a calibration in force from an exchange time on; the same again replaces it."""
        table = schema.calibration
        with self._transaction() as connection:
            connection.execute(sa.delete(table).where(table.c.instrument == instrument, table.c.since_ns == since_ns))
            row = {"instrument": instrument, "since_ns": since_ns, "digest": digest, "document": document}
            connection.execute(sa.insert(table), row)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """One writer at a time, on every database: whoever holds the counters."""
        with self._turn, reaching(self.url), self._writing.begin() as connection:
            connection.execute(schema.HOLD_COUNTERS)
            yield connection
