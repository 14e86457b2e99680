"""Growing boosted trees: scikit-learn's, a fit a horizon, as many as the rows that choose find good."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msray.errors import UsageError
from msray.extras import from_extra
from msray.models.classes import NO_LABEL
from msray.models.config import BoostedConfig
from msray.models.trees import BoostedTrees, Tree
from msray.training.config import TrainingConfig
from msray.training.loop import Epoch, Progress

_L2 = 10.0
"""Of the penalty on what leaves say: they say less where they rest on few rows."""
_NEVER = -10.0
"""Score of a class that never came among the rows that are learned from; those of the others lie around 0."""


def boost(
    network: BoostedTrees,
    rows: Tensor,
    *,
    learned: NDArray[np.int64],
    chosen: NDArray[np.int64],
    config: TrainingConfig,
    keep: Callable[[Progress], None] = lambda _: None,
) -> list[Epoch]:
    """Grow trees and plant them.

    Parameters
    ----------
    network
        With its scaling; behind this it holds the trees, and is ready to answer.
    rows
        ``(n, features)``, not scaled.
    learned, chosen
        ``(n, h)`` labels that are learned from, and those that say how many trees are kept;
        :data:`~msray.models.classes.NO_LABEL` at all other rows.
    config
        An epoch is so many rounds that ``epochs`` of them are all trees; ``patience`` and ``seed`` are as for networks.
    keep
        Told of the epochs when all have ended: what is broken off begins anew.

    Returns
    -------
    list[Epoch]
        Of all horizons together. What is kept of each ends with the round that was its best.

    Raises
    ------
    UsageError
        If there is a horizon of which no row can be learned from, or none can choose.
    """
    grown = [_grow(network, rows, learned[:, h], chosen[:, h], config) for h in range(network.horizons)]
    trees = {
        (number, horizon, label): tree
        for horizon, one in enumerate(grown)
        for number, trees in enumerate(one.rounds[: one.best])
        for label, tree in trees.items()
    }
    network.plant(np.stack([one.base for one in grown]), trees)
    network.eval()
    history: list[Epoch] = []
    for epoch in _epochs(grown, _rounds(network.config, config)):
        history.append(epoch)
        keep(Progress(history=list(history), tensors={}))
    return history


@dataclass(frozen=True, slots=True)
class _Part:
    """Scaled rows with a label, and their classes."""

    rows: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grown:
    """What grew for a horizon.

    In each round a tree by its class; behind it the mean surprise of both parts, which have so many rows.
    """

    base: NDArray[np.float64]
    rounds: list[dict[int, Tree]]
    learned: NDArray[np.float64]
    chosen: NDArray[np.float64]
    counts: tuple[int, int]

    @property
    def best(self) -> int:
        """So many rounds surprise the rows that choose the least."""
        return int(self.chosen.argmin()) + 1


def _grow(
    network: BoostedTrees, rows: Tensor, learned: NDArray[np.int64], chosen: NDArray[np.int64], config: TrainingConfig
) -> _Grown:
    train = _part(network, rows, learned, learned != NO_LABEL, "learn from")
    seen = np.unique(train.labels)
    valid = _part(network, rows, chosen, np.isin(chosen, seen), "choose on")
    base, counts = np.full(network.classes, _NEVER), (len(train.labels), len(valid.labels))
    base[seen] = 0.0
    if len(seen) == 1:
        return _Grown(base=base, rounds=[{}], learned=np.zeros(1), chosen=np.zeros(1), counts=counts)
    found = _fitted(network.config, train, valid, config)
    columns = seen[1:] if len(seen) == 2 else seen  # of two classes, trees grow for the second alone
    base[columns], trees = _taken(found)
    return _Grown(
        base=base,
        rounds=[dict(zip(columns.tolist(), some, strict=True)) for some in trees],
        learned=-found.train_score_[1:],  # the first score is that of the base alone
        chosen=-found.validation_score_[1:],
        counts=counts,
    )


def _part(network: BoostedTrees, rows: Tensor, labels: NDArray[np.int64], known: NDArray[np.bool_], does: str) -> _Part:
    if not known.any():
        raise UsageError(f"rows to {does} must hold labels that can be learned, of each horizon, got none")
    return _Part(network.scaled(rows[torch.from_numpy(known)]).numpy(), labels[known])


def _fitted(config: BoostedConfig, train: _Part, valid: _Part, training: TrainingConfig) -> Any:
    with from_extra("models", "the model boosted"):
        from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=config.learning_rate,
        max_iter=config.trees,
        max_leaf_nodes=config.leaves,
        min_samples_leaf=config.least_rows,
        l2_regularization=_L2,
        max_features=config.share_of_features,
        early_stopping=True,
        n_iter_no_change=training.patience * _rounds(config, training),
        tol=0.0,
        random_state=training.seed,
    ).fit(train.rows, train.labels, X_val=valid.rows, y_val=valid.labels)


def _rounds(config: BoostedConfig, training: TrainingConfig) -> int:
    """Of an epoch."""
    return math.ceil(config.trees / training.epochs)


def _taken(found: Any) -> tuple[NDArray[np.float64], list[list[Tree]]]:
    """Base and rounds of what was fitted: nothing but this knows how scikit-learn keeps them."""
    return found._baseline_prediction.ravel(), [[_tree(one.nodes) for one in trees] for trees in found._predictors]


def _tree(nodes: NDArray[np.void]) -> Tree:
    is_leaf, own = nodes["is_leaf"].astype(bool), np.arange(len(nodes))
    exact = np.where(is_leaf, 0.0, nodes["num_threshold"])
    near = exact.astype(np.float32)
    return Tree(
        feature=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int64),
        # Of float32, as rows are, what is at most a threshold is at most the next such number below it.
        threshold=np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near),
        left=np.where(is_leaf, own, nodes["left"]).astype(np.int64),
        right=np.where(is_leaf, own, nodes["right"]).astype(np.int64),
        value=np.where(is_leaf, nodes["value"], 0.0).astype(np.float32),
    )


def _epochs(grown: list[_Grown], rounds: int) -> Iterator[Epoch]:
    """An epoch every so many rounds, until no horizon has more."""
    least, last = math.inf, max(len(one.rounds) for one in grown)
    for number in range(1, math.ceil(last / rounds) + 1):
        loss = _mean([(one.learned, one.counts[0]) for one in grown], number * rounds)
        surprise = _mean([(one.chosen, one.counts[1]) for one in grown], number * rounds)
        yield Epoch(number=number, loss=loss, surprise=surprise, is_best=surprise < least)
        least = min(least, surprise)


def _mean(curves: list[tuple[NDArray[np.float64], int]], rounds: int) -> float:
    """Of all rows behind so many rounds; a horizon that has ended before stays as it is."""
    values, weights = zip(*((curve[min(rounds, len(curve)) - 1], count) for curve, count in curves), strict=True)
    return float(np.average(values, weights=weights))
