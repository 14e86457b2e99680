"""What happened after each event: labels, when each of them ends, and how much it says that others do not."""

from msray.labels.barriers import Barriers, TargetBarriers
from msray.labels.horizon import (
    HorizonLabels,
    later_mean_over_last_mean,
    later_mid_over_mid,
    next_mean_over_last_mean,
    next_mean_over_mid,
)
from msray.labels.moves import completed_moves
from msray.labels.prices import PricePath, Prices
from msray.labels.triple_barrier import Dropped, TripleBarrierLabels, meta_labels, triple_barrier
from msray.labels.volatility import volatility_target
from msray.labels.weights import concurrency, draw_probabilities, return_weights, sequential_bootstrap, uniqueness

__all__ = [
    "Barriers",
    "Dropped",
    "HorizonLabels",
    "PricePath",
    "Prices",
    "TargetBarriers",
    "TripleBarrierLabels",
    "completed_moves",
    "concurrency",
    "draw_probabilities",
    "later_mean_over_last_mean",
    "later_mid_over_mid",
    "meta_labels",
    "next_mean_over_last_mean",
    "next_mean_over_mid",
    "return_weights",
    "sequential_bootstrap",
    "triple_barrier",
    "uniqueness",
    "volatility_target",
]
