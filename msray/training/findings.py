"""What a model says, looked into: whether its chances keep their word, and what following it would have brought."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from msray.evaluation import ReliabilityDiagram, reliability_diagram
from msray.models.classes import DOWN, NO_LABEL, UP
from msray.training.fit import Problem
from msray.training.judging import Said
from msray.training.labels import changes
from msray.training.parts import Part

DECILES = 10
_POINTS = 50
_BPS = 1e4
_FROM_MID: Mapping[str, Literal["next_mean_over_mid", "later_mid_over_mid"]] = {
    "next_mean_over_last_mean": "next_mean_over_mid",
    "later_mean_over_last_mean": "later_mid_over_mid",
}
"""Where labels compare with a mean that is past: what compares with the mid instead."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edge:
    """What following the likelier direction brings, in ten groups of rows: the least sure first.

    Attributes
    ----------
    bps
        Mean change in the direction that was said, from the mid of the row on: from a mean that is past none can trade.
    half_spread_bps
        Mean of half the spread at those of them where it is known, which is what crossing it once costs.
    right
        Share of the right directions among rows that moved; NaN where none did.
    """

    bps: Floats
    half_spread_bps: Floats
    right: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """One model at one horizon.

    Attributes
    ----------
    horizon
        Rows ahead.
    reliability
        Chances of the likeliest class beside how often it came.
    covered, wrong
        Share of the rows, the surest first, and the share of them whose likeliest class did not come.
    confusion
        ``(3, 3)`` rows by what came and what was said: down, flat, up.
    edge
        See there.
    """

    horizon: int
    reliability: ReliabilityDiagram
    covered: Floats
    wrong: Floats
    confusion: NDArray[np.int64]
    edge: Edge

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "horizon": self.horizon,
            "reliability": {
                "share": self.reliability.share.tolist(),
                "probability": self.reliability.probability.tolist(),
                "frequency": self.reliability.frequency.tolist(),
            },
            "risk_coverage": {"covered": self.covered.tolist(), "wrong": self.wrong.tolist()},
            "confusion": self.confusion.tolist(),
            "edge": {
                "bps": self.edge.bps.tolist(),
                "half_spread_bps": self.edge.half_spread_bps.tolist(),
                "right": self.edge.right.tolist(),
            },
        }


def look_into(problem: Problem, part: Part, said: Said) -> tuple[Finding, ...]:
    """Findings about what a model says of a part, horizon by horizon; of rows it speaks of alone.

    Parameters
    ----------
    problem
        What was predicted; ``labels`` of the part must hold some at each horizon.
    part
        Whose rows.
    said
        With chances.
    """
    truth, change = problem.of(part)[slice(*part)], _change_from_mid(problem)[slice(*part)]
    half_spread = _half_spread_bps(problem)[slice(*part)]
    assert said.chances is not None
    findings = []
    for column, horizon in enumerate(problem.config.horizons):
        known = (truth[:, column] != NO_LABEL) & (said.classes[:, column] != NO_LABEL)
        true, chances = truth[known, column], said.chances[known, column]
        is_right = chances.argmax(axis=1) == true
        covered, wrong = _risk(chances.max(axis=1), is_right)
        findings.append(
            Finding(
                horizon=horizon,
                reliability=reliability_diagram(chances.max(axis=1), is_right),
                covered=covered,
                wrong=wrong,
                confusion=np.bincount(3 * true + said.classes[known, column], minlength=9).reshape(3, 3),
                edge=_edge(chances, true, change[known, column] * _BPS, half_spread[known]),
            )
        )
    return tuple(findings)


def _risk(stated: Floats, is_right: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    order = np.argsort(-stated, kind="stable")
    wrong = np.cumsum(~is_right[order]) / np.arange(1, len(order) + 1)
    at = np.unique(np.ceil(np.linspace(0.02, 1.0, _POINTS) * len(order)).astype(np.int64)) - 1
    return (at + 1) / len(order), wrong[at]


def _edge(chances: Floats, true: NDArray[np.int64], change_bps: Floats, half_spread_bps: Floats) -> Edge:
    lean = chances[:, UP] - chances[:, DOWN]
    signed = np.sign(lean) * change_bps
    groups = [one for one in np.array_split(np.argsort(np.abs(lean), kind="stable"), DECILES) if len(one)]
    right = []
    for rows in groups:
        moved = rows[(true[rows] == UP) | (true[rows] == DOWN)]
        right.append(float(((lean[moved] > 0) == (true[moved] == UP)).mean()) if len(moved) else np.nan)
    return Edge(
        bps=np.array([signed[rows].mean() for rows in groups]),
        half_spread_bps=np.array([_mean_of_known(half_spread_bps[rows]) for rows in groups]),
        right=np.array(right),
    )


def _change_from_mid(problem: Problem) -> Floats:
    """``(n, h)`` of all rows, whatever their labels compare with."""
    family = _FROM_MID.get(problem.config.family)
    found = (
        problem.found if family is None else changes(problem.rows, problem.config.model_copy(update={"family": family}))
    )
    return found.change


def _mean_of_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _half_spread_bps(problem: Problem) -> Floats:
    """Of each row, as far as a feature tells it."""
    for name, share in (("ask_price_bps_l1", 1.0), ("spread_bps", 0.5)):
        if name in problem.rows.names:
            return problem.rows.values[:, problem.rows.names.index(name)].astype(np.float64) * share
    return np.full(len(problem.rows), np.nan)
