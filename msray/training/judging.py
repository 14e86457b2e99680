"""What models are worth, each beside the rules that need none, on the very same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from msray.errors import UnknownNameError, UsageError
from msray.evaluation import DirectionalAccuracy, classification_report, directional_accuracy, stationary_rows
from msray.extras import from_extra
from msray.models.classes import FLAT, NO_LABEL
from msray.models.mixture import Mixture, ScoresByMember
from msray.training.fit import Problem
from msray.training.floors import FLOORS
from msray.training.parts import Part

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 400
BLOCK_HORIZONS = 10
"""Resampled blocks are so many horizons long, on average: labels of neighbouring rows overlap."""
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model says of the rows of a part.

    Attributes
    ----------
    classes
        ``(n, h)`` int64; :data:`~msray.models.classes.NO_LABEL` where it says nothing.
    chances
        ``(n, h, 3)``; None for a rule.
    """

    classes: NDArray[np.int64]
    chances: NDArray[np.float64] | None = None

    @classmethod
    def by(cls, mixture: Mixture, scores: ScoresByMember) -> Self:
        """What a model says, from the scores of its members."""
        spoken = mixture.say(scores)
        return cls(classes=spoken.classes, chances=spoken.chances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One model, or rule, at one horizon.

    Attributes
    ----------
    name, horizon
        Whose they are, and how many rows it looks ahead.
    is_floor
        Whether it is a rule without a network.
    rows
        That were judged: the same for all at this horizon.
    macro_f1, macro_f1_low, macro_f1_high
        And its interval of 95 %, by stationary bootstrap.
    weighted_f1, mcc, accuracy
        On the same rows.
    directional
        In its three forms, with coverage and base rate.
    ece
        Expected calibration error over 15 bins; NaN for a rule.
    """

    name: str
    horizon: int
    is_floor: bool
    rows: int
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    weighted_f1: float
    mcc: float
    accuracy: float
    directional: DirectionalAccuracy
    ece: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much better one is than another, on the same rows.

    Attributes
    ----------
    horizon
        Rows ahead.
    macro_f1, low, high
        Difference of the macro F1, and its interval of 95 %: both are judged on the same resampled rows.
    """

    horizon: int
    macro_f1: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelReport:
    """Models beside the floors of their labels.

    Attributes
    ----------
    family, horizons, thresholds
        What was predicted.
    figures
        All models and all floors, by horizon.
    """

    family: str
    horizons: tuple[int, ...]
    thresholds: tuple[float, ...]
    figures: tuple[Figures, ...]
    _hits: Mapping[str, Sequence["_Counted"]]

    def __post_init__(self) -> None:
        missing = set(FLOORS) - {one.name for one in self.figures if one.is_floor}
        if missing:
            raise UsageError(f"a report must show every floor of its labels, {', '.join(sorted(missing))} not left out")

    def beside(self, name: str, other: str) -> list[Difference]:
        """How much better a model is than another one or a rule, a difference a horizon.

        Raises
        ------
        UnknownNameError
            If the report has no such name.
        """
        for one in (name, other):
            if one not in self._hits:
                raise UnknownNameError("model", one, self._hits)
        found = []
        for k, mine, theirs in zip(self.horizons, self._hits[name], self._hits[other], strict=True):
            low, high = np.percentile(mine.drawn - theirs.drawn, _PERCENTILES).tolist()
            found.append(Difference(horizon=k, macro_f1=mine.macro_f1 - theirs.macro_f1, low=low, high=high))
        return found

    def of(self, name: str) -> list[Figures]:
        """What a model, or rule, is worth: one a horizon."""
        return [one for one in self.figures if one.name == name]

    def best_floor(self, horizon: int) -> Figures:
        """The rule with the highest macro F1."""
        return max(
            (one for one in self.figures if one.is_floor and one.horizon == horizon), key=lambda one: one.macro_f1
        )

    def leads(self, name: str) -> list[Difference]:
        """How much better a model is than the best rule: one a horizon."""
        return [self.beside(name, self.best_floor(k).name)[number] for number, k in enumerate(self.horizons)]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "family": self.family,
            "horizons": list(self.horizons),
            "thresholds": list(self.thresholds),
            "figures": [asdict(one) for one in self.figures],
        }

    def to_pandas(self) -> "pd.DataFrame":
        """A row a model and horizon; the three directional accuracies with coverage and base rate in columns."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        rows = []
        for one in self.figures:
            row = {name: value for name, value in asdict(one).items() if name != "directional"}
            for form, score in asdict(one.directional).items():
                row |= {f"{form}_{name}": score[name] for name in ("accuracy", "coverage", "base_rate")}
            rows.append(row)
        return pd.DataFrame(rows)


def judge(problem: Problem, part: Part, models: Mapping[str, Said], *, seed: int = 0) -> ModelReport:
    """Judge models beside all floors.

    Parameters
    ----------
    problem
        What was predicted.
    part
        Whose rows are judged; labels that look at what is behind it do not count.
    models
        What each says of the part's rows, by its name. Rows of which any of them says nothing are judged of none.
    seed
        Of the resampling.

    Raises
    ------
    UsageError
        If a name is that of a floor, or no row is left at a horizon.
    """
    for name in set(models) & set(FLOORS):
        raise UsageError(f"names of models must differ from those of the floors, got {name}")
    truth = problem.of(part)[slice(*part)]
    learned = problem.of(problem.parts.train)
    said = dict(models)
    for name, rule in FLOORS.items():
        said[name] = Said(classes=rule(problem.rows, problem.config, problem.thresholds, learned)[slice(*part)])
    rng = np.random.default_rng(seed)
    figures: list[Figures] = []
    hits: dict[str, list[_Counted]] = {name: [] for name in said}
    for column, k in enumerate(problem.config.horizons):
        known = truth[:, column] != NO_LABEL
        for one in said.values():
            known &= one.classes[:, column] != NO_LABEL
        if not known.any():
            raise UsageError(f"rows to judge must hold labels of horizon {k}, got none in {part[1] - part[0]} rows")
        true = truth[known, column]
        block = min(float(BLOCK_HORIZONS * k), len(true) / 2) if len(true) > 2 else 1.0
        draws = [stationary_rows(len(true), max(block, 1.0), rng) for _ in range(DRAWS)]
        for name, one in said.items():
            hits[name].append(_counted(true, one.classes[known, column], draws))
            chances = None if one.chances is None else one.chances[known, column]
            figures.append(_figures(name, k, true, one.classes[known, column], chances, hits[name][-1]))
    return ModelReport(
        family=problem.config.family,
        horizons=problem.config.horizons,
        thresholds=problem.thresholds,
        figures=tuple(figures),
        _hits=hits,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Macro F1 of the rows, and of each resampling of them."""

    macro_f1: float
    drawn: NDArray[np.float64]


def _counted(true: NDArray[np.int64], said: NDArray[np.int64], draws: Sequence[NDArray[np.int64]]) -> _Counted:
    pairs = 3 * true + said
    drawn = np.array([_macro_f1(np.bincount(pairs[rows], minlength=9)) for rows in draws])
    return _Counted(_macro_f1(np.bincount(pairs, minlength=9)), drawn)


def _macro_f1(pairs: NDArray[np.int64]) -> float:
    table = pairs.reshape(3, 3)
    both = table.sum(axis=0) + table.sum(axis=1)
    return float((2.0 * np.diag(table) / np.maximum(both, 1))[both > 0].mean())


def _figures(
    name: str,
    horizon: int,
    true: NDArray[np.int64],
    said: NDArray[np.int64],
    chances: NDArray[np.float64] | None,
    counted: _Counted,
) -> Figures:
    directions, told = true - FLAT, said - FLAT
    report = classification_report(directions, told, chances)
    low, high = np.percentile(counted.drawn, _PERCENTILES).tolist()
    return Figures(
        name=name,
        horizon=horizon,
        is_floor=name in FLOORS,
        rows=len(true),
        macro_f1=counted.macro_f1,
        macro_f1_low=low,
        macro_f1_high=high,
        weighted_f1=report.weighted_f1,
        mcc=report.mcc,
        accuracy=report.accuracy,
        directional=directional_accuracy(directions, told),
        ece=float("nan") if report.probability is None else report.probability.ece_width,
    )
