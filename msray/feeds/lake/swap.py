"""A day of a lake takes the place of another, and what a kill left half done is finished.

There is no one step in which a folder takes the place of one that is not empty, so there are two: the old day steps
aside under a hidden name, then the new one takes its place. The names say how far that was to whoever comes by later.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from msray.errors import UnavailableError, UsageError

PARTIAL, OLD = ".partial", ".old"
"""Endings of a day that is not in its place yet, and of one that is not any more."""


def publish(partial: Path, target: Path, *, replaces: bool) -> None:
    """Give a day that is whole, and on the disk, its name.

    Parameters
    ----------
    partial
        ``.day=2012-06-21.WHOSE.partial``, beside the target.
    target
        ``day=2012-06-21``.
    replaces
        Whether there is one that goes.

    Raises
    ------
    UsageError
        If there should be none, and another process has written one meanwhile.
    OSError
        If it cannot be done; what was there is there.
    """
    old = partial.with_suffix(OLD)
    with _alone(target.parent):
        if replaces:
            target.rename(old)
        try:
            partial.rename(target)
        except OSError as error:
            if replaces:
                old.rename(target)
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise UsageError(f"{target} was written by another process meanwhile") from error
            raise
        sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def mend(path: Path) -> None:
    """Finish what was cut short in a lake, or in a folder of it: no day stays hidden.

    A day that was whole takes the place that was made for it; where that is gone, the old one goes back.

    Raises
    ------
    UnavailableError
        If it cannot be done, as in a lake that nobody may write.
    """
    olds = {*path.rglob(f".day=*{OLD}")}
    if path.name.startswith("day="):
        olds.update(path.parent.glob(f".{path.name}.*{OLD}"))
    for old in sorted(olds):
        target = old.with_name(old.name[1:].partition(".")[0])
        try:
            with _alone(old.parent):
                _put_back(old, target)
        except OSError as error:
            raise UnavailableError(
                f"{target} was being replaced when that was cut short, and cannot be put in place: {error.strerror}",
                hint="let the lake be written; the next look at it mends it",
            ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _put_back(old: Path, target: Path) -> None:
    partial = old.with_suffix(PARTIAL)
    if not old.exists():  # its writer was not dead, and has finished
        return
    if not target.exists():
        (partial if partial.exists() else old).rename(target)
        sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Whoever puts days of an instrument in their place does so by himself."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot lock a folder
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
