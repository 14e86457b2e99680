"""The order books that ours is measured beside, each on the same chain, in an environment of their own.

hftbacktest refuses the numpy that we use, and the last order_book for Python 3.11 sorts a whole side for one best
price, which newer ones do not: so the newest Python that is there runs both (pyenv: ``PYENV_VERSION=3.11:3.12``).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from chains import Chain
from peers import peer_python

from msray.book import L2Book
from msray.labels import Prices
from msray.market import ASK

PYTHONS = ("python3.13", "python3.12", sys.executable)
PINS = (
    "--no-deps",
    'order_book==1.0.2; python_version >= "3.12"',
    'order_book==0.6.1; python_version < "3.12"',
    "hftbacktest==2.4.4",
    "numpy==2.2.6",
    "numba==0.68.1",
    "llvmlite==0.50.0",
)


def loaded(chain: Chain) -> L2Book:
    """Our book as the chain's snapshot has it."""
    book = L2Book(chain.instrument)
    row = chain.snapshot.messages[0]
    book.load(chain.log.levels[row["begin"] : row["end"]], int(row["first_id"]))
    return book


def quotes(chain: Chain) -> Prices:
    """Best bid and ask after each depth message, in ticks."""
    book, depth = loaded(chain), chain.depth
    bests = np.zeros((len(depth), 4), np.int64)
    book.replay(depth, bests)
    at_ns = np.maximum.accumulate(depth.messages["event_ns"])
    kept = bests[:, 0] < bests[:, 2]
    return Prices.of_quotes(at_ns[kept], bests[kept, 0], bests[kept, 2])


def measure_peers(chain: Chain, runs: int) -> dict[str, Any]:
    """Replay one chain through every peer, in another process.

    Parameters
    ----------
    chain
        What is replayed.
    runs
        Timed replays; the median counts.

    Returns
    -------
    dict
        ``seconds`` and ``how`` by the peer's name; empty if the peers cannot be installed.
    """
    python = peer_python("book", PINS, PYTHONS)
    if python is None:
        return {}
    depth, book = chain.depth, loaded(chain)
    start, bests = _columns(book.levels()), np.zeros((len(depth), 4), np.int64)
    book.replay(depth, bests)
    spans = depth.messages[["begin", "end"]].tolist()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.npz"
        np.savez(
            path,
            start=start,
            changes=np.concatenate([_columns(depth.levels[begin:end]) for begin, end in spans]),
            counts=np.array([end - begin for begin, end in spans]),
            bests=bests[:, [0, 2]],
            end=_columns(book.levels()),
        )
        program = Path(__file__).with_name("replay_peers.py")
        command = [str(python), "-I", str(program), str(path), str(runs)]
        found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _columns(levels: np.ndarray) -> np.ndarray:
    return np.column_stack([levels["flags"] & ASK, levels["tick"], levels["size"]])
