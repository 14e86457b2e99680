"""Combinatorial purged splits beside two other libraries': time, memory, leaks and labels left out for nothing.

Each splitter runs in a process of its own. skfolio purges a number of rows and knows no label times: it is given as
many as the longest label reaches over, and for the leaks also the median.

    python jobs/measure_splits.py [--json] [--runs 7] [--labels 1000000]
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from figures import Figure, arguments, report
from numpy.typing import NDArray
from peers import peer_python

from msray.evaluation import SplitAudit, audit_splits

PINS = ("purgedcv==0.1.11", "skfolio==1.12.2", "numpy==2.4.6", "pandas==3.1.1", "scikit-learn==1.9.1")
PROGRAM = Path(__file__).with_name("split_peers.py")
SECOND = 1_000_000_000
LONGEST = 600
FEW, BARS = 2_000, 60
SLOW = ("purgedcv",)
"""Run once: minutes."""


def main() -> int:
    """Measure all splitters."""
    parser = arguments(__doc__)
    parser.add_argument("--labels", type=int, default=1_000_000, help="labels that are split for time and memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = [*_costs(Path(folder), options.labels, options.runs), *_faults(Path(folder))]
    return report(figures, as_json=options.json)


def _costs(folder: Path, labels: int, runs: int) -> Iterator[Figure]:
    rng = np.random.default_rng(1)
    starts = np.arange(labels) * SECOND
    spans = np.column_stack([starts, starts + rng.integers(0, LONGEST, labels) * SECOND])
    found = {
        name: json.loads(run)
        for name in ("msray", "purgedcv", "skfolio")
        if (run := _run(name, spans, (10, 2, 1 if name in SLOW else runs), folder))
    }
    own = found.pop("msray")
    how = f"{labels} labels, one a second, of 0 to {LONGEST - 1} s, seed 1, no margins; splitter and all 45 splits made"
    for unit, key, goal in (("s", "seconds", 2.0), ("MiB", "mebibytes", None)):
        yield Figure(
            name=f"CPCV(10, 2) of {labels} labels, {key}",
            value=own[key],
            unit=unit,
            goal=goal,
            beside={name: peer[key] for name, peer in found.items()},
            how=f"{how}; median CPU of {runs} (1: {', '.join(SLOW)}), most memory on top of the labels",
        )


def _faults(folder: Path) -> Iterator[Figure]:
    rng = np.random.default_rng(2)
    starts = np.sort(rng.integers(0, FEW, FEW)) * SECOND
    spans = np.column_stack([starts, starts + rng.integers(0, BARS, FEW) * SECOND])
    how = f"{FEW} labels of 0 to {BARS - 1} bars, one a bar on average, seed 2, no margins; CPCV(6, 2), all 15 splits"
    for name in ("msray", "purgedcv", "skfolio", "skfolio, median"):
        out = folder / "splits.npz"
        if not _run(name, spans, (6, 2, 1), folder, out):
            continue
        audit = _audit(out, spans)
        goal = 0.0 if name == "msray" else None
        yield Figure(name=f"{name}: leaking rows", value=audit.leaking_rows, unit="rows", how=how, goal=goal)
        yield Figure(name=f"{name}: needless rows", value=audit.needless_rows, unit="rows", how=how, goal=goal)


def _run(name: str, spans: NDArray[np.int64], numbers: tuple[int, int, int], folder: Path, *out: Path) -> str:
    """What the program printed; empty where the peers cannot be installed."""
    python = sys.executable if name == "msray" else peer_python("split", PINS)
    if python is None:
        return ""
    path = folder / "labels.npz"
    np.savez(path, spans=spans)
    command = [str(python), str(PROGRAM), name, str(path), *map(str, numbers), *map(str, out)]
    place = os.environ | {"PYTHONPATH": str(PROGRAM.parent.parent)}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=place).stdout


def _audit(path: Path, spans: NDArray[np.int64]) -> SplitAudit:
    with np.load(path) as file:
        splits = [(file[f"train_{i}"], file[f"test_{i}"]) for i in range(len(file.files) // 2)]
    return audit_splits(splits, spans)


if __name__ == "__main__":
    sys.exit(main())
