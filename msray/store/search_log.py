"""``SearchLog``: the trials of one search in the log of all that was tried on the same recordings."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from msray.store.trial_log import LoggedTrial, TrialLog, merged
from msray.tuning import FoldScore, HeldOut, Parameters, SearchSpace, Trial, Windows, on_axis


class SearchLog:
    """Keeps trials as they come, and knows those that came before.

    Parameters
    ----------
    log
        Of the recordings.
    run_id, study
        Of this run, and of the search that it begins or goes on with.
    strategy
        By its name.
    space, windows
        What can be chosen, and where it is tried.
    identify
        The id of the configuration that some parameters mean.
    """

    def __init__(
        self,
        log: TrialLog,
        *,
        run_id: str,
        study: str,
        strategy: str,
        space: SearchSpace,
        windows: Windows,
        identify: Callable[[Parameters], str],
    ) -> None:
        self._log, self._run_id, self._study, self._strategy = log, run_id, study, strategy
        self._space, self._windows, self._identify = space, windows, identify
        self._before = log.read()
        self._own: set[str] = set()

    def begun(self) -> list[Trial]:
        """Trials of this search that other runs of it began, the last fold that is known of each among them."""
        mine = merged([one for one in self._before if one.study == self._study])
        found = [self._trial(one) for one in mine.values() if one.parameters.keys() == self._space.keys()]
        self._own |= {self._identify(trial.parameters) for trial in found}
        return found

    def keep(self, trial: Trial) -> None:
        """Keep what is known of a trial; see :data:`~msray.tuning.Keep`."""
        self._append(trial, on_axis(trial, self._windows))

    def keep_held_out(self, trial: Trial, held_out: HeldOut) -> None:
        """Keep what a trial did on the part that none had seen: whoever looks once more, knows it."""
        returns = on_axis(trial, self._windows)
        returns[slice(*self._windows.held_out.bins)] = held_out.score.returns
        self._append(trial, returns)

    @property
    def earlier(self) -> list[NDArray[np.float64]]:
        """Returns of whatever else has been tried, also by those who run beside this."""
        return [one.on_axis for name, one in merged(self._log.read()).items() if name not in self._own]

    @property
    def looks(self) -> int:
        """How many other runs have looked at the part that is held out."""
        first = self._windows.held_out.bins[0]
        others = (one for one in self._log.read() if one.run_id != self._run_id)
        return len({one.run_id for one in others if any(value is not None for value in one.returns[first:])})

    def _append(self, trial: Trial, returns: NDArray[np.float64]) -> None:
        trial_id = self._identify(trial.parameters)
        self._own.add(trial_id)
        line = LoggedTrial(
            trial_id=trial_id,
            run_id=self._run_id,
            study=self._study,
            strategy=self._strategy,
            parameters=trial.parameters,
            state=trial.state,
            scores=tuple(fold.score for fold in trial.folds),
            returns=tuple(None if np.isnan(one) else one for one in returns.tolist()),
            problem=trial.problem,
        )
        self._log.append([line])

    def _trial(self, one: LoggedTrial) -> Trial:
        returns = one.on_axis
        folds = tuple(
            FoldScore(score=score, returns=tuple(returns[slice(*window.bins)].tolist()))
            for score, window in zip(one.scores, self._windows.folds, strict=False)
        )
        return Trial(parameters=dict(one.parameters), folds=folds, state=one.state, problem=one.problem)
