"""Figures of the lead time: what the random alarms beside it cost.

``python jobs/measure_lead_time.py [--json] [--runs N]``
"""

import sys

import numpy as np
from figures import Figure, arguments, median_seconds, report

from msray.evaluation import Watched, score_lead_time

SECOND = 1_000_000_000
DAY_NS = 86_400 * SECOND
EVENTS, ALARMS, DRAWS = 2_000, 10_000, 1_000


def cost(runs: int) -> Figure:
    """Random alarms of a day, drawn and matched a thousand times, beside drawing and sorting them."""
    made = np.random.default_rng(1)
    onset_ns, alarm_ns = made.integers(DAY_NS, size=EVENTS), made.integers(DAY_NS, size=ALARMS)
    day = Watched(onset_ns=onset_ns, alarm_ns=alarm_ns, periods=[(0, DAY_NS)])

    def score(rng: np.random.Generator) -> None:
        score_lead_time([day], horizon_ns=60 * SECOND, draws=DRAWS, rng=rng)

    def floor(rng: np.random.Generator) -> None:
        for _ in range(DRAWS):
            np.sort(rng.integers(DAY_NS, size=ALARMS))

    def prepare() -> np.random.Generator:
        return np.random.default_rng(2)

    return Figure(
        name="lead time and its random alarms",
        value=median_seconds(score, prepare, runs),
        unit="s",
        how=f"{EVENTS} events, {ALARMS} alarms in a day, horizon 60 s, {DRAWS} draws; median of {runs} runs, CPU time",
        goal=2.0,
        beside={"drawing and sorting alone": median_seconds(floor, prepare, runs)},
    )


def main() -> int:
    """Print the figure."""
    options = arguments(__doc__).parse_args()
    return report([cost(options.runs)], as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
