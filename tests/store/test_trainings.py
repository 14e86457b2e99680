"""Trainings that outlive a kill."""

from pathlib import Path

import numpy as np
import pytest

from msray.errors import UsageError
from msray.store.trainings import TrainingFolder, problem_digest
from msray.training.config import ModelConfig, TrainingConfig
from msray.training.jobs import Job, Trained, run_job
from msray.training.loop import Epoch
from tests.training.made import a_problem, some_rows

QUICK = TrainingConfig(epochs=4, chunk=64, warm_up=8, chunks=4, device="cpu")
JOB = Job(model=ModelConfig(name="gru", network={"cells": 8}, training=QUICK), seed=3)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def a_folder(path: Path) -> TrainingFolder:
    return TrainingFolder(path, problem_digest(a_problem()))


def same(mine: Trained, theirs: Trained) -> None:
    assert (mine.key, mine.name, mine.history, mine.parameters) == (
        theirs.key,
        theirs.name,
        theirs.history,
        theirs.parameters,
    )
    np.testing.assert_array_equal(mine.test, theirs.test)
    np.testing.assert_array_equal(mine.valid, theirs.valid)
    assert mine.weights.keys() == theirs.weights.keys()
    for name, array in mine.weights.items():
        np.testing.assert_array_equal(array, theirs.weights[name])


@pytest.mark.parametrize("after", [1, 3])
def test_one_that_was_killed_goes_on_and_gives_the_same(tmp_path: Path, after: int) -> None:
    epochs: list[int] = []

    def kill(epoch: Epoch) -> None:
        epochs.append(epoch.number)
        if len(epochs) == after:
            raise Killed

    with pytest.raises(Killed):
        a_folder(tmp_path).run(a_problem(), JOB, kill)
    found = a_folder(tmp_path).run(a_problem(), JOB, kill)

    assert epochs == [1, 2, 3, 4]
    same(found, run_job(a_problem(), JOB))


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    done = a_folder(tmp_path).run(a_problem(), JOB)

    again = a_folder(tmp_path).run(a_problem(), JOB, lambda _: pytest.fail("trained again"))

    same(again, done)
    assert [file.name for file in tmp_path.rglob("*.*")] == ["trained.npz"]


@pytest.mark.parametrize("file", ["trained.npz", "progress.pt"])
@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nothing of this can be read"])
def test_what_cannot_be_read_is_done_again(tmp_path: Path, file: str, damage: bytes) -> None:
    done = a_folder(tmp_path).run(a_problem(), JOB)
    (place,) = tmp_path.iterdir()
    (place / "trained.npz").unlink()
    (place / file).write_bytes(damage)

    same(a_folder(tmp_path).run(a_problem(), JOB), done)


def test_other_rows_or_words_are_another_training(tmp_path: Path) -> None:
    problem = a_problem(some_rows(seed=5))
    changed = Job(model=JOB.model.model_copy(update={"training": QUICK.model_copy(update={"epochs": 2})}), seed=3)

    a_folder(tmp_path).run(a_problem(), JOB)
    TrainingFolder(tmp_path, problem_digest(problem)).run(problem, JOB)
    a_folder(tmp_path).run(a_problem(), changed)
    a_folder(tmp_path).run(a_problem(), Job(model=JOB.model, seed=4))

    assert len(list(tmp_path.iterdir())) == 4


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot write"):
        a_folder(tmp_path / "file").run(a_problem(), JOB)
