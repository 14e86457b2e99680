"""All that was ever tried on the same recordings, whoever tried it: what was found can only be judged among all of it.

::

    runs/trials/3fa2c1d0e5b70918.jsonl    one file for each set of recordings, by what was recorded

The first line says of which recordings; then a line a trial, durable when it is written. A trial that goes on, or is
looked at on more of the time, gets another line: the later one counts. Several processes may write one log.
"""

import contextlib
import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msray.backtest import Tape, span_of
from msray.backtest.variants import BINS
from msray.errors import CorruptLogError, UnavailableError, UsageError
from msray.tuning import State, Value

SCHEMA = "msray.trials/1"
FOLDER = "trials"
_BLOCK = 1 << 16
_BEGINS = f'{{"schema":"{SCHEMA}"'.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was recorded, whatever its files are called.

    Attributes
    ----------
    instruments
        Ids, in their order.
    begin_ns, end_ns
        From the first event to just behind the last, exchange time.
    digest
        Of every message; 32 hexadecimal digits.
    """

    instruments: tuple[str, ...]
    begin_ns: int
    end_ns: int
    digest: str

    @classmethod
    def of(cls, tapes: Sequence[Tape]) -> "Recorded":
        """What some tapes hold."""
        tapes = sorted(tapes, key=lambda tape: tape.instrument.id)
        digest = hashlib.blake2b(digest_size=16)
        for tape in tapes:
            digest.update(repr(tape.instrument).encode())
            for array in (tape.records.messages, tape.records.levels):
                digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        begin_ns, end_ns = span_of(tapes)
        names = tuple(tape.instrument.id for tape in tapes)
        return cls(instruments=names, begin_ns=begin_ns, end_ns=end_ns, digest=digest.hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTrial:
    """One configuration that was tried.

    Attributes
    ----------
    trial_id
        Digest of the strategy and of everything that was assumed: one that was tried twice is one trial.
    run_id
        Of the run that tried it.
    study
        Digest of the search that it is of; empty where it is of none.
    strategy
        By its name.
    parameters
        What was chosen.
    state
        See :data:`~msray.tuning.State`.
    scores
        Of the search's folds.
    returns
        Of the ``BINS`` equal pieces of the recordings' time; None where it was not tried.
    problem
        Why it failed.
    """

    trial_id: str
    run_id: str
    study: str
    strategy: str
    parameters: Mapping[str, Value]
    state: State
    scores: tuple[float, ...]
    returns: tuple[float | None, ...]
    problem: str = ""

    @property
    def on_axis(self) -> NDArray[np.float64]:
        """The returns; NaN where it was not tried."""
        return np.array([math.nan if one is None else one for one in self.returns])


_NAMES = {field.name for field in fields(LoggedTrial)}


class TrialLog:
    """The trials of some recordings.

    Parameters
    ----------
    runs
        Folder of runs; made if missing.
    recorded
        What was recorded.

    Raises
    ------
    UsageError
        If the file cannot be written, or is no such log.
    """

    def __init__(self, runs: Path, recorded: Recorded) -> None:
        self.path = runs / FOLDER / f"{recorded.digest[:16]}.jsonl"
        self._recorded = recorded
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error
        with self._opened() as file:
            self._check(file)

    def append(self, trials: Sequence[LoggedTrial]) -> None:
        """Keep trials; they are on the disk when this returns.

        Raises
        ------
        UnavailableError
            If they cannot be written, as on a full disk; then none of them is kept.
        """
        lines = b"".join(_line(asdict(trial)) for trial in trials)
        with self._opened() as file:
            end = self._check(file)
            try:
                _write(file, lines)
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(file.fileno(), end)
                hint = "free space on its disk, or name another folder with --runs"
                raise UnavailableError(f"cannot write {self.path}: {error.strerror or error}", hint=hint) from error

    def read(self) -> list[LoggedTrial]:
        """All of them, the last line of each that knows most; those of several runs are several.

        Raises
        ------
        CorruptLogError
            If a line cannot be read.
        """
        with self._opened() as file:
            self._check(file)
            file.seek(0)
            _, *lines = (file.readall() or b"").splitlines()
        found: dict[tuple[str, str], LoggedTrial] = {}
        for number, line in enumerate(lines, start=2):
            trial = self._parsed(line, number)
            other = found.get((trial.run_id, trial.trial_id))
            # One configuration may be tried twice, and be given up the second time.
            if other is None or _known(trial) >= _known(other):
                found[trial.run_id, trial.trial_id] = trial
        return list(found.values())

    def _parsed(self, line: bytes, number: int) -> LoggedTrial:
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict) and set(row) == _NAMES and len(row["returns"]) == BINS:
                return LoggedTrial(**{**row, "scores": tuple(row["scores"]), "returns": tuple(row["returns"])})
        raise CorruptLogError(f"{self.path}, line {number} is no trial")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[FileIO]:
        """The file, for this process alone as long as it takes."""
        try:
            file = FileIO(self.path, "a+")
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _check(self, file: FileIO) -> int:
        """Its length, after what a process that was killed left half-written has been cut off."""
        head = os.pread(file.fileno(), len(_BEGINS), 0)
        if head != _BEGINS[: len(head)]:
            raise UsageError(f"{self.path} must be a log of schema {SCHEMA}, or not be there")
        size = os.fstat(file.fileno()).st_size
        whole = _behind_last_line(file, size)
        if whole < size:
            os.ftruncate(file.fileno(), whole)
        if whole == 0:
            try:
                whole = _write(file, _line({"schema": SCHEMA, **asdict(self._recorded)}))
            except OSError as error:
                raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error
        return whole


def merged(trials: Sequence[LoggedTrial]) -> dict[str, LoggedTrial]:
    """One a configuration, by its id: of several that which was tried on the most of the time, else the most whole."""
    found: dict[str, LoggedTrial] = {}
    for trial in trials:
        other = found.get(trial.trial_id)
        if other is None or _known(trial) >= _known(other):
            found[trial.trial_id] = trial
    return found


def _known(trial: LoggedTrial) -> tuple[int, bool, int, bool]:
    """Higher where more is known; where nothing was traded, as of models, by state and scores."""
    of_time = sum(one is not None for one in trial.returns)
    return of_time, trial.state == "whole", len(trial.scores), trial.state != "running"


def _behind_last_line(file: FileIO, size: int) -> int:
    """Length of the whole lines of a file of so many bytes; looked for from its end, for it may be long."""
    while size > 0:
        begin = max(size - _BLOCK, 0)
        found = os.pread(file.fileno(), size - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        size = begin
    return 0


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _write(file: FileIO, data: bytes) -> int:
    left = data
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())
    return len(data)
