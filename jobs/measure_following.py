"""How often conformal sets hold the true class when they follow what came, by the step they follow with.

A GRU learns; chances and sets are fitted on the earlier half of the rows that choose, and the sets then follow through
the later half: behind each row with some steps, and behind every 5th, 20th or 60th row with the step that is built in,
as many times as long; through all of it, as if it were one stretch. No row that judges is looked at. ``STEP`` in
``msray/models/conformal.py`` was chosen so.

    python jobs/measure_following.py [--json] [--sets shfe,goog]
"""

import sys
from collections.abc import Iterator

import numpy as np
from figures import Figure, arguments, report
from model_sets import SETS, problems
from numpy.typing import NDArray

from msray.models.classes import NO_LABEL
from msray.models.conformal import STEP, ConformalSets, FollowingSets, fit_sets
from msray.models.mixture import fit_mixture
from msray.training.config import ModelConfig
from msray.training.fit import Problem
from msray.training.jobs import Job, run_job, use_one_thread

STEPS = (0.0003, 0.0005, 0.001, 0.002, 0.004)
EVERY = (5, 20, 60)
PROMISED = 0.9


def main() -> int:
    """Train, and follow."""
    parser = arguments(__doc__)
    parser.add_argument("--sets", default="shfe,goog", help="which rows")
    said = parser.parse_args()
    use_one_thread()
    figures: list[Figure] = []
    for name, problem in problems(said.sets, said.data):
        figures += _figures(name, problem)
    return report(figures, as_json=said.json)


def _figures(name: str, problem: Problem) -> Iterator[Figure]:
    begin, end = problem.parts.valid
    labels, half = problem.of((begin, end))[begin:end], (end - begin) // 2
    scores = run_job(problem, Job(model=ModelConfig(name="gru"), seed=0)).valid
    mixture = fit_mixture({"gru": scores[:half]}, labels[:half])
    sets = fit_sets(mixture.say({"gru": scores[:half]}).chances, labels[:half], PROMISED)
    chances, truth = mixture.say({"gru": scores[half:]}).chances, labels[half:]
    for column, horizon in enumerate(problem.config.horizons):
        of_column = chances[:, column], truth[:, column], horizon, column
        fixed = _held(sets, *of_column, step=0.0)
        variants = {f"step {step:g}": (step, 1) for step in STEPS}
        variants |= {f"step {STEP:g} a row, behind every {every}th row": (STEP, every) for every in EVERY}
        for variant, (step, every) in variants.items():
            held = _held(sets, *of_column, step=step, every=every)
            yield Figure(
                name=f"{name} k={horizon} {variant}: off {PROMISED:.0%}",
                value=100 * abs(held - PROMISED),
                unit="points",
                how=f"{SETS[name]}; later half of the rows that choose, one GRU; held {held:.4f}",
                beside={"as fitted": 100 * abs(fixed - PROMISED)},
            )


def _held(
    sets: ConformalSets,
    chances: NDArray[np.float64],
    truth: NDArray[np.int64],
    horizon: int,
    column: int,
    *,
    step: float,
    every: int = 1,
) -> float:
    """Share of the rows said something of whose set holds the class that came."""
    following, held = FollowingSets(sets, step), []
    for row in range(0, len(truth), every):
        past = row - horizon
        past -= past % every  # the latest row said something of whose horizon has ended
        if past >= 0 and truth[past] != NO_LABEL:
            following.came(column, chances[past], int(truth[past]), every)
        if truth[row] != NO_LABEL:
            held.append(chances[row, truth[row]] >= following.least_chance[column, truth[row]])
    return float(np.mean(held))


if __name__ == "__main__":
    sys.exit(main())
