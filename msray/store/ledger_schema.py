"""The tables of a ledger.

===============  ====================================================================================================
table            holds
===============  ====================================================================================================
``counter``      ``schema`` version; last ``seq``; ``outbox`` rows ever made. Writers queue at the row of ``seq``
``signal``       one row a signal; ``seq`` has no holes, and a signal is visible only after every lower one
``outbox``       one row a signal and route; ``next_ns`` says when it may be tried (leased: until when it is held)
``tally``        signals so far by type, instrument and source, with the latest score, so that nobody counts rows
``lease``        who may write an instrument; a higher ``epoch`` ends every lower one
``idempotency``  receipts by a client's key, kept for a day
``calibration``  calibrations in force since an exchange time
===============  ====================================================================================================

States and sources are the integers of ``ledger_records``. A lean schema is worth a factor of four in signals a second.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from msray.errors import UsageError
from msray.store.ledger_records import OutboxState

SCHEMA_VERSION = 1

SEQ, OUTBOX, SCHEMA = "seq", "outbox", "schema"
"""Rows of ``counter``."""

_LOCK = 0x6D73726179
"""PostgreSQL's advisory lock while tables are made: "msray" in ASCII."""

_metadata = sa.MetaData()
_long = sa.BigInteger().with_variant(sa.Integer, "sqlite")

counter = sa.Table(
    "counter",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", _long, nullable=False),
)
signal = sa.Table(
    "signal",
    _metadata,
    sa.Column("seq", _long, primary_key=True, autoincrement=False),
    sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("signal_type", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("direction", sa.SmallInteger, nullable=False),
    sa.Column("event_ns", _long, nullable=False),
    sa.Column("change_ns", _long, nullable=False),
    sa.Column("created_ns", _long, nullable=False),
    sa.Column("source", sa.SmallInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("signal_by_instrument", "instrument", "seq"),
    sa.Index("signal_by_type", "signal_type", "seq"),
    sa.Index("signal_by_creation", "created_ns", "signal_type"),
)
outbox = sa.Table(
    "outbox",
    _metadata,
    sa.Column("seq", _long, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("next_ns", _long, nullable=False),
    sa.Column("epoch", _long, nullable=False),
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
_UNSETTLED_STATES = (OutboxState.PENDING, OutboxState.LEASED, OutboxState.DEAD)
UNSETTLED = sa.text(f"state IN ({', '.join(str(int(state)) for state in _UNSETTLED_STATES)})")
"""Messages that someone has to look at. A query that wants their index has to use these very words, not parameters."""
sa.Index("outbox_unsettled", outbox.c.state, outbox.c.next_ns, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
tally = sa.Table(
    "tally",
    _metadata,
    sa.Column("signal_type", sa.Text, primary_key=True),
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("source", sa.SmallInteger, primary_key=True),
    sa.Column("signals", _long, nullable=False),
    sa.Column("last_score", sa.Double, nullable=False),
    sa.Column("last_seq", _long, nullable=False),
    sqlite_with_rowid=False,
)
lease = sa.Table(
    "lease",
    _metadata,
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("epoch", _long, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until_ns", _long, nullable=False),
)
idempotency = sa.Table(
    "idempotency",
    _metadata,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("content", sa.LargeBinary(32), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("created_ns", _long, nullable=False, index=True),
)
calibration = sa.Table(
    "calibration",
    _metadata,
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("since_ns", _long, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)

COUNTERS = sa.select(counter.c.name, counter.c.value)
HOLD_COUNTERS = COUNTERS.order_by(counter.c.name).with_for_update()
"""What every writer does first: on PostgreSQL it waits here for its turn, on SQLite ``BEGIN IMMEDIATE`` did."""
SET_COUNTER = sa.update(counter).where(counter.c.name == sa.bindparam("of")).values(value=sa.bindparam("to"))


def create(connection: sa.Connection) -> None:
    """Make what is missing, inside the caller's transaction; two processes may try at once."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if sa.inspect(connection).has_table(counter.name):
        return
    _metadata.create_all(connection)
    rows = [{"name": SCHEMA, "value": SCHEMA_VERSION}, {"name": SEQ, "value": 0}, {"name": OUTBOX, "value": 0}]
    connection.execute(sa.insert(counter), rows)


def check(connection: sa.Connection, name: str) -> None:
    """Refuse a database that is no ledger, or one of a version this code does not know.

    Raises
    ------
    UsageError
        With ``name``, which is how the user wrote the ledger.
    """
    if not sa.inspect(connection).has_table(counter.name):
        raise UsageError(f"{name} is not a ledger: it has no table {counter.name!r}")
    version = connection.scalar(sa.select(counter.c.value).where(counter.c.name == SCHEMA))
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"{name} has ledger schema {version}, this msray knows {SCHEMA_VERSION}",
            hint="use the msray that wrote it, or a newer one",
        )


def add_to_tally(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Add ``signals`` of each row to what was counted before, and replace the latest score."""
    connection.execute(_ADD_TO_TALLY[connection.dialect.name], rows)


def _add_to(insert: Any) -> Any:
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=list(tally.primary_key),
        set_={"signals": tally.c.signals + new.signals, "last_score": new.last_score, "last_seq": new.last_seq},
    )


_ADD_TO_TALLY = {"sqlite": _add_to(sqlite.insert(tally)), "postgresql": _add_to(postgresql.insert(tally))}
