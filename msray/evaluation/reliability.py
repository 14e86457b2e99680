"""Whether what is said to happen in seven cases of ten does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_count, checked_numbers
from msray.errors import UsageError
from msray.evaluation.inputs import BINARY, checked_labels, checked_weights
from msray.extras import from_extra

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MOST_BINS = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReliabilityDiagram:
    """Probabilities beside frequencies, bin by bin; bins without a row are left out.

    Attributes
    ----------
    share
        Share of the weight of all rows that is in the bin.
    probability
        Its mean probability.
    frequency
        Its share of hits.
    """

    share: Floats
    probability: Floats
    frequency: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of frequency and probability, by share; 0 to 1."""
        return float(self.share @ np.abs(self.frequency - self.probability))

    def to_pandas(self) -> "pd.DataFrame":
        """One row a bin."""
        with from_extra("research", "to_pandas"):
            import pandas as pd

        return pd.DataFrame({"share": self.share, "probability": self.probability, "frequency": self.frequency})


def reliability_diagram(
    probability: ArrayLike,
    is_hit: ArrayLike,
    *,
    bins: int = 15,
    equal: Literal["width", "mass"] = "width",
    weight: ArrayLike | None = None,
) -> ReliabilityDiagram:
    """Reliability diagram of probabilities.

    Parameters
    ----------
    probability
        0 to 1, one a row; at least one row.
    is_hit
        0 and 1, or booleans: whether it came true.
    bins
        How many, 1 to 1000.
    equal
        ``"width"``: the n-th bin goes from above ``(n - 1) / bins`` to ``n / bins``, the first one from 0.
        ``"mass"``: each bin has the same weight, as far as rows of equal probability, which stay together, allow it.
    weight
        Of the rows, at least 0 each, not all 0.

    Raises
    ------
    UsageError
        If a parameter is out of range, or lengths differ.

    Notes
    -----
    Guo et al. (2017), "On calibration of modern neural networks"; Nguyen and O'Connor (2015) for equal mass.

    Examples
    --------
    >>> diagram = reliability_diagram([0.1, 0.1, 0.8, 0.8], [0, 0, 1, 0], bins=2)
    >>> diagram.share.tolist(), diagram.frequency.tolist(), round(diagram.ece, 4)
    ([0.5, 0.5], [0.0, 0.5], 0.2)
    """
    p = checked_numbers("probability", probability, least=0, most=1)
    hits = checked_labels("is_hit", is_hit, BINARY, rows=len(p))
    w = checked_weights(weight, len(p), some=True)
    checked_count("bins", bins, 1, MOST_BINS)
    if equal not in ("width", "mass"):
        raise UsageError(f"equal must be 'width' or 'mass', got {equal!r}")
    place = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], p) if equal == "width" else _by_mass(p, w, bins)
    mass, said, came = (np.bincount(place, values, bins) for values in (w, w * p, w * hits))
    used = mass > 0.0
    return ReliabilityDiagram(
        share=mass[used] / mass.sum(), probability=said[used] / mass[used], frequency=came[used] / mass[used]
    )


def _by_mass(p: Floats, w: Floats, bins: int) -> NDArray[np.int64]:
    """The bin in which the middle of all rows of the same probability lies."""
    group = np.unique(p, return_inverse=True)[1]
    mass = np.bincount(group, w)
    middle = np.cumsum(mass) - 0.5 * mass
    place: NDArray[np.int64] = np.minimum((bins * middle / mass.sum()).astype(np.int64), bins - 1)[group]
    return place
