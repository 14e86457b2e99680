"""The live path: a shard from socket to stored signal, the ledger through Ray, the API through Serve.

    python jobs/measure_live.py [--json] [--runs 3] [--data FOLDER] [--only shard,memory,loop,kill,ledger,latency,post]

A simulator plays in a process of its own. Rates of a shard count CPU seconds of its process, so that they do not depend
on how fast the simulator sends.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from figures import Figure, arguments, report
from live_api import post_figures
from live_hosts import kill_figures, memory_figures, plan
from live_ledger import latency_figures, ledger_figures
from live_shard import longest_turns_ms, shard_cpu, socket_cpu

from msray.simulator.process import simulating

FOLDER = "binance_2024-08-08_multi_venue"
LOOP_S = 30.0
MANY = tuple(f"binance_usdm:S{number:02d}USDT" for number in range(32))


def main() -> int:
    """Measure what was asked for."""
    parser = arguments(__doc__)
    parser.set_defaults(runs=3)
    parser.add_argument("--only", default=",".join(_PARTS), help="parts, comma-separated")
    options = parser.parse_args()
    figures: list[Figure] = []
    for part in options.only.split(","):
        if part not in _PARTS:
            sys.stderr.write(f"--only must name some of {', '.join(_PARTS)}, got {part}\n")
            return 2
        figures += _PARTS[part](options)
    return report(figures, as_json=options.json)


def apart(work: Callable[..., Any], *words: Any) -> Any:
    """The result of a call in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1, initializer=_leave_stdout) as pool:
        return pool.apply(work, words)


def _leave_stdout() -> None:
    """Ray tells there of workers that died; the figures are to be alone on it."""
    os.dup2(2, 1)


def _shard(options: Any) -> list[Figure]:
    recording = options.data / FOLDER
    if not recording.is_dir():
        sys.stderr.write(f"no recording at {recording}: set MSRAY_DATA\n")
        return []
    figures = []
    for name, is_fast, goal in (("websockets", False, 100_000.0), ("picows", True, 250_000.0)):
        rates, bare = [], []
        for _ in range(options.runs):
            for work, found in ((shard_cpu, rates), (socket_cpu, bare)):
                with simulating("--recording", str(recording), "--speed", "max", "--one-socket") as listening:
                    found.append(apart(work, listening(), is_fast))
        rates.sort()
        bare.sort()
        middle = len(rates) // 2
        figures += [
            Figure(
                name=f"shard, {name}: depth messages a CPU second",
                value=round(rates[middle]),
                unit="1/s",
                op=">=",
                goal=goal,
                beside={f"{name}, no work": round(bare[middle])},
                how=f"5 instruments of {FOLDER}, trades too, raw log, uncalibrated detectors, median of {options.runs}",
            ),
            Figure(
                name=f"shard, {name}: share of the client without work",
                value=round(rates[middle] / bare[middle], 3),
                unit="",
                op=">=",
                goal=0.6,
                how="the same runs",
            ),
        ]
    return figures


def _memory(_options: Any) -> list[Figure]:
    return _on_session(memory_figures, MANY, books=len(MANY))


def _loop(options: Any) -> list[Figure]:
    """What waits while the loop does something else: 32 made-up instruments, and a real market, at their own pace."""
    sources = {"32 made-up instruments": ("--synthetic", "--instruments", ",".join(MANY), "--no-wait")}
    if (options.data / FOLDER).is_dir():
        sources[FOLDER] = ("--recording", str(options.data / FOLDER))
    figures = []
    for name, words in sources.items():
        with simulating(*words, "--speed", "1") as listening:
            turns = apart(longest_turns_ms, listening(), LOOP_S)
        how = f"1x, {LOOP_S:g} s after its books are synced, CPU time of {len(turns)} callbacks"
        for which, at in (("longest", 0), ("99.9 %", len(turns) // 1000)):
            title = f"turn of a shard's loop, {name}: {which}"
            figures.append(Figure(name=title, value=round(turns[at], 2), unit="ms", goal=2.0, how=how))
    return figures


def _kill(_options: Any) -> list[Figure]:
    return _on_session(kill_figures, MANY[:15], books=3)


def _on_session(measure: Callable[[Any], list[Figure]], instruments: Sequence[str], books: int) -> list[Figure]:
    words = ("--synthetic", "--instruments", ",".join(instruments), "--speed", "1", "--no-wait")
    with simulating(*words) as listening, tempfile.TemporaryDirectory() as folder:
        return apart(measure, asyncio.run(plan(listening(), Path(folder), books)))


def _ledger(options: Any) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        return apart(ledger_figures, Path(folder), options.runs)


def _latency(_options: Any) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        return apart(latency_figures, Path(folder))


def _post(_options: Any) -> list[Figure]:
    return asyncio.run(post_figures())


_PARTS = {
    "shard": _shard,
    "memory": _memory,
    "loop": _loop,
    "kill": _kill,
    "ledger": _ledger,
    "latency": _latency,
    "post": _post,
}

if __name__ == "__main__":
    sys.exit(main())
