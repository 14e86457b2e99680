"""What training makes small: losses over scores, and weighted sums of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from msray.errors import UnknownNameError, UsageError
from msray.models.classes import NO_LABEL

_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What is to be found, of the steps that a network answers behind.

    Attributes
    ----------
    classes
        ``(batch, steps, horizons)``, int64: 0 down, 1 flat, 2 up;
        :data:`~msray.models.classes.NO_LABEL` where there is none.
    changes
        The same shape, float: the change that was labelled, in units of what is usual (its deviation in training).
    next_returns
        ``(batch, steps)``, float: change from each row to the next one, in the same units. Changes of longer horizons
        overlap: a profit summed over them would count each move several times.
    """

    classes: Tensor
    changes: Tensor
    next_returns: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOptions:
    """How losses are computed.

    Attributes
    ----------
    class_weights
        Weight of each class; None: all alike.
    label_smoothing
        Share of certainty that is taken from each label and given to all classes.
    sharpness
        How fast the directional loss goes over from right to wrong.
    cost
        Price of going from flat to fully long, in the units of ``next_returns``.
    """

    class_weights: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    sharpness: float = 4.0
    cost: float = 0.0


Loss = Callable[[Tensor, Targets, LossOptions], Tensor]
"""From scores ``(batch, steps, horizons, classes)`` to one number."""


def direction(scores: Tensor) -> Tensor:
    """Chance of the last class (up) minus that of the first (down), -1 to 1."""
    chances = torch.softmax(scores, dim=-1)
    return chances[..., -1] - chances[..., 0]


def cross_entropy(scores: Tensor, targets: Targets, options: LossOptions) -> Tensor:
    """Surprise at the true classes."""
    weights = None if options.class_weights is None else scores.new_tensor(options.class_weights)
    return functional.cross_entropy(
        scores.flatten(0, -2),
        targets.classes.flatten(),
        weight=weights,
        ignore_index=NO_LABEL,
        label_smoothing=options.label_smoothing,
    )


def mse(scores: Tensor, targets: Targets, _: LossOptions) -> Tensor:
    """Squared distance of the direction from the change, both from -1 to 1."""
    return _mean((direction(scores) - targets.changes.clamp(-1.0, 1.0)) ** 2, targets)


def directional(scores: Tensor, targets: Targets, options: LossOptions) -> Tensor:
    """Wrong directions, more where the move is larger.

    A sign has no slope to learn from; instead of it stands ``softplus(-direction * change)``, which falls smoothly.
    """
    agreement = options.sharpness * direction(scores) * targets.changes
    return _mean(functional.softplus(-agreement), targets)


def sharpe(scores: Tensor, targets: Targets, options: LossOptions) -> Tensor:
    """Minus the Sharpe ratio of holding, from each row to the next, as much as the first horizon's direction says.

    What changes of the position cost is taken off. Steps must follow each other, so a network that answers once a
    window has no such loss. The ratio is taken over all steps of a batch.
    """
    if scores.shape[1] < 2:
        raise UsageError(
            "the loss sharpe needs a network that answers behind each row: gru, tcn, local_attention, linear"
        )
    held = direction(scores)[:, :, 0]
    turned = torch.diff(held, dim=1, prepend=torch.zeros_like(held[:, :1])).abs()
    earned = held * targets.next_returns - options.cost * turned
    earned = earned[targets.classes[:, :, 0] != NO_LABEL]
    if len(earned) < 2:
        return scores.sum() * 0.0
    return -earned.mean() / earned.std().clamp_min(_LEAST_DEVIATION)


LOSSES: Mapping[str, Loss] = {
    "cross_entropy": cross_entropy,
    "mse": mse,
    "directional": directional,
    "sharpe": sharpe,
}
"""By name."""


def weighted_sum(weights: Mapping[str, float]) -> Loss:
    """A loss that is the sum of others.

    Parameters
    ----------
    weights
        Of :data:`LOSSES`, by name; positive.

    Examples
    --------
    >>> loss = weighted_sum({"cross_entropy": 1.0, "sharpe": 0.1})
    """
    if not weights:
        raise UsageError("weights must name at least one loss, got none")
    for name, weight in weights.items():
        if name not in LOSSES:
            raise UnknownNameError("loss", name, LOSSES)
        if not 0.0 < weight < float("inf"):
            raise UsageError(f"the weight of loss {name} must be positive, got {weight}")

    def loss(scores: Tensor, targets: Targets, options: LossOptions) -> Tensor:
        parts = [weight * LOSSES[name](scores, targets, options) for name, weight in weights.items()]
        return torch.stack(parts).sum()

    return loss


def _mean(each: Tensor, targets: Targets) -> Tensor:
    """Over what has a label."""
    known = targets.classes != NO_LABEL
    return (each * known).sum() / known.sum().clamp_min(1)
