"""The order books that ours is measured beside, each on the same chain, in an environment of their own.

hftbacktest refuses the numpy that we use, and the last order_book for Python 3.11 sorts a whole side for one best
price, which newer ones do not: so the newest Python that is there runs both (pyenv: ``PYENV_VERSION=3.11:3.12``).
"""

import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from chains import Chain

from msray.book import L2Book
from msray.market import ASK

PYTHONS = ("python3.13", "python3.12", sys.executable)
PINS = (
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
    python = _peers_python()
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


@functools.cache
def _peers_python() -> Path | None:
    """The interpreter of the peers' environment, made on first use; None, and a line why, if it cannot be made."""
    found = next(filter(None, map(_release, PYTHONS)), None)
    if found is None:
        sys.stderr.write("the book's peers are left out: no Python here can make an environment (ensurepip)\n")
        return None
    base, release = found
    folder = Path.home() / ".cache" / "msray" / f"peers-{release}"
    python, made = folder / "bin" / "python", folder / "made-of.txt"
    if made.exists() and made.read_text() == "\n".join(PINS):
        return python
    sys.stderr.write(f"installing the book's peers in {folder}\n")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", *PINS]
    try:
        for command in ([base, "-m", "venv", "--clear", str(folder)], pip):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip() or str(error)).splitlines()[-1]
        sys.stderr.write(f"the book's peers are left out, they cannot be installed: {why}\n")
        return None
    made.write_text("\n".join(PINS))
    return python


def _release(python: str) -> tuple[str, str] | None:
    """The interpreter and its version, if it is there and can make environments."""
    try:
        asked = [python, "-c", "import ensurepip, platform; print(platform.python_version())"]
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return python, done.stdout.strip()
