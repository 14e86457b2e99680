"""How a ledger's database is reached: SQLite in a file, or PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from msray.errors import UnavailableError, UsageError
from msray.extras import from_extra

Durability = Literal["full", "relaxed"]
"""``full``: an acknowledged signal survives a power cut. ``relaxed``: only the death of the process."""

_WAIT_S = 2
_SQLITE, _POSTGRESQL = "sqlite", "postgresql"


def parse_url(text: str) -> sa.URL:
    """The URL of a ledger: ``sqlite:///state/ledger.db``, a bare path, or ``postgresql://user:password@host/name``.

    Raises
    ------
    UsageError
        If it is none of these; the message holds no password.
    """
    try:
        url = sa.make_url(text) if "://" in text else sa.URL.create(_SQLITE, database=text)
    except (ArgumentError, ValueError) as error:
        raise UsageError("ledger must be a path or a URL like sqlite:///ledger.db, got neither") from error
    kind = url.get_backend_name()
    if kind == _SQLITE:
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise UsageError("ledger must be kept in a file, got an SQLite URL without a path")
        return sa.URL.create(_SQLITE, database=url.database)
    if kind != _POSTGRESQL:
        raise UsageError(f"ledger must be sqlite or postgresql, got {kind!r}")
    return url.set(drivername="postgresql+psycopg")


def shown(url: sa.URL) -> str:
    """The URL as a user may see it: no password."""
    return url.database or "" if url.get_backend_name() == _SQLITE else url.render_as_string(hide_password=True)


def sqlite_file(url: sa.URL) -> Path | None:
    """The file of an SQLite ledger, None for PostgreSQL."""
    return Path(url.database) if url.get_backend_name() == _SQLITE and url.database else None


def connect(url: sa.URL, *, durability: Durability = "full", is_writer: bool = False) -> sa.Engine:
    """An engine for a ledger; nothing is opened before its first use.

    Parameters
    ----------
    url
        From :func:`parse_url`.
    durability
        What a commit survives.
    is_writer
        Transactions take the write lock at once, so that none of them can fail half way for want of it. Otherwise
        nothing can be written.

    Raises
    ------
    UsageError
        If PostgreSQL is asked for and its driver is not installed.
    """
    if url.get_backend_name() == _SQLITE:
        engine = sa.create_engine(url, connect_args={"timeout": _WAIT_S})
        event.listen(engine, "connect", _sqlite_settings(durability, is_writer))
        event.listen(engine, "begin", _sqlite_begin("BEGIN IMMEDIATE" if is_writer else "BEGIN"))
        return engine
    options = f"-c statement_timeout=5s -c lock_timeout={_WAIT_S}s -c idle_in_transaction_session_timeout=10s"
    options += " -c synchronous_commit=off" if durability == "relaxed" else ""
    options += "" if is_writer else " -c default_transaction_read_only=on"
    settings = {"connect_timeout": _WAIT_S + 1, "tcp_user_timeout": 5000, "options": options}
    with from_extra("postgres", "a PostgreSQL ledger"):
        return sa.create_engine(url, connect_args=settings, pool_pre_ping=True, pool_timeout=_WAIT_S)


@contextmanager
def reaching(url: sa.URL) -> Iterator[None]:
    """Turn a database's errors into ours.

    Raises
    ------
    UnavailableError
        The database is down, locked, full or too slow; the transaction left nothing behind.
    UsageError
        A value was refused, or the file is no database.
    """
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise UsageError(f"ledger {shown(url)} refused a value: {_first_line(error)}") from error
    except (DBAPIError, PoolTimeoutError) as error:
        if "not a database" in str(error):
            raise UsageError(f"{shown(url)} is not an SQLite file") from error
        raise UnavailableError(
            f"ledger {shown(url)} cannot be used now: {_first_line(error)}", hint="nothing was stored; try again"
        ) from error


def _sqlite_settings(durability: Durability, is_writer: bool) -> Callable[[Any, Any], None]:
    def settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's "begin" event says when a transaction starts, not the driver
        if is_writer:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")
        else:
            connection.execute("PRAGMA query_only=ON")

    return settle


def _sqlite_begin(statement: str) -> Callable[[sa.Connection], None]:
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _first_line(error: DBAPIError | PoolTimeoutError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause).strip().split("\n", 1)[0][:200]
