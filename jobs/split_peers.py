"""One splitter's combinatorial purged splits of given labels, run by ``measure_splits.py`` in a process of its own.

Prints a JSON object: median CPU seconds to make the splitter and all of its splits, and the most memory that took on
top of the labels. Where OUT is given, the splits are written there.

    python split_peers.py NAME LABELS.npz GROUPS TESTED RUNS [OUT.npz]
"""

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

Splits = Iterable[tuple[Any, Any]]
Splitter = Callable[[], Splits]


def main() -> int:
    """Measure one splitter."""
    name, path, groups, tested, runs = sys.argv[1:6]
    with np.load(path) as file:
        spans = file["spans"]
    make = SPLITTERS[name](spans, int(groups), int(tested))
    before = _resident_bytes()
    spent = []
    for _ in range(int(runs)):
        start = time.process_time()
        for _ in make():
            pass
        spent.append(time.process_time() - start)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if len(sys.argv) > 6:
        splits = {}
        for number, (train, test) in enumerate(make()):
            # skfolio gives the test blocks as a list.
            splits |= {f"train_{number}": train, f"test_{number}": np.concatenate([np.ravel(part) for part in test])}
        np.savez(sys.argv[6], **splits)
    json.dump({"seconds": statistics.median(spent), "mebibytes": (most - before) / (1 << 20)}, sys.stdout)
    return 0


def _msray(spans: np.ndarray, groups: int, tested: int) -> Splitter:
    from msray.evaluation import CombinatorialPurgedCV

    return lambda: CombinatorialPurgedCV(spans, groups, tested, purge_ns=0, embargo_ns=0).split()


def _purgedcv(spans: np.ndarray, groups: int, tested: int) -> Splitter:
    import pandas as pd
    from purgedcv import CombinatorialPurgedCV

    starts, ends = pd.to_datetime(spans[:, 0]), pd.to_datetime(spans[:, 1])
    rows = np.zeros((len(spans), 1))
    return lambda: CombinatorialPurgedCV(groups, tested, prediction_times=starts, evaluation_times=ends).split(rows)


def _skfolio(share: float) -> Callable[[np.ndarray, int, int], Splitter]:
    """Purging as many rows as the labels reach over that are longer than this share of all."""

    def of(spans: np.ndarray, groups: int, tested: int) -> Splitter:
        from skfolio.model_selection import CombinatorialPurgedCV

        reached = np.searchsorted(spans[:, 0], spans[:, 1], side="right") - np.arange(len(spans)) - 1
        purged, rows = int(np.quantile(reached, share)), np.zeros((len(spans), 1))
        return lambda: CombinatorialPurgedCV(n_folds=groups, n_test_folds=tested, purged_size=purged).split(rows)

    return of


SPLITTERS = {"msray": _msray, "purgedcv": _purgedcv, "skfolio": _skfolio(1.0), "skfolio, median": _skfolio(0.5)}


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
