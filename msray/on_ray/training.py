"""``TrainingOrchestrator``: models and seeds trained side by side on a cluster, then weighed and judged.

Each training is a task. Where it stands is written after each epoch into a folder that all nodes see, so that a task
whose worker dies, or a whole training that was interrupted, goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.queue import Queue

from msray.on_ray.calls import answer_now
from msray.on_ray.side_by_side import need_cluster, share_of_gpu
from msray.store.trainings import TrainingFolder, problem_digest
from msray.training.config import TrainConfig
from msray.training.fit import Problem, pose_walked
from msray.training.jobs import Job, Trained, make_jobs, use_one_thread
from msray.training.loop import Epoch
from msray.training.report import TrainReport, make_report
from msray.training.rows import TrainingRows

RETRIES = 3
"""So often does a training go on with another worker when its own dies."""
ASKED_S = 0.5
"""How often it is asked what epochs have ended."""

Told = Callable[[Job, Epoch], None]


class TrainingOrchestrator:
    """Trains all models that a configuration names, on the same rows.

    Parameters
    ----------
    folder
        Where trainings are kept while they run; the same on all nodes.

    Examples
    --------
    On a cluster that was joined (``msray.on_ray.session``)::

        rows = read_training_rows(open_replay([Path("btcusdt.gz")]), TrainConfig().columns)
        report = TrainingOrchestrator(Path("runs/trainings")).train(TrainConfig(), rows)
        report.verdict, report.selection.report.to_pandas()
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def train(
        self, config: TrainConfig, rows: Mapping[str, TrainingRows], told: Told = lambda _, __: None
    ) -> TrainReport:
        """Train, choose, judge.

        Parameters
        ----------
        config
            What is trained.
        rows
            By instrument id, with the columns of ``config``.
        told
            Is told of each epoch when it has ended, of those too that had ended before an interrupt.

        Raises
        ------
        UsageError
            If the rows cannot be parted or labelled as asked, a model cannot learn from them, or the folder cannot be
            written.
        UnavailableError
            If no cluster has been joined, or the workers of one training died again and again.
        """
        problems = pose_walked(config, list(rows.values()))
        jobs = make_jobs(config)
        kept = [self._kept(problem) for problem in problems]
        works = [
            Work(problem=problem, job=job, kept=folder)
            for problem, folder in zip(problems, kept, strict=True)
            for job in jobs
        ]
        trained = run_on_ray(works, told)
        each = [trained[at : at + len(jobs)] for at in range(0, len(trained), len(jobs))]
        earlier = reversed(list(zip(problems[1:], each[1:], strict=True)))
        return make_report(config, list(rows), problems[0], each[0], earlier)

    def forget(self, report: TrainReport) -> None:
        """Take away what was kept of trainings that are done."""
        for problem in (report.problem, *(one.problem for one in report.earlier)):
            kept = self._kept(problem)
            for job in make_jobs(report.config):
                kept.forget(job)

    def _kept(self, problem: Problem) -> TrainingFolder:
        return TrainingFolder(self.folder, problem_digest(problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A training, and what it learns from.

    Attributes
    ----------
    problem, job
        See :func:`~msray.training.jobs.run_job`.
    kept
        Where it is kept.
    """

    problem: Problem
    job: Job
    kept: TrainingFolder


def run_on_ray(works: Sequence[Work], told: Told) -> list[Trained]:
    """Run trainings side by side; what each came to, in their order. See :class:`TrainingOrchestrator`."""
    need_cluster("training")
    for one in works:
        for epoch in one.kept.begun(one.job):
            told(one.job, epoch)
    problems = {id(one.problem): one.problem for one in works}
    put, heard = {which: ray.put(problem) for which, problem in problems.items()}, Queue(actor_options={"num_cpus": 0})
    queue: Any = heard.actor  # asked as any actor is: with our own errors, and not for ever
    work = _train.options(num_gpus=share_of_gpu())
    running = {
        work.remote(put[id(one.problem)], one.kept, one.job, number, heard): number for number, one in enumerate(works)
    }
    found: dict[int, Trained] = {}
    try:
        while running:
            ended, _ = ray.wait(list(running), num_returns=len(running), timeout=ASKED_S)
            for number, epoch in answer_now(queue.get_nowait_batch.remote(answer_now(queue.qsize.remote()))):
                told(works[number].job, Epoch(**epoch))
            for task in ended:
                found[running[task]] = answer_now(task, None)
                del running[task]
    finally:
        for task in running:
            ray.cancel(task, force=True)  # in the middle of an epoch nothing listens
        heard.shutdown(force=True)
    return [found[number] for number in range(len(works))]


def _train_one(problem: Problem, kept: TrainingFolder, job: Job, number: int, heard: Queue) -> Trained:
    use_one_thread()
    # As a dict: to read an Epoch, the queue's own process would have to load all that trains.
    return kept.run(problem, job, lambda epoch: heard.put_nowait((number, asdict(epoch))))


_train: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(_train_one)
