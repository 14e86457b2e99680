"""What a search gives: its trials, each a set of parameters with what its folds came to."""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msray.extras import from_extra
from msray.tuning.space import Parameters, Value

if TYPE_CHECKING:
    import pandas as pd

State = Literal["running", "whole", "pruned", "failed"]
"""whole: all folds have a score; pruned: given up, others did better on the same folds; failed: it raised an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScore:
    """What one fold came to.

    Attributes
    ----------
    score
        The larger the better; finite.
    returns
        Of the fold's pieces of time, as fractions of the capital; empty where the search is about something else.
    """

    score: float
    returns: tuple[float, ...] = ()


Objective = Callable[[Parameters], Generator[FoldScore]]
"""What is searched for the best of: the scores of some parameters' folds, each as soon as it is known.

It is closed when nobody wants more of it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set of parameters.

    Attributes
    ----------
    parameters
        By name.
    folds
        What is known of them, in their order.
    state
        How far it is.
    problem
        Why it failed; empty if it did not.
    """

    parameters: Mapping[str, Value]
    folds: tuple[FoldScore, ...] = ()
    state: State = "running"
    problem: str = ""

    @property
    def score(self) -> float:
        """Mean over the folds; NaN before the first."""
        return math.fsum(fold.score for fold in self.folds) / len(self.folds) if self.folds else math.nan


Keep = Callable[[Trial], None]
"""Is told of a trial after each fold and at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """A search that has ended.

    Attributes
    ----------
    trials
        All of them, in the order in which they ended.
    """

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The first of those with the highest score among all that have every fold; None where none has."""
        whole = [trial for trial in self.trials if trial.state == "whole"]
        return max(whole, key=lambda trial: trial.score, default=None)

    def to_pandas(self) -> "pd.DataFrame":
        """A row a trial: ``state``, ``score``, ``folds`` (how many), then the parameters by name."""
        with from_extra("research", "to_pandas"):
            import pandas as pd
        return pd.DataFrame(
            [
                {"state": trial.state, "score": trial.score, "folds": len(trial.folds), **trial.parameters}
                for trial in self.trials
            ]
        )
