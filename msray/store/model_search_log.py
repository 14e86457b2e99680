"""``ModelSearchLog``: trials of models in the log of all that was tried on the same rows."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np

from msray.backtest.variants import BINS
from msray.store.trial_log import LoggedTrial, Recorded, TrialLog, merged
from msray.training.config import TrainConfig
from msray.training.rows import TrainingRows
from msray.tuning import FoldScore, Parameters, SearchSpace, Trial
from msray.tuning.models import ModelTuneConfig, having


def recorded_of(tables: Mapping[str, TrainingRows]) -> Recorded:
    """Which rows were tried on, by instrument, whatever is learned from them and however they are parted."""
    digest = hashlib.sha256()
    for name, rows in sorted(tables.items()):
        digest.update(name.encode())
        for array in (rows.mid, rows.event_ns, rows.starts):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    times = np.concatenate([rows.event_ns for rows in tables.values()])
    return Recorded(
        instruments=tuple(sorted(tables)),
        begin_ns=int(times.min()),
        end_ns=int(times.max()) + 1,
        digest=digest.hexdigest()[:32],
    )


class ModelSearchLog:
    """Keeps trials as they come, and knows those that came before.

    Parameters
    ----------
    log
        Of the rows.
    run_id
        Of this run.
    train
        What is learned; of its models, the first is searched.
    config, space
        How, and what may be chosen.
    """

    def __init__(
        self, log: TrialLog, *, run_id: str, train: TrainConfig, config: ModelTuneConfig, space: SearchSpace
    ) -> None:
        self._log, self._run_id, self._model, self._space = log, run_id, train.models[0], space
        axes = {name: axis.model_dump(mode="json") for name, axis in sorted(space.items())}
        learned = [train.columns, train.labels.model_dump(mode="json"), train.parts.model_dump(mode="json")]
        how = config.model_dump(mode="json", exclude={"trials", "space"})
        self.study = _digest(json.dumps((self._model.model_dump_json(), how, axes, learned), sort_keys=True))
        self._own: set[str] = set()

    def begun(self) -> list[Trial]:
        """Trials of this search that other runs of it began."""
        mine = merged([one for one in self._log.read() if one.study == self.study]).values()
        return [
            Trial(
                parameters=dict(one.parameters),
                folds=tuple(FoldScore(score=score) for score in one.scores),
                state=one.state,
                problem=one.problem,
            )
            for one in mine
            if one.parameters.keys() == self._space.keys()
        ]

    def go_on(self, begun: Sequence[Trial]) -> None:
        """Take trials that other runs began for this run's own."""
        self._own |= {self._identify(trial.parameters) for trial in begun}

    @property
    def earlier(self) -> int:
        """How many other models have been tried on the same rows, also by those who run beside this."""
        return len(merged(self._log.read()).keys() - self._own)

    def keep(self, trial: Trial) -> None:
        """Keep what is known of a trial; see :data:`~msray.tuning.Keep`."""
        trial_id = self._identify(trial.parameters)
        self._own.add(trial_id)
        line = LoggedTrial(
            trial_id=trial_id,
            run_id=self._run_id,
            study=self.study,
            strategy=f"model {self._model.name}",
            parameters=trial.parameters,
            state=trial.state,
            scores=tuple(fold.score for fold in trial.folds),
            returns=(None,) * BINS,  # nothing was traded
            problem=trial.problem,
        )
        self._log.append([line])

    def _identify(self, parameters: Parameters) -> str:
        return _digest(f"{self.study} {having(self._model, parameters).model_dump_json()}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
