"""Training on a cluster: the same as one after the other, and what a kill leaves is gone on from."""

from pathlib import Path

import numpy as np
import pytest

from msray import TrainingOrchestrator
from msray.errors import UnavailableError, UsageError
from msray.store.trainings import TrainingFolder, problem_digest
from msray.training.fit import pose
from msray.training.jobs import Job, make_jobs
from msray.training.loop import Epoch
from tests.training.made import TRAINED, a_report, known_rows

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]
ROWS = {"binance_usdm:BTCUSDT": known_rows()}


def test_without_a_cluster_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="training needs a cluster, and none has been joined"):
        TrainingOrchestrator(tmp_path).train(TRAINED, ROWS)


@pytest.mark.usefixtures("joined")
def test_side_by_side_they_come_to_the_same_as_one_after_the_other(tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []

    report = TrainingOrchestrator(tmp_path).train(
        TRAINED, ROWS, lambda job, epoch: heard.append((job.key, epoch.number))
    )

    assert report.verdict == a_report().verdict
    assert [one.history for one in report.trained] == [one.history for one in a_report().trained]
    np.testing.assert_array_equal(report.trained[1].test, a_report().trained[1].test)
    assert set(heard) <= {(one.key, epoch.number) for one in report.trained for epoch in one.history}
    assert len(list(tmp_path.iterdir())) == 3
    TrainingOrchestrator(tmp_path).forget(report)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("joined")
def test_it_goes_on_from_the_last_epoch_that_was_kept(tmp_path: Path) -> None:
    problem, job = pose(TRAINED, [known_rows()]), make_jobs(TRAINED)[0]
    kept = TrainingFolder(tmp_path, problem_digest(problem))
    heard: list[tuple[str, int]] = []

    def killed(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.run(problem, job, killed)

    def told(one: Job, epoch: Epoch) -> None:
        heard.append((one.key, epoch.number))

    report = TrainingOrchestrator(tmp_path).train(TRAINED, ROWS, told)

    assert heard[:2] == [("gru-0", 1), ("gru-0", 2)]
    assert report.trained[0].history == a_report().trained[0].history
    np.testing.assert_array_equal(report.trained[0].test, a_report().trained[0].test)


@pytest.mark.usefixtures("joined")
def test_what_cannot_be_trained_is_said_in_our_words(tmp_path: Path) -> None:
    model = TRAINED.models[1].model_copy(update={"network": {"window": 4000}})

    with pytest.raises(UsageError, match="rows to learn from must hold a whole chunk or window, got 720 rows"):
        TrainingOrchestrator(tmp_path).train(TRAINED.model_copy(update={"models": (model,)}), ROWS)
