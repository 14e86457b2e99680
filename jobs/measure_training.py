"""How fast networks learn on one core: rows learned from in a second, causal ones beside those over windows.

Rows are drawn, 46 features each, three horizons: it is the cost that is measured, not what is learned. A causal network
learns from a row once an epoch however many chunks show it; one over windows learns one row a window. What is judged
behind an epoch is timed too, but is a hundredth of it or so for either. Boosted trees, grown without steps, are not
among them.

    python jobs/measure_training.py [--json] [--runs 3] [--networks gru,tcn,directional]
"""

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from figures import Figure, arguments, report

from msray.models.catalog import CATALOG, entry, make_network
from msray.models.config import NetworkConfig
from msray.training.config import LabelConfig, TrainingConfig
from msray.training.fit import make_problem
from msray.training.jobs import use_one_thread
from msray.training.loop import Training
from msray.training.parts import Parts
from msray.training.rows import TrainingRows
from msray.training.samples import material

FEATURES, HORIZONS, SEED = 46, (10, 50, 100), 7
STEPPED_ROWS, WINDOWS = 40_000, 256
CHOOSING = min(HORIZONS) + 1
"""Rows behind those, as few as can be: one of them has a label."""
RIVAL = "directional"
"""The bidirectional LSTM of 2.5 million parameters over windows of 100 rows."""
OF_LEVELS = {"deep_lob": 44}
"""Networks whose features are levels, four numbers each."""


def main() -> int:
    """Measure all of them, or those that are named."""
    parser = arguments(__doc__)
    usual = ",".join(name for name in CATALOG if _has_steps(name))
    parser.add_argument("--networks", default=usual, help="which of them; directional is always among them")
    options = parser.parse_args()
    use_one_thread()
    names = dict.fromkeys([RIVAL, *options.networks.split(",")])
    speeds = {name: _speed(name, options.runs) for name in names}
    return report([_figure(name, speeds) for name in names], as_json=options.json)


def _figure(name: str, speeds: dict[str, tuple[float, int]]) -> Figure:
    speed, size = speeds[name]
    is_ours = entry(name).is_causal and name != "linear"
    return Figure(
        name=f"{name} ({size:,} parameters)",
        value=speed,
        unit="rows/s",
        how=f"CPU time of one core, {FEATURES} features, {len(HORIZONS)} horizons, with the optimizer and judging",
        op=">=",
        goal=100 * speeds[RIVAL][0] if is_ours else None,
        beside={} if name == RIVAL else {RIVAL: speeds[RIVAL][0]},
    )


def _speed(name: str, runs: int) -> tuple[float, int]:
    """Rows a second, in the best of some epochs, and how many parameters it has."""
    is_stepped = entry(name).is_causal
    features = OF_LEVELS.get(name, FEATURES)
    config = _config(name, features)
    # Whatever has a label at any horizon is learned from: so many windows, and no more.
    learned = STEPPED_ROWS if is_stepped else WINDOWS + getattr(config, "window", 1) - 1 + min(HORIZONS)
    rows = _rows(learned + CHOOSING, features)
    problem = make_problem(rows, LabelConfig(horizons=HORIZONS), _parts(learned, len(rows.mid)))
    found = material(rows, problem.labels, problem.found, problem.parts.train)
    torch.manual_seed(SEED)
    run = Training(
        make_network(name, config),
        found,
        learned=problem.of(problem.parts.train),
        chosen=problem.of(problem.parts.valid),
        train=problem.parts.train,
        valid=problem.parts.valid,
        config=TrainingConfig(epochs=runs + 1, patience=runs + 1, device="cpu"),
    )
    count = learned if is_stepped else WINDOWS
    seconds = _timed(run, runs)
    return count / min(seconds), run.network.size


def _has_steps(name: str) -> bool:
    return any(
        one.requires_grad for one in make_network(name, _config(name, OF_LEVELS.get(name, FEATURES))).parameters()
    )


def _config(name: str, features: int) -> NetworkConfig:
    return entry(name).config.model_validate({"features": features, "horizons": len(HORIZONS)})


def _timed(run: Training, runs: int) -> Sequence[float]:
    epochs, seconds = run.epochs(), []
    next(epochs)  # warm
    for _ in range(runs):
        start = time.process_time()
        next(epochs)
        seconds.append(time.process_time() - start)
    return seconds


def _rows(count: int, features: int) -> TrainingRows:
    rng = np.random.default_rng(SEED)
    return TrainingRows(
        names=("imbalance_l1", *(f"drawn_{number}" for number in range(features - 1))),
        values=rng.normal(size=(count, features)).astype(np.float32),
        mid=2_000_000 + np.cumsum(rng.integers(-3, 4, count)),
        event_ns=np.arange(count, dtype=np.int64),
        starts=np.zeros(1, np.int64),
    )


def _parts(learned: int, rows: int) -> Parts:
    return Parts(train=(0, learned), valid=(learned, rows), test=(rows, rows))


if __name__ == "__main__":
    sys.exit(main())
