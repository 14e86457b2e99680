"""How often networks over windows say the direction right, beside a GRU and the rules, and how long they learn.

`DirectionalLSTM` (2.5 million parameters), `TransformerModel` (small) and `LSTMModel` come from an earlier system,
which told of them 78.0, 67.7 and 61.2 % while training, 63.3, 67.7 and 58.5 % when tested, and of 24 s of training,
without base rates, coverage or data. Here each learns from every 16th window of the same rows (all of them would take
a day of a core), is chosen on later ones, and judged once on all of the last: on a made-up market, on Shanghai's
rebar future and on GOOG.

Directional accuracy without more means nothing: `moved` is the share of the rows whose mid moved where the right
direction was said, `committed` that of the rows where a direction was said and one came, `all` that of all rows, flat
ones too. Each stands beside what always saying the commonest of these classes would reach, with the share of rows it
speaks of in `how`.

    python jobs/measure_directional.py [--json] [--sets made_up,shfe,goog] [--networks directional,transformer,lstm,gru]
"""

import sys
import time
from collections.abc import Iterator

from figures import Figure, arguments, report
from model_sets import SETS, problems

from msray.models.catalog import entry
from msray.models.mixture import fit_mixture
from msray.training.config import TrainingConfig
from msray.training.fit import Problem, fit
from msray.training.jobs import use_one_thread
from msray.training.judging import Figures, ModelReport, Said, judge

TRAINING = TrainingConfig(learning_rate=1e-3, epochs=6, patience=2, stride=16, windows=64)
"""Of networks over windows."""
CLAIMED = {"directional": (0.780, 0.633), "transformer": (0.677, 0.677), "lstm": (0.612, 0.585)}
"""Directional accuracy while training, and tested."""
CLAIMED_S = 24.0
FORMS = ("moved", "committed", "all")


def main() -> int:
    """Train and judge."""
    parser = arguments(__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help="which of them")
    parser.add_argument("--networks", default=",".join([*CLAIMED, "gru"]), help="which of them")
    said = parser.parse_args()
    use_one_thread()
    figures: list[Figure] = []
    for name, problem in problems(said.sets, said.data):
        figures += _figures(name, problem, said.networks.split(","))
    return report(figures, as_json=said.json)


def _figures(name: str, problem: Problem, networks: list[str]) -> Iterator[Figure]:
    said: dict[str, Said] = {}
    for network in networks:
        seconds, size, said[network] = _trained(problem, network)
        rows = problem.parts.train[1] - problem.parts.train[0]
        yield Figure(
            name=f"{name} {network}: training",
            value=seconds,
            unit="s",
            how=f"CPU time of one core, {size:,} parameters, {rows} rows to learn from, one seed",
            beside={"claimed": CLAIMED_S} if network == "directional" else {},
        )
    judged = judge(problem, problem.parts.test, said)
    for network in said:
        for one in judged.of(network):
            yield from _at(name, one, judged)


def _at(name: str, one: Figures, judged: ModelReport) -> Iterator[Figure]:
    at, floor = f"{name} {one.name} k={one.horizon}", judged.best_floor(one.horizon)
    how = f"{SETS[name]}; {one.rows} rows judged, one seed"
    for form in FORMS:
        score = getattr(one.directional, form)
        claimed = dict(zip(("claimed, training", "claimed"), CLAIMED.get(one.name, ()), strict=False))
        yield Figure(
            name=f"{at} {form}",
            value=score.accuracy,
            unit="",
            how=f"{how}; speaks of {score.coverage:.3f}, 95 % {score.low:.3f} to {score.high:.3f}",
            op=">=",
            beside={"base rate": score.base_rate, **claimed},
        )
    told = f"{how}; 95 % {one.macro_f1_low:.3f} to {one.macro_f1_high:.3f}"
    beside = {floor.name: floor.macro_f1}
    yield Figure(name=f"{at} macro F1", value=one.macro_f1, unit="", how=told, op=">=", beside=beside)


def _trained(problem: Problem, name: str) -> tuple[float, int, Said]:
    """Seconds of training, parameters, and what it says of the rows that judge."""
    config = entry(name).config.model_validate(
        {"features": len(problem.rows.names), "horizons": len(problem.config.horizons)}
    )
    start = time.process_time()
    fitted = fit(problem, name, config, TRAINING if name in CLAIMED else TrainingConfig())
    seconds = time.process_time() - start
    valid, test = (fitted.scores(problem, part) for part in (problem.parts.valid, problem.parts.test))
    mixture = fit_mixture({name: valid}, problem.of(problem.parts.valid)[slice(*problem.parts.valid)])
    sys.stderr.write(f"{name}: {len(fitted.history)} epochs, {seconds:.0f} s\n")
    return seconds, fitted.network.size, Said.by(mixture, {name: test})


if __name__ == "__main__":
    sys.exit(main())
