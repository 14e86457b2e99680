"""What one column is: the description that ``msray features --list`` prints and the tests hold the kernels to."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a feature row.

    Attributes
    ----------
    name
        Column name, the same in tables, configurations and signals.
    unit
        ``quote``, ``base`` (contracts, where the venue trades those), ``bps``, ``ticks``, ``ms``, ``bars``, a range,
        ``1`` for a pure number, a ratio of them, or ``log(1 + ...)`` of one.
    formula
        How it is computed from the symbols of its family's docstring, and when it is NaN.
    source
        Where the measure was published; ``definition`` where it is nobody's.
    family
        The file that lists it.
    clock
        ``exchange``, or ``local`` for the one column that reads the receiver's clock and must never feed a detector.
    """

    name: str
    unit: str
    formula: str
    source: str
    family: str
    clock: Literal["exchange", "local"] = "exchange"
