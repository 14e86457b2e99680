"""A Ray cluster with a ledger and a board, for tests of what stands on both."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msray.on_ray import session
from msray.on_ray.board import start_board
from msray.on_ray.calls import answer_now
from msray.on_ray.ledger_actor import start_ledger


class Session(NamedTuple):
    """What runs."""

    ledger_path: Path
    ledger: Any
    board: Any
    dashboard: str


@contextlib.contextmanager
def started(folder: Path, *, dashboard: bool = False) -> Iterator[Session]:
    """A cluster of this process's own, its ledger and its board at work."""
    path, url = folder / "ledger.db", session.start_local(dashboard=dashboard)
    try:
        ledger, board = start_ledger(str(path)), start_board()
        answer_now([ledger.reasons.remote(), board.look.remote()])
        yield Session(path, ledger, board, url)
    finally:
        session.leave()
