"""Trainings that outlive a kill: what is done is on the disk, and what is under way goes on from its last epoch.

::

    trainings/3fa2c1d0.../        digest of the rows, the labels and the job
        progress.pt               where a training stands, after each epoch
        trained.npz               what it came to; progress.pt is gone then
"""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from msray.errors import UsageError
from msray.store.durable import write_over
from msray.training.fit import Problem
from msray.training.jobs import Job, Trained, run_job
from msray.training.loop import Epoch, Progress

_DONE, _UNDER_WAY = "trained.npz", "progress.pt"
_WEIGHT = "weight:"


def problem_digest(problem: Problem) -> str:
    """64 hexadecimal digits of rows, labels and parts."""
    digest = hashlib.sha256()
    rows = problem.rows
    digest.update(repr((rows.names, problem.parts, problem.thresholds)).encode())
    digest.update(problem.config.model_dump_json().encode())
    for array in (rows.values, rows.mid, rows.event_ns, rows.starts):
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


class TrainingFolder:
    """Keeps trainings on the disk.

    Parameters
    ----------
    path
        Made if missing.
    problem_digest
        Of what is trained on; trainings on anything else are not seen.
    """

    def __init__(self, path: Path, problem_digest: str) -> None:
        self._path, self._problem = path, problem_digest

    def run(self, problem: Problem, job: Job, on_epoch: Callable[[Epoch], None] = lambda _: None) -> Trained:
        """Run a job, or go on with it, or give what it came to before."""
        folder = self._folder(job)
        done = self._done(folder)
        if done is not None:
            return done

        def keep(progress: Progress) -> None:
            _write(folder / _UNDER_WAY, progress.write)
            on_epoch(progress.history[-1])

        trained = run_job(problem, job, begun=self._begun(folder), keep=keep)
        _write(folder / _DONE, lambda file: _save_trained(trained, file))
        (folder / _UNDER_WAY).unlink(missing_ok=True)
        return trained

    def begun(self, job: Job) -> tuple[Epoch, ...]:
        """Epochs of a job that are done."""
        folder = self._folder(job)
        done, begun = self._done(folder), None
        if done is None:
            begun = self._begun(folder)
        return done.history if done else tuple(begun.history) if begun else ()

    def forget(self, job: Job) -> None:
        """Take away what is kept of a job."""
        shutil.rmtree(self._folder(job), ignore_errors=True)

    def _folder(self, job: Job) -> Path:
        said = f"{self._problem} {job.seed} {job.model.model_copy(update={'seeds': 1}).model_dump_json()}"
        folder = self._path / hashlib.sha256(said.encode()).hexdigest()[:32]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {folder}: {error.strerror}") from error
        return folder

    def _done(self, folder: Path) -> Trained | None:
        try:
            with np.load(folder / _DONE, allow_pickle=False) as arrays:
                words = json.loads(str(arrays["words"]))
                return Trained(
                    key=words["key"],
                    name=words["name"],
                    seed=words["seed"],
                    weights={
                        name.removeprefix(_WEIGHT): arrays[name] for name in arrays.files if name.startswith(_WEIGHT)
                    },
                    history=tuple(Epoch(**epoch) for epoch in words["history"]),
                    valid=arrays["valid"],
                    test=arrays["test"],
                    parameters=words["parameters"],
                )
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None  # not there, or not whole: it is trained again, and written over

    def _begun(self, folder: Path) -> Progress | None:
        try:
            with (folder / _UNDER_WAY).open("rb") as file:
                return Progress.read(file)
        except (FileNotFoundError, UsageError):
            return None  # begun anew


def _save_trained(trained: Trained, file: BinaryIO) -> None:
    words = {
        "key": trained.key,
        "name": trained.name,
        "seed": trained.seed,
        "parameters": trained.parameters,
        "history": [asdict(epoch) for epoch in trained.history],
    }
    weights: dict[str, Any] = {_WEIGHT + name: array for name, array in trained.weights.items()}
    np.savez(file, words=np.array(json.dumps(words)), valid=trained.valid, test=trained.test, **weights)


def _write(path: Path, save: Callable[[BinaryIO], None]) -> None:
    """Write a file whole or not at all."""
    data = io.BytesIO()
    save(data)
    try:
        write_over(path, data.getvalue())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
