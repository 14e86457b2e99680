"""What a member section is told: which detector, its parameters, its threshold."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from msray.detectors import kernels_members as k
from msray.detectors.iid import IID_LINES, PAGE_HINKLEY_DELTA, Lines
from msray.errors import UnknownNameError
from msray.stats import float_bits

CUSUM_ALLOWANCE = 0.5
UNBOUNDED = 2.0**53
"""Bars a baseline may remember where nothing limits it."""
DETECTORS = ("ensemble", *k.MEMBERS)
"""Names of the kinds of detector; the index is the mode of a section."""


def mode_of(detector: str) -> int:
    """Mode of a section for the name of a detector.

    Raises
    ------
    UnknownNameError
        If it is not one of DETECTORS.
    """
    if detector not in DETECTORS:
        raise UnknownNameError("detector", detector, DETECTORS)
    return DETECTORS.index(detector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Parameters of a member section.

    Attributes
    ----------
    mode
        ENSEMBLE, CUSUM, PAGE_HINKLEY or FOCUS of the kernels.
    threshold
        The statistic must exceed it; on the scale of the mode's statistic.
    lines
        Evidence of the three members, for the ensemble.
    cusum_k, head_start
        Allowance of CUSUM and where its sides begin, in standard deviations.
    delta
        Allowance of Page-Hinkley, in standard deviations.
    memory
        Values behind the self-starting baseline of CUSUM at most; 0: its mean is known to be 0.
    known_mean
        Mean before the change, for FOCuS; None if it has to be estimated.
    """

    mode: int
    threshold: float
    lines: Lines = IID_LINES
    cusum_k: float = CUSUM_ALLOWANCE
    head_start: float = 0.0
    delta: float = PAGE_HINKLEY_DELTA
    memory: float = 0.0
    known_mean: float | None = None

    def write(self, arena: NDArray[Any], at: int) -> None:
        """Write a fresh section into ``arena[at : at + SECTION_WORDS]``."""
        words = arena[at : at + k.SECTION_WORDS]
        words[:] = 0
        floats = float_bits(words)
        words[k.MODE] = self.mode
        floats[k.THRESHOLD] = self.threshold
        floats[k.LINES : k.LINES + 6] = [number for line in self.lines for number in line]
        floats[k.BASE_CAP] = self.memory
        floats[k.CUSUM_AT + k.ALLOWANCE] = self.cusum_k
        floats[k.CUSUM_AT + k.START] = self.head_start
        floats[k.PAGE_HINKLEY_AT + k.ALLOWANCE] = self.delta
        if self.known_mean is not None:
            words[k.FOCUS_AT + k.KNOWN_MEAN] = 1
            floats[k.FOCUS_AT + k.PRE_MEAN] = self.known_mean
        k.clear(arena, at)
