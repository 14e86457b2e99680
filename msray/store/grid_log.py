"""Grids of backtests that are finished, whatever happens meanwhile: what is done is on the disk, and not done again."""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from io import FileIO
from pathlib import Path
from typing import Any

import msray
from msray.backtest import (
    GROUP_S,
    Cell,
    CellResult,
    MakeStrategy,
    RunGroups,
    Stage,
    grid_digest,
    make_groups,
    run_cell,
    run_serially,
)
from msray.clock import Clock, SystemClock
from msray.errors import CorruptLogError, UnavailableError, UsageError

SCHEMA = "msray.grid/1"
MOST_PILOTS = 16
_BEGINS = f'{{"schema":"{SCHEMA}"'.encode()
_NAMES = {field.name for field in fields(CellResult)}


class GridLog:
    """Results on the disk: a line that says of which grid they are, then a line a group, durable when it returns.

    Parameters
    ----------
    path
        Made if missing.
    digest
        Of the grid; see :func:`~msray.backtest.grid_digest`.

    Attributes
    ----------
    results
        Those that are there, by key; of two of one key the later one.

    Raises
    ------
    UsageError
        If the file is of another grid or another version, is no such log, or cannot be written.
    CorruptLogError
        If a line other than a torn last one, which is cut off, cannot be read.
    UnavailableError
        If another process writes it.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.results: dict[str, CellResult] = {}
        self._path = path
        with contextlib.ExitStack() as undo:
            try:
                self._file = undo.enter_context(FileIO(path, "a+"))
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._file.seek(0)
                self._read(self._file.readall() or b"", digest)
            except BlockingIOError as error:
                raise UnavailableError(f"{path} is being written by another process") from error
            except OSError as error:
                raise self._unwritable(error) from error
            undo.pop_all()

    def append(self, results: Sequence[CellResult]) -> None:
        """Keep the results of a group; they are on the disk when this returns."""
        rows = [{**asdict(result), "returns": list(result.returns)} for result in results]
        self._write({"group": rows})
        self.results.update((result.key, result) for result in results)

    def close(self) -> None:
        """Let others write it."""
        self._file.close()

    def _read(self, data: bytes, digest: str) -> None:
        if data[: len(_BEGINS)] != _BEGINS[: len(data)]:
            raise UsageError(f"{self._path} must be a log of schema {SCHEMA}, or not be there")
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.ftruncate(self._file.fileno(), len(whole))
        head, *lines = whole.splitlines() or [b""]
        if not head:
            self._write({"schema": SCHEMA, "version": msray.__version__, "digest": digest})
            return
        self._check(_parsed(head), digest)
        for number, line in enumerate(lines, 2):
            rows = _parsed(line).get("group")
            if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == _NAMES for row in rows):
                raise CorruptLogError(f"{self._path}, line {number} is no group of results")
            for row in rows:
                self.results[row["key"]] = CellResult(**{**row, "returns": tuple(row["returns"])})

    def _check(self, head: dict[str, Any], digest: str) -> None:
        for what, expected in (("version", msray.__version__), ("digest", digest)):
            if head.get(what) != expected:
                said = "version of msray" if what == "version" else "grid (tapes, cells or strategy)"
                raise UsageError(
                    f"{self._path} must be of this {said}, {expected}, got {head.get(what)}",
                    hint="name another file, or remove this one",
                )

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"cannot write {self._path}: {error.strerror or error}")


def _parsed(line: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(line)
        if isinstance(document, dict):
            return document
    return {}


def run_grid(
    stage: Stage,
    cells: Sequence[Cell],
    strategy: MakeStrategy,
    *,
    run: RunGroups = run_serially,
    path: Path | None = None,
    least_s: float = GROUP_S,
    progress: Callable[[int], None] = lambda _: None,
    clock: Clock | None = None,
) -> list[CellResult]:
    """Run the cells of a grid that have not been run yet.

    Parameters
    ----------
    stage, cells, strategy
        See :func:`~msray.backtest.make_stage`.
    run
        Who runs groups: this process, or ``msray.on_ray.backtests.run_on_ray``.
    path
        Where results are kept as they come. What is there is not run again, but for what had failed; so a grid that was
        interrupted or killed goes on with the same call.
    least_s
        Work of a group, in seconds; a few cells are run here first, to know how many that is.
    progress
        Is told how many cells have a result.

    Returns
    -------
    list[CellResult]
        In the order of the cells.
    """
    found: dict[str, CellResult] = {}
    with contextlib.ExitStack() as end:
        log = None if path is None else GridLog(path, grid_digest(stage, cells, strategy))
        if log is not None:
            end.callback(log.close)
            found.update(log.results)

        def keep(results: Sequence[CellResult]) -> None:
            if log is not None:
                log.append(results)
            found.update((result.key, result) for result in results)
            progress(sum(not result.problem for result in found.values()))

        waiting = [cell for cell in cells if cell.key not in found or found[cell.key].problem]
        pilots, each_s = _pilots(stage, waiting, strategy, least_s, clock or SystemClock())
        if pilots:
            keep(pilots)
        done = {result.key for result in pilots}
        run(stage, make_groups([cell for cell in waiting if cell.key not in done], each_s, least_s), strategy, keep)
    return [found[cell.key] for cell in cells]


def _pilots(
    stage: Stage, cells: Sequence[Cell], strategy: MakeStrategy, least_s: float, clock: Clock
) -> tuple[list[CellResult], float]:
    """Some cells, taken evenly from all, and the seconds that one takes.

    The first is not timed, kernels are loaded for it; of long ones there are only two.
    """
    results, spent_ns = [], []
    for cell in cells[:: -(-len(cells) // MOST_PILOTS) or 1]:
        began_ns = clock.monotonic_ns()
        results.append(run_cell(stage, cell, strategy))
        if len(results) > 1 and not results[-1].problem:
            spent_ns.append(clock.monotonic_ns() - began_ns)
        if sum(spent_ns) >= least_s * 1e9:
            break
    return results, sum(spent_ns) / len(spent_ns) / 1e9 if spent_ns else least_s
