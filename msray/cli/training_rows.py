"""Recordings as rows that networks read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    for name in [name for name, one in rows.items() if len(one) == 0]:
        out.note(f"{name}: no rows, left out")
        del rows[name]
    if not rows:
        raise UsageError("recordings must have rows with two best prices, got none")
    return rows
