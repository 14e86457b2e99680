"""Models as the API sees them: a small protocol, so that it neither knows nor cares in which process they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from msray.errors import UnavailableError
from msray.prediction.runner import Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a model was worth at one horizon, on rows that it had not seen, beside the best rule without a network.

    Attributes
    ----------
    horizon
        Rows ahead.
    threshold
        A larger change of the price is up, one below its negative is down; a fraction.
    rows
        That were judged.
    macro_f1, macro_f1_low, macro_f1_high
        With the ends of its interval.
    weighted_f1, mcc, accuracy, ece
        Of the same rows; None where it has none.
    directional
        The three directional accuracies, each with its coverage and base rate.
    floor, floor_macro_f1
        The best rule, and what it was worth.
    lead, lead_low, lead_high
        How much better the model is in macro F1, with the ends of the interval.
    """

    horizon: int
    threshold: float
    rows: int
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    weighted_f1: float
    mcc: float | None
    accuracy: float
    ece: float | None
    directional: Mapping[str, Mapping[str, float | None]]
    floor: str
    floor_macro_f1: float
    lead: float
    lead_low: float
    lead_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """One of the models that are to be served.

    Attributes
    ----------
    words
        How it was asked for: ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``.
    name, alias
        What these words mean; the alias is None where they name a version.
    version, digest
        Of what is served; None where nothing is.
    features
        Columns of the rows that it reads, in order.
    horizons
        Rows ahead.
    windows
        Rows that each member looks at, by its name; None: it goes on row by row.
    worth
        At each horizon.
    problem
        Why it is not served, or not in its newest version; empty where all is well.
    """

    words: str
    name: str
    alias: str | None
    version: int | None = None
    digest: str | None = None
    features: tuple[str, ...] = ()
    horizons: tuple[int, ...] = ()
    windows: Mapping[str, int | None] = field(default_factory=dict)
    worth: tuple[Worth, ...] = ()
    problem: str = ""

    @property
    def is_served(self) -> bool:
        """Whether it can be asked."""
        return self.digest is not None

    @property
    def least_rows(self) -> int:
        """Rows behind which the first of its members has something to say."""
        return min((window or 1 for window in self.windows.values()), default=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """What a model says of windows.

    Attributes
    ----------
    version, digest
        Of the model, which may have changed since its status was seen.
    answers
        One for each window.
    """

    version: int
    digest: str
    answers: Answers


class ModelSource(Protocol):
    """Models that can be asked."""

    def models(self) -> Sequence[ModelStatus]:
        """All that are to be served, kept in this process; asking costs nothing."""
        ...

    async def whole(self, words: str, rows: NDArray[np.float32]) -> Answered:
        """What the model of these words says behind the last row of each window, all rows of it looked at.

        Parameters
        ----------
        words
            As in its status, or its digest: whoever has seen its status asks for the same one, whatever its words
            stand for by now. The one before still answers.
        rows
            ``(windows, rows, features)``; NaN where a feature is not known.

        Raises
        ------
        UnavailableError
            If it is not served now, or not any more.
        """
        ...


class NoModels:
    """The models of a process that has none."""

    def models(self) -> Sequence[ModelStatus]:
        """None."""
        return ()

    async def whole(self, words: str, rows: NDArray[np.float32]) -> Answered:
        """Nothing can be asked."""
        raise UnavailableError("no model is served here", hint="predict.models names those that are")
