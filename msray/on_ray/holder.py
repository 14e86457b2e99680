"""Who holds a lease: words for people to read, from which one can also tell that the process is gone."""

import re
from collections.abc import Callable
from pathlib import Path

_WORDS = re.compile(r".+ on (?P<host>.+), pid (?P<pid>\d+)")


def holder(shard: str, host: str, pid: int) -> str:
    """How a shard in a process names itself in the ledger.

    Examples
    --------
    >>> holder("shard-0", "here", 7)
    'shard-0 on here, pid 7'
    """
    return f"{shard} on {host}, pid {pid}"


def is_gone(said: str, host: str, runs: Callable[[int], bool]) -> bool:
    """Whether a holder has ended for certain: only of a process of this host one can know.

    Parameters
    ----------
    said
        What :func:`holder` made, or anything else.
    host
        Name of this host.
    runs
        Whether a pid of this host is at work.
    """
    words = _WORDS.fullmatch(said)
    return words is not None and words["host"] == host and not runs(int(words["pid"]))


def runs(pid: int) -> bool:
    """Whether a process of this host is at work; a zombie is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state not in "ZX"
