"""What our models are worth beside the literature's and beside rules without a network, on rows none of them has seen.

Three sets: three days of Shanghai's rebar future (``shfe``: learned from 2025-06-05, chosen on 06-06, judged on 06-09),
a day of GOOG on NASDAQ (``goog``: 60/20/20 in time), and made-up rows whose best possible prediction is known
(``known``). Ours, a GRU and a TCN, read 129 features and are weighed on the rows that choose; the literature's
read the 40 numbers of the book. Judged once, behind all choices. With ``--kept``, trainings are kept there and not done
again; ``--only`` trains some, so that several processes may share the work. DeepLOB and the dual attention learn from
every 8th and every 32nd window, once each, which takes most of two hours of a core: ``--beside bin_ctabl`` leaves both
out.

    python jobs/measure_models.py [--json] [--sets shfe,goog,known] [--seeds 5] [--kept DIR] [--only X] [--beside X]
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figures import Figure, arguments, report
from known_ceiling import make_known
from model_sets import posed, rows_of

from msray.features import BOOK_COLUMNS
from msray.models.classes import DOWN, NO_LABEL, UP
from msray.models.mixture import fit_mixture
from msray.store.trainings import TrainingFolder, problem_digest
from msray.training.config import DEFAULT_FEATURES, LabelConfig, ModelConfig, TrainingConfig
from msray.training.findings import Finding, look_into
from msray.training.fit import Problem, make_problem
from msray.training.jobs import Job, Trained, blend, use_one_thread
from msray.training.judging import Difference, Figures, ModelReport, Said, judge
from msray.training.parts import by_share
from msray.training.selection import Selection, select

WINDOWED = TrainingConfig(learning_rate=1e-3)
LARGE = TrainingConfig(learning_rate=1e-3, epochs=8, patience=3, stride=8, windows=64)
"""Not every window is learned from: all of them would take hours for each seed. With 256 windows in a step DeepLOB
takes so few steps that it learns nothing."""
LARGER = LARGE.model_copy(update={"stride": 32, "windows": 32})
PER_STEP = (ModelConfig(name="gru"), ModelConfig(name="tcn"))
LITERATURE = (
    ModelConfig(name="bin_ctabl", training=WINDOWED),
    ModelConfig(name="deep_lob", training=LARGE),
    ModelConfig(name="dual_attention", training=LARGER),
)
ALONE = {"deep_lob", "dual_attention"}
"""Trained once: a seed of theirs costs more than five of all others."""
SMALL = ModelConfig(name="gru", network={"cells": 16})
ENSEMBLE = "ours"
OWN = {ENSEMBLE, "ensemble", *(one.name for one in PER_STEP)}
SYNTHETIC_ROWS, SEED = 300_000, 20261122
GOALS = {
    "shfe": ((0.60, 0.495, 0.46), (0.37, 0.23, 0.19)),
    "goog": ((0.49, 0.49, 0.48), (None, None, None)),
}
"""Macro F1 and MCC at each horizon."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is trained, and where it is kept."""

    seeds: int
    kept: Path
    only: frozenset[str]
    beside: frozenset[str]


def main() -> int:
    """Train and judge."""
    parser = arguments(__doc__)
    parser.add_argument("--sets", default="shfe,goog,known", help="which of them")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each model but the largest")
    parser.add_argument("--kept", type=Path, help="folder of trainings that are done")
    parser.add_argument("--beside", default="bin_ctabl,deep_lob,dual_attention", help="which of the literature's")
    parser.add_argument("--only", default="", help="train these, and judge nothing")
    said = parser.parse_args()
    use_one_thread()
    with tempfile.TemporaryDirectory() as folder:
        only = frozenset(filter(None, said.only.split(",")))
        beside = frozenset(said.beside.split(","))
        options = Options(seeds=said.seeds, kept=said.kept or Path(folder), only=only, beside=beside)
        figures: list[Figure] = []
        for name in said.sets.split(","):
            figures += list(_known(options) if name == "known" else _real(name, said.data, options))
    return 0 if only else report(figures, as_json=said.json)


def _real(name: str, data: Path, options: Options) -> Iterator[Figure]:
    rows, parts = rows_of(name, data)
    ours = posed(rows, DEFAULT_FEATURES, parts)
    book = posed(rows, BOOK_COLUMNS, parts)
    trained = _trained(ours, PER_STEP, options)
    others = {one.name: _trained(book, [one], options) for one in LITERATURE if one.name in options.beside}
    if options.only:
        return
    chosen = select(ours, trained)
    said = {**chosen.said, ENSEMBLE: chosen.said[chosen.best]}
    said |= {name: _said(book, some) for name, some in others.items() if some}
    judged = judge(ours, ours.parts.test, said)
    how = (
        f"{name}, labels {ours.config.family}, {options.seeds} seeds (of {', '.join(sorted(ALONE))} 1), 129 features; "
        f"ours: {chosen.best}, the least surprised by the rows that choose"
    )
    edges = look_into(ours, ours.parts.test, chosen.said[chosen.best])
    for column, horizon in enumerate(ours.config.horizons):
        count = next(one.rows for one in judged.figures if one.horizon == horizon)
        told = f"{how}; judged on {count} rows, one look"
        yield from _at(name, column, horizon, judged, told)
        yield _coverage(name, column, horizon, chosen, told)
        yield _edge(name, edges[column], how)
        yield from _better(name, column, horizon, judged, sorted(others), told)


def _at(name: str, column: int, horizon: int, judged: ModelReport, how: str) -> Iterator[Figure]:
    figures = {one.name: one for one in judged.figures if one.horizon == horizon}
    mine, goals = figures[ENSEMBLE], GOALS[name]
    at = f"{name} k={horizon}"
    interval = f"; 95 % {mine.macro_f1_low:.3f} to {mine.macro_f1_high:.3f}"
    others = {one.name: one for one in figures.values() if one.name not in OWN}
    yield Figure(
        name=f"{at} macro F1",
        value=mine.macro_f1,
        unit="",
        how=how + interval,
        op=">=",
        goal=goals[0][column],
        beside={key: one.macro_f1 for key, one in others.items()},
    )
    yield Figure(
        name=f"{at} MCC",
        value=mine.mcc,
        unit="",
        how=how,
        op=">=",
        goal=goals[1][column],
        beside={key: one.mcc for key, one in others.items()},
    )
    networks = {key: one.ece for key, one in others.items() if not one.is_floor}
    yield Figure(name=f"{at} ECE", value=mine.ece, unit="", how=how, goal=0.02, beside=networks)
    yield from _directions(at, mine, how)


def _directions(at: str, mine: Figures, how: str) -> Iterator[Figure]:
    for form in ("moved", "committed", "all"):
        score = getattr(mine.directional, form)
        note, beside = f"{how}; coverage {score.coverage:.3f}", {"base rate": score.base_rate}
        yield Figure(name=f"{at} direction, {form}", value=score.accuracy, unit="", how=note, op=">=", beside=beside)


def _coverage(name: str, column: int, horizon: int, chosen: Selection, how: str) -> Figure:
    """How far the share of rows whose set holds the true class is from what was promised."""
    found = chosen.covered[chosen.best][column]
    return Figure(
        name=f"{name} k={horizon} conformal coverage, off 90 %",
        value=100 * abs(found.followed - 0.9),
        unit="points",
        how=f"{how}; sets that follow cover {found.followed:.3f}, {found.followed_classes:.2f} classes in the mean; as "
        f"they were fitted {found.came:.3f}, {found.classes:.2f}",
        beside={"as fitted": 100 * abs(found.came - 0.9)},
        goal=1.5,
    )


def _edge(name: str, found: Finding, how: str) -> Figure:
    """Where ours are surest, beside what it costs to get in."""
    edge = found.edge
    return Figure(
        name=f"{name} k={found.horizon} edge of the surest tenth",
        value=float(edge.bps[-1]),
        unit="bps",
        how=f"{how}; {edge.right[-1]:.3f} of its moves went the way that was said",
        op=">=",
        beside={"half-spread": float(edge.half_spread_bps[-1])},
    )


def _better(
    name: str, column: int, horizon: int, judged: ModelReport, others: Sequence[str], how: str
) -> Iterator[Figure]:
    floors = [one for one in judged.figures if one.is_floor and one.horizon == horizon]
    best = max(floors, key=lambda one: one.macro_f1).name
    for other in (*others, best):
        found: Difference = judged.beside(ENSEMBLE, other)[column]
        yield Figure(
            name=f"{name} k={horizon} better than {other}, at least",
            value=found.low,
            unit="F1",
            how=f"{how}; paired, {found.macro_f1:+.3f}, 95 % {found.low:+.3f} to {found.high:+.3f}",
            op=">=",
            goal=0.0,
        )


def _known(options: Options) -> Iterator[Figure]:
    made = make_known(SYNTHETIC_ROWS, SEED)
    config = LabelConfig(horizons=(10,), threshold_pct=0.0)
    problem = make_problem(made.rows, config, by_share(SYNTHETIC_ROWS))
    trained = _trained(problem, [SMALL], options)
    if options.only:
        return
    right = {"valid": 0.0, "test": 0.0}
    for which in right:
        truth, part = _truth(problem, which)
        scores = np.mean([getattr(one, which) for one in trained], axis=0)[:, 0]
        right[which] = float((_side(scores[:, UP] - scores[:, DOWN]) == truth)[truth != NO_LABEL].mean())
    truth, part = _truth(problem, "test")
    known = truth != NO_LABEL
    ceiling = float((_side(made.believed[slice(*part)]) == truth)[known].mean())
    level = float((_side(made.rows.values[slice(*part), 0]) == truth)[known].mean())
    how = f"{SYNTHETIC_ROWS} rows, seed {SEED}, GRU of 16 cells, {len(trained)} seeds, sign of the next 10 mids' mean"
    yield Figure(
        name="known: share of the possible lift",
        value=(right["test"] - 0.5) / (ceiling - 0.5),
        unit="",
        how=f"{how}; right {right['test']:.4f}, at best {ceiling:.4f} (Kalman), level 1 alone {level:.4f}",
        op=">=",
        goal=0.97,
    )
    gap = 100 * abs(right["valid"] - right["test"])
    yield Figure(name="known: validation and test apart", value=gap, unit="points", how=how, goal=1.0)


def _truth(problem: Problem, which: str) -> tuple[np.ndarray, tuple[int, int]]:
    part = getattr(problem.parts, which)
    return problem.of(part)[slice(*part)][:, 0], part


def _side(lean: np.ndarray) -> np.ndarray:
    return np.where(lean > 0, UP, DOWN)


def _trained(problem: Problem, models: Sequence[ModelConfig], options: Options) -> list[Trained]:
    kept = TrainingFolder(options.kept, problem_digest(problem))
    found = []
    for model in models:
        if options.only and model.name not in options.only:
            continue
        for seed in range(1 if model.name in ALONE else options.seeds):
            done = kept.run(problem, Job(model=model, seed=seed))
            best = min((one.surprise for one in done.history), default=float("nan"))
            sys.stderr.write(
                f"{done.key}: {len(done.history)} epochs, surprise {best:.4f}, {done.parameters} parameters\n"
            )
            found.append(done)
    return found


def _said(problem: Problem, trained: Sequence[Trained]) -> Said:
    part = problem.parts.valid
    [one] = blend(trained)
    mixture = fit_mixture({one.name: one.valid}, problem.of(part)[slice(*part)])
    given: Mapping[str, np.ndarray] = {one.name: one.test}
    return Said.by(mixture, given)


if __name__ == "__main__":
    sys.exit(main())
