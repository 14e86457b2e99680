"""Recordings as rows that networks read."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from msray.cli.output import Output
from msray.cli.replay import show_progress
from msray.errors import UsageError

if TYPE_CHECKING:
    from msray.feeds.replay import Replay
    from msray.training.rows import TrainingRows


def read_rows(
    out: Output, opened: "Replay", features: Sequence[str], until_ns: int | None
) -> "dict[str, TrainingRows]":
    """Replay it once; rows by instrument, those of which nothing was recorded left out.

    Raises
    ------
    UsageError
        If there are none at all.
    """
    from msray.feeds.training_rows import read_training_rows

    with show_progress(out, "replay", opened) as progress:
        rows = read_training_rows(opened, features, until_ns=until_ns, progress=progress)
    return _kept(out, rows)


def read_rows_to_train(
    context: typer.Context,
    opened: "Replay",
    features: Sequence[str],
    until_ns: int | None,
    *,
    paths: Sequence[Path],
    venue: str | None,
    folder: Path,
) -> "tuple[dict[str, TrainingRows], list[str]]":
    """The same, with what could not be read; of several instruments on the cluster that was joined, if one was.

    Parameters
    ----------
    context
        Of the verb: what is written goes when it ends.
    opened
        What the paths and the venue name.
    features, until_ns
        See :func:`read_rows`.
    paths, venue
        Of the recordings, as all nodes of the cluster see them.
    folder
        Where rows lie meanwhile; all nodes see it.

    Raises
    ------
    UsageError
        If there are no rows, or the folder cannot be made.
    """
    from msray.on_ray import session

    out: Output = context.obj
    if len(opened.instruments) == 1 or not session.is_joined():
        return read_rows(out, opened, features, until_ns), opened.problems
    from msray.on_ray.reading import Reading, read_rows_on_ray

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A task that is still at work when this ends finds no folder any more.
        place = Path(
            context.with_resource(tempfile.TemporaryDirectory(dir=folder, prefix="rows-", ignore_cleanup_errors=True))
        )
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error
    reading = Reading(
        paths=tuple(path.absolute() for path in paths),
        venue=venue,
        features=tuple(features),
        until_ns=until_ns,
        folder=place.absolute(),
    )
    with out.progress("read", len(opened.instruments), "instruments") as advance:
        rows, problems = read_rows_on_ray(reading, opened, advance)
    return _kept(out, rows), problems


def _kept(out: Output, rows: "dict[str, TrainingRows]") -> "dict[str, TrainingRows]":
    for name in [name for name, one in rows.items() if len(one) == 0]:
        out.note(f"{name}: no rows, left out")
        del rows[name]
    if not rows:
        raise UsageError("recordings must have rows with two best prices, got none")
    return rows
