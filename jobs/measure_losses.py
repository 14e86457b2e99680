"""What each loss is worth to a GRU: cross-entropy alone, and with a share of the others, on Shanghai's rebar future.

All are stopped, tempered and compared on the rows that choose (2025-06-06), so that no variant looks at those that
judge: good for telling losses apart, too good for anything else.

    python jobs/measure_losses.py [--json] [--seeds 3] [--sets shfe,goog]
"""

import statistics
import sys
from collections.abc import Iterator

from figures import Figure, arguments, report
from model_sets import SETS, problems

from msray.models.mixture import fit_mixture
from msray.training.config import LossWeights, ModelConfig, TrainingConfig
from msray.training.fit import Problem
from msray.training.jobs import Job, run_job, use_one_thread
from msray.training.judging import Said, judge

LOSSES = {
    "cross-entropy": LossWeights(),
    "with MSE": LossWeights(mse=0.5),
    "with directional": LossWeights(directional=0.5),
    "with Sharpe": LossWeights(sharpe=0.1),
    "with all": LossWeights(mse=0.5, directional=0.5, sharpe=0.1),
    "directional alone": LossWeights(cross_entropy=0.0, directional=1.0),
}


def main() -> int:
    """Train each with each seed."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each")
    parser.add_argument("--sets", default="shfe", help="which rows")
    said = parser.parse_args()
    use_one_thread()
    figures: list[Figure] = []
    for name, problem in problems(said.sets, said.data):
        figures += _figures(name, problem, said.seeds)
    return report(figures, as_json=said.json)


def _figures(name: str, problem: Problem, seeds: int) -> Iterator[Figure]:
    found = {loss: [_scores(problem, weights, seed) for seed in range(seeds)] for loss, weights in LOSSES.items()}
    plain = found["cross-entropy"]
    for loss, scores in found.items():
        for column, horizon in enumerate(problem.config.horizons):
            mine = [one[column] for one in scores]
            yield Figure(
                name=f"{name} k={horizon} {loss}",
                value=statistics.mean(mine),
                unit="macro F1",
                how=f"{SETS[name]}; on the rows that choose, {seeds} seeds, {min(mine):.3f} to {max(mine):.3f}",
                op=">=",
                beside={} if scores is plain else {"cross-entropy": statistics.mean(one[column] for one in plain)},
            )


def _scores(problem: Problem, weights: LossWeights, seed: int) -> list[float]:
    """Macro F1 on the rows that choose, a figure a horizon."""
    trained = run_job(problem, Job(model=ModelConfig(name="gru", training=TrainingConfig(losses=weights)), seed=seed))
    given, part = {"gru": trained.valid}, problem.parts.valid
    mixture = fit_mixture(given, problem.of(part)[slice(*part)])
    said = Said.by(mixture, given)
    found = [one.macro_f1 for one in judge(problem, part, {"gru": said}).of("gru")]
    sys.stderr.write(f"{weights.chosen}, seed {seed}: {', '.join(f'{score:.3f}' for score in found)}\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
