"""``msray features``: the catalogue."""

import dataclasses
from typing import Annotated

import typer

from msray.cli.output import Output

_COLUMNS = ("name", "unit", "formula", "source", "family", "clock")


def features(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only these.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="All of them; so does naming none.")] = False,
) -> None:
    """List the features: name, unit, formula, source, family, and the clock it reads.

    A feature whose clock is `local` depends on where it was recorded, so no detector may watch it. The family
    `levels` is for networks: no detector may watch it either, and it is computed only where one of its names is asked
    for.
    """
    from msray.features import CATALOGUE, column

    out: Output = context.obj
    chosen = [CATALOGUE[column(name)] for name in names or ()]
    if list_all or not chosen:
        chosen = list(CATALOGUE)
    rows = [dataclasses.asdict(feature) for feature in chosen]
    out.data({"features": [{key: row[key] for key in _COLUMNS} for row in rows]})
    out.table(_COLUMNS, [[row[key] for key in _COLUMNS] for row in rows])
