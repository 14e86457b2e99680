"""One transaction: many batches looked up together, given their places, and written together."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from msray.errors import MsrayError
from msray.store import ledger_leases as leases
from msray.store import ledger_schema as schema
from msray.store.ledger_records import (
    Batch,
    IdempotencyKey,
    KeyReusedError,
    OutboxState,
    Receipt,
    Route,
    Stored,
    to_row,
)

Outcome = Receipt | MsrayError
"""A batch was stored, or refused for a reason of its own."""

_Row = dict[str, Any]

_signal, _key = schema.signal.c, schema.idempotency.c
_IDS = sa.select(_signal.id, _signal.seq).where(_signal.id.in_(sa.bindparam("ids", expanding=True)))
_KEYS = sa.select(_key.key, _key.content, _key.answer).where(_key.key.in_(sa.bindparam("keys", expanding=True)))
_INSERTS = [sa.insert(table) for table in (schema.signal, schema.outbox, schema.idempotency)]


class Commit:
    """What is done inside one transaction of :meth:`~msray.store.ledger.Ledger.commit`.

    Parameters
    ----------
    connection
        In a transaction that holds the counters, so nobody else can give out the same places.
    routes
        One message a new signal and route.
    now_ns
        When the signals are stored.
    """

    def __init__(self, connection: sa.Connection, routes: Sequence[Route], now_ns: int) -> None:
        self._connection = connection
        self._routes = routes
        self._now_ns = now_ns
        counters = {row[0]: row[1] for row in connection.execute(schema.COUNTERS)}
        self._seq, self._messages = counters[schema.SEQ], counters[schema.OUTBOX]
        self._rows: list[_Row] = []
        self._keys: list[_Row] = []
        self._known: dict[bytes, int] = {}
        self._answers: dict[bytes, tuple[bytes, str]] = {}
        self._epochs: dict[str, int] = {}

    def add(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Give every batch its places, or say why not."""
        read = [_read(batch) for batch in batches]
        self._look_up(batches, [row["id"] for rows in read if isinstance(rows, list) for row in rows])
        return [self._outcome(batch, rows) for batch, rows in zip(batches, read, strict=True)]

    def write(self) -> None:
        """Insert everything that was given a place."""
        messages = [
            {"seq": row["seq"], "channel": route.channel, "target": route.target}
            | {"state": OutboxState.PENDING, "next_ns": self._now_ns, "epoch": 0, "attempts": 0}
            for row in self._rows
            for route in self._routes
        ]
        for insert, rows in zip(_INSERTS, (self._rows, messages, self._keys), strict=True):
            if rows:
                self._connection.execute(insert, rows)
        if self._rows:
            schema.add_to_tally(self._connection, _tallied(self._rows))
        # Also where nothing is new: a probe has to write to know that it can.
        values = {schema.SEQ: self._seq, schema.OUTBOX: self._messages + len(messages)}
        self._connection.execute(schema.SET_COUNTER, [{"of": name, "to": value} for name, value in values.items()])

    def forget_keys(self, before_ns: int) -> None:
        """Remove idempotency keys older than ``before_ns``."""
        self._connection.execute(sa.delete(schema.idempotency).where(_key.created_ns < before_ns))

    def _look_up(self, batches: Sequence[Batch], ids: list[bytes]) -> None:
        """Ask once for all that is there already: ids, keys, leases."""
        keys = [batch.key.key for batch in batches if batch.key]
        leased = sorted(
            {signal.instrument for batch in batches if batch.epochs is not None for signal in batch.signals}
        )
        if ids:
            self._known = {row[0]: row[1] for row in self._connection.execute(_IDS, {"ids": ids})}
        if keys:
            self._answers = {row[0]: (row[1], row[2]) for row in self._connection.execute(_KEYS, {"keys": keys})}
        if leased:
            self._epochs = leases.current(self._connection, leased)

    def _outcome(self, batch: Batch, rows: list[_Row] | MsrayError) -> Outcome:
        if isinstance(rows, MsrayError):
            return rows
        try:
            answer = self._answer(batch.key) if batch.key else None
            if answer is not None:
                return Receipt(answer, is_replayed=True)
            if batch.epochs is not None:
                named = {row["instrument"]: batch.epochs.get(row["instrument"], 0) for row in rows}
                leases.refuse_lost(named, self._epochs)
        except MsrayError as error:
            return error
        stored = tuple(self._place(row) for row in rows)
        if batch.key:
            self._remember(batch.key, stored)
        return Receipt(stored)

    def _place(self, row: _Row) -> Stored:
        seq = self._known.get(row["id"])
        if seq is not None:
            return Stored(seq, row["id"].hex(), False)
        self._seq += 1
        self._known[row["id"]] = self._seq
        row["seq"], row["created_ns"] = self._seq, self._now_ns
        self._rows.append(row)
        return Stored(self._seq, row["id"].hex(), True)

    def _answer(self, key: IdempotencyKey) -> tuple[Stored, ...] | None:
        found = self._answers.get(key.key)
        if found is None:
            return None
        content, answer = found
        if content != key.content:
            raise KeyReusedError("idempotency key must come with the content it first came with, got other content")
        return tuple(Stored(*stored) for stored in msgspec.json.decode(answer))

    def _remember(self, key: IdempotencyKey, stored: tuple[Stored, ...]) -> None:
        answer = msgspec.json.encode(stored).decode()
        self._answers[key.key] = (key.content, answer)
        self._keys.append({"key": key.key, "content": key.content, "answer": answer, "created_ns": self._now_ns})


def _read(batch: Batch) -> list[_Row] | MsrayError:
    try:
        return [to_row(signal, batch.source) for signal in batch.signals]
    except MsrayError as error:
        return error


def _tallied(rows: list[_Row]) -> list[_Row]:
    names = [(row["signal_type"], row["instrument"], row["source"]) for row in rows]
    last = dict(zip(names, rows, strict=True))
    return [
        {
            "signal_type": name[0],
            "instrument": name[1],
            "source": name[2],
            "signals": count,
            "last_score": last[name]["score"],
            "last_seq": last[name]["seq"],
        }
        for name, count in sorted(Counter(names).items())
    ]
