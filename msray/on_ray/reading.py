"""Rows to learn from, read side by side with Ray Data: of many recordings, wherever the cluster has room.

An instrument is one task: its rows depend on no other's. They come back as arrays in a folder that all nodes see,
mapped into memory. A raw log, whose order is that of all its instruments, is one task.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.exceptions import RayError

from msray.errors import MsrayError
from msray.feeds.replay import RecordingReplay, Replay, open_replay
from msray.feeds.training_rows import read_training_rows
from msray.on_ray.calls import ours
from msray.on_ray.side_by_side import need_cluster
from msray.store.kept_rows import map_rows, write_rows
from msray.training.rows import TrainingRows


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read, and where to.

    Attributes
    ----------
    paths, venue
        Of the recordings, as :func:`~msray.feeds.replay.open_replay` takes them; all nodes see them.
    features, until_ns
        See :func:`~msray.feeds.training_rows.read_training_rows`.
    folder
        Where rows are written; all nodes see it. It is not taken away here.
    """

    paths: tuple[Path, ...]
    venue: str | None
    features: tuple[str, ...]
    until_ns: int | None
    folder: Path

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Read some instruments: where the rows of each lie, and what could not be read; or why nothing could."""
        try:
            replay = open_replay(self.paths, venue=self.venue)
            if isinstance(replay, RecordingReplay):
                replay = replay.only(row["instruments"])
            found = read_training_rows(replay, self.features, until_ns=self.until_ns)
            # Of a task that was begun twice, nothing of the first time is in the way.
            places = {name: self.folder / f"{number}-{secrets.token_hex(8)}" for number, name in enumerate(found)}
            for name, rows in found.items():
                write_rows(places[name], rows)
        except MsrayError as error:
            return {"read": error}
        return {"read": _Read(places, replay.problems)}


@dataclass(frozen=True, slots=True)
class _Read:
    """Where the rows of each instrument lie, and what could not be read."""

    places: dict[str, Path]
    problems: list[str]


def read_rows_on_ray(
    reading: Reading, opened: Replay, told: Callable[[int], None] = lambda _: None
) -> tuple[dict[str, TrainingRows], list[str]]:
    """Read recordings on the cluster that was joined.

    Parameters
    ----------
    reading
        What is read.
    opened
        The same, opened here: it tells whose recordings they are.
    told
        Is told of each instrument, or of several at once, when they have been read: how many.

    Returns
    -------
    tuple
        Rows by instrument id, in the order of the replay, mapped into memory; and what could not be read.

    Raises
    ------
    UnavailableError
        If no cluster has been joined, the folder cannot be written, or workers died again and again.
    UsageError, FeedError
        If a node does not see the recordings, or cannot read them.
    """
    need_cluster("reading")
    import ray.data

    names = [instrument.id for instrument in opened.instruments]
    parts: Sequence[list[str]] = [[name] for name in names] if isinstance(opened, RecordingReplay) else [names]
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it tells of every step
    ray.data.DataContext.get_current().enable_progress_bars = False
    work = ray.data.from_items([{"instruments": some} for some in parts], override_num_blocks=len(parts))
    places: dict[str, Path] = {}
    problems: list[str] = []
    try:
        for row in work.map(reading, num_cpus=1).iter_rows():
            read: _Read | MsrayError = row["read"]
            if isinstance(read, MsrayError):
                raise read
            places |= read.places
            problems += read.problems
            told(len(read.places))
    except RayError as error:
        raise ours(error) from error
    return {name: map_rows(places[name]) for name in names}, problems
