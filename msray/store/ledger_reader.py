"""``LedgerReader``: everything a ledger can be asked. Needs no lock; any number may read while one writes."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa

from msray.errors import UsageError
from msray.store import ledger_schema as schema
from msray.store.ledger_connection import connect, parse_url, reaching, shown, sqlite_file
from msray.store.ledger_records import (
    Lease,
    OutboxCounts,
    OutboxState,
    SignalQuery,
    Source,
    StoredSignal,
    Tally,
    from_row,
    id_bytes,
)

OTHER = "other"
"""Stands for every name that is not one of the known ones."""

_signal = schema.signal
_tally = schema.tally


class LedgerReader:
    """Reads a ledger.

    Parameters
    ----------
    url
        Path or URL; see :func:`~msray.store.ledger_connection.parse_url`.

    Raises
    ------
    UsageError
        If there is no such ledger, or its schema is of another version.
    UnavailableError
        Here and in every method, if the database cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        path = sqlite_file(self.url)
        if path and not path.is_file():
            raise UsageError(f"there is no ledger at {path}", hint="a ledger appears with the first msray api or live")
        with ExitStack() as undo:
            self._reading = connect(self.url)
            undo.callback(self._reading.dispose)
            with reaching(self.url), self._reading.begin() as connection:
                schema.check(connection, shown(self.url))
            undo.pop_all()

    def close(self) -> None:
        """Let go of the database."""
        self._reading.dispose()

    # ---------------------------------------------------------------- signals

    def get(self, signal_id: str) -> StoredSignal | None:
        """The signal of an id, None if there is none."""
        rows = self._rows(sa.select(_signal).where(_signal.c.id == id_bytes(signal_id)))
        return from_row(rows[0]) if rows else None

    def page(self, query: SignalQuery) -> list[StoredSignal]:
        """At most ``query.limit`` signals in order of ``seq``; what is stored meanwhile moves nothing between pages."""
        seq = _signal.c.seq
        conditions: list[sa.ColumnElement[bool]] = []
        if query.after is not None:
            conditions.append(seq < query.after if query.newest_first else seq > query.after)
        if query.instrument is not None:
            conditions.append(_signal.c.instrument == query.instrument)
        if query.signal_type is not None:
            conditions.append(_signal.c.signal_type == query.signal_type)
        if query.since_ns is not None:
            conditions.append(_signal.c.event_ns >= query.since_ns)
        if query.until_ns is not None:
            conditions.append(_signal.c.event_ns < query.until_ns)
        if query.min_score is not None:
            conditions.append(_signal.c.score >= query.min_score)
        order = seq.desc() if query.newest_first else seq
        return [
            from_row(row)
            for row in self._rows(sa.select(_signal).where(*conditions).order_by(order).limit(query.limit))
        ]

    def last_seq(self) -> int:
        """``seq`` of the newest signal, 0 before the first."""
        return self._counter(schema.SEQ)

    # ---------------------------------------------------------------- figures

    def known_names(self) -> tuple[set[str], set[str]]:
        """Instruments (leased, or with a detection) and types of detections: what this system itself speaks of."""
        is_ours = _tally.c.source == Source.DETECTION
        instruments = {row[0] for row in self._rows(sa.select(_tally.c.instrument).where(is_ours).distinct())}
        instruments |= {row[0] for row in self._rows(sa.select(schema.lease.c.instrument))}
        return instruments, {row[0] for row in self._rows(sa.select(_tally.c.signal_type).where(is_ours).distinct())}

    def instruments_of(self, symbol: str) -> list[str]:
        """Instruments with signals whose symbol is this one, in order of name; the first hundred at most."""
        name = _tally.c.instrument
        found = sa.select(name).where(name.endswith(f":{symbol}", autoescape=True)).distinct().order_by(name)
        rows = self._rows(found.limit(100))
        return [row[0] for row in rows if row[0].endswith(f":{symbol}")]  # SQLite's LIKE is blind to case

    def totals(self, instruments: Collection[str], signal_types: Collection[str]) -> list[Tally]:
        """Signals so far by type and instrument; names not given are added up as ``other``."""
        kind = _closed(_tally.c.signal_type, signal_types).label("signal_type")
        name = _closed(_tally.c.instrument, instruments).label("instrument")
        found = sa.select(kind, name, sa.func.sum(_tally.c.signals)).group_by(
            sa.literal_column("1"), sa.literal_column("2")
        )
        return [Tally(row[0], row[1], int(row[2])) for row in self._rows(found)]

    def last_scores(self, instruments: Collection[str], signal_types: Collection[str]) -> dict[tuple[str, str], float]:
        """Score of the newest signal by instrument and type, for the names given."""
        found = (
            sa.select(_tally.c.instrument, _tally.c.signal_type, _tally.c.last_score)
            .where(_tally.c.instrument.in_(instruments), _tally.c.signal_type.in_(signal_types))
            .order_by(_tally.c.last_seq)
        )
        return {(row[0], row[1]): row[2] for row in self._rows(found)}

    def active(self, since_ns: int, signal_types: Collection[str]) -> dict[str, int]:
        """Signals stored at or after ``since_ns``, by type; types not given are added up as ``other``."""
        kind = _closed(_signal.c.signal_type, signal_types).label("signal_type")
        found = (
            sa.select(kind, sa.func.count()).where(_signal.c.created_ns >= since_ns).group_by(sa.literal_column("1"))
        )
        return {row[0]: row[1] for row in self._rows(found)}

    def unsettled(self) -> dict[OutboxState, int]:
        """Messages that wait, are under way, or were given up; cheap however many were sent."""
        state = schema.outbox.c.state
        found = sa.select(state, sa.func.count()).where(schema.UNSETTLED).group_by(state)
        counts = dict.fromkeys((OutboxState.PENDING, OutboxState.LEASED, OutboxState.DEAD), 0)
        return counts | {OutboxState(row[0]): row[1] for row in self._rows(found)}

    def outbox_counts(self) -> OutboxCounts:
        """How many messages were made, and what became of them; looks at every one."""
        state = schema.outbox.c.state
        created = sa.select(sa.literal(-1), schema.counter.c.value).where(schema.counter.c.name == schema.OUTBOX)
        by_state = sa.select(state, sa.func.count()).group_by(state)
        found = {row[0]: row[1] for row in self._rows(sa.union_all(created, by_state))}  # one statement: one moment
        return OutboxCounts(
            created=found[-1], **{state.name.lower(): found.get(state.value, 0) for state in OutboxState}
        )

    def calibrations(self, instrument: str) -> list[tuple[int, str]]:
        """Calibrations of an instrument, oldest first: (in force since, exchange time in ns; the document)."""
        table = schema.calibration
        found = sa.select(table.c.since_ns, table.c.document).where(table.c.instrument == instrument)
        return [(row[0], row[1]) for row in self._rows(found.order_by(table.c.since_ns))]

    def leases(self) -> list[Lease]:
        """Every lease ever issued, the latest of each instrument, in order of name."""
        table = schema.lease.c
        found = sa.select(table.instrument, table.epoch, table.holder, table.until_ns).order_by(table.instrument)
        return [Lease(*row) for row in self._rows(found)]

    def _counter(self, name: str) -> int:
        return int(self._rows(sa.select(schema.counter.c.value).where(schema.counter.c.name == name))[0][0])

    def _rows(self, statement: sa.Executable) -> Sequence[Any]:
        with reaching(self.url), self._reading.begin() as connection:
            return connection.execute(statement).all()


def _closed(column: sa.Column[str], known: Collection[str]) -> sa.ColumnElement[str]:
    return sa.case((column.in_(known), column), else_=OTHER)
