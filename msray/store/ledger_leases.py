"""Who may write an instrument: leases numbered by the ledger, so that an actor that outlived its node is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from msray.store import ledger_schema as schema
from msray.store.ledger_records import LeaseLostError

_lease = schema.lease


def current(connection: sa.Connection, instruments: Sequence[str]) -> dict[str, int]:
    """The epoch in force, by instrument; those never leased are absent."""
    found = sa.select(_lease.c.instrument, _lease.c.epoch).where(_lease.c.instrument.in_(instruments))
    return {row[0]: row[1] for row in connection.execute(found)}


def take(connection: sa.Connection, instruments: Sequence[str], holder: str, until_ns: int) -> dict[str, int]:
    """Issue the next epoch of each instrument to ``holder``; whoever held it before is fenced off."""
    before = current(connection, instruments)
    epochs = {instrument: before.get(instrument, 0) + 1 for instrument in instruments}
    rows = [{"name": name, "epoch": epoch, "holder": holder, "until": until_ns} for name, epoch in epochs.items()]
    values: dict[str, sa.BindParameter[Any]] = {
        "epoch": sa.bindparam("epoch"),
        "holder": sa.bindparam("holder"),
        "until_ns": sa.bindparam("until"),
    }
    known, new = [row for row in rows if row["name"] in before], [row for row in rows if row["name"] not in before]
    if known:
        connection.execute(sa.update(_lease).where(_lease.c.instrument == sa.bindparam("name")).values(values), known)
    if new:
        connection.execute(sa.insert(_lease).values(instrument=sa.bindparam("name"), **values), new)
    return epochs


def extend(connection: sa.Connection, epochs: Mapping[str, int], until_ns: int) -> None:
    """Move the end of leases that are still held; ``until_ns`` 0 gives them back.

    Raises
    ------
    LeaseLostError
        If one of them is not held any more; none is moved then.
    """
    refuse_lost(epochs, current(connection, list(epochs)))
    moved = sa.update(_lease).where(_lease.c.instrument.in_(list(epochs))).values(until_ns=until_ns)
    connection.execute(moved)


def refuse_lost(epochs: Mapping[str, int], in_force: Mapping[str, int]) -> None:
    """Compare what a writer believes with what the ledger has issued.

    Raises
    ------
    LeaseLostError
        At the first epoch that is not the one in force; 0, no lease at all, never is.
    """
    for instrument, epoch in epochs.items():
        issued = in_force.get(instrument, 0)
        if epoch != issued or not issued:
            raise LeaseLostError(
                f"lease of {instrument} must be epoch {issued or 'one that was issued'}, got {epoch}",
                hint="another writer holds it; take the lease anew",
            )
