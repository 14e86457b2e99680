"""What a network is shown in one step of training: chunks of a stretch where it is causal, windows where it is not."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.models.losses import Targets
from msray.models.network import Network, WindowNetwork
from msray.training.labels import Changes
from msray.training.parts import Part
from msray.training.rows import TrainingRows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Rows with their labels, as tensors.

    Attributes
    ----------
    rows
        ``(n, c)`` float32, not scaled.
    classes, changes
        ``(n, h)`` int64 and float32; see :class:`~msray.models.losses.Targets`.
    next_returns
        ``(n,)`` float32.
    since
        ``(n,)`` int64: rows of its own stretch before each row.
    """

    rows: Tensor
    classes: Tensor
    changes: Tensor
    next_returns: Tensor
    since: NDArray[np.int64]

    def to(self, device: str) -> "Material":
        """The same on another device; there rows are gathered by numbers alone."""
        return Material(
            rows=self.rows.to(device),
            classes=self.classes.to(device),
            changes=self.changes.to(device),
            next_returns=self.next_returns.to(device),
            since=self.since,
        )


def material(rows: TrainingRows, classes: NDArray[np.int64], found: Changes, learned: Part) -> Material:
    """Rows and labels as tensors.

    Parameters
    ----------
    rows
        All of them.
    classes, found
        Of all rows, as :mod:`msray.training.labels` makes them.
    learned
        The rows that say what size of change is usual, from what lies within them alone.
    """
    begin, end = learned
    with np.errstate(invalid="ignore"):
        returns = np.append(np.diff(rows.mid) / np.maximum(rows.mid[:-1], 1), 0.0) if len(rows) else np.zeros(0)
    returns[rows.ends - 1] = 0.0
    inside = np.where(found.end_row[begin:end] < end, found.change[begin:end], np.nan)
    scaled = np.nan_to_num(found.change / np.array([_usual(column) for column in inside.T]), nan=0.0)
    return Material(
        rows=torch.from_numpy(np.ascontiguousarray(rows.values)),
        classes=torch.from_numpy(np.ascontiguousarray(classes)),
        changes=torch.from_numpy(scaled.astype(np.float32)),
        next_returns=torch.from_numpy((returns / _usual(returns[begin : end - 1])).astype(np.float32)),
        since=rows.since,
    )


def _usual(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    deviation = float(np.sqrt((known**2).mean())) if len(known) else 0.0
    return deviation if deviation > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Sizes of what is shown at once.

    Attributes
    ----------
    chunk
        Rows of a chunk; every half of one a new one begins.
    warm_up
        First rows of a chunk whose answers do not count: the network has not seen what came before.
    chunks, windows
        So many in a step.
    stride
        Every so many rows a window ends.
    """

    chunk: int = 256
    warm_up: int = 50
    chunks: int = 16
    windows: int = 256
    stride: int = 1


def steps_of_epoch(network: Network, found: Material, labels: Tensor, part: Part, shown: Shown) -> int:
    """How many steps an epoch has."""
    return -(-len(_beginnings(network, found, labels, part, shown)) // _at_once(network, shown))


def samples(
    network: Network, found: Material, labels: Tensor, part: Part, shown: Shown, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Targets]]:
    """The steps of one epoch, in an order drawn anew.

    Parameters
    ----------
    network
        Whether it is causal decides what it is shown.
    found
        What there is.
    labels
        ``(n, h)``: the classes that may be learned from (:func:`~msray.training.parts.purged`).
    part
        The rows that may be seen.
    shown
        Sizes.
    rng
        Where chance comes from.
    """
    beginnings = rng.permutation(_beginnings(network, found, labels, part, shown))
    at_once = _at_once(network, shown)
    length = network.window if isinstance(network, WindowNetwork) else shown.chunk
    offsets = torch.arange(length, device=found.rows.device)
    for first in range(0, len(beginnings), at_once):
        begin = torch.from_numpy(beginnings[first : first + at_once]).to(found.rows.device)
        at = begin[:, None] + offsets
        rows = found.rows[at]
        if isinstance(network, WindowNetwork):
            at = at[:, -1:]
        classes = labels[at]
        if not isinstance(network, WindowNetwork):
            warm = torch.from_numpy(found.since[beginnings[first : first + at_once]] > 0).to(found.rows.device)
            classes[:, : shown.warm_up] = torch.where(
                warm[:, None, None], torch.full_like(classes[:, : shown.warm_up], NO_LABEL), classes[:, : shown.warm_up]
            )
        yield rows, Targets(classes=classes, changes=found.changes[at], next_returns=found.next_returns[at])


def _at_once(network: Network, shown: Shown) -> int:
    return shown.windows if isinstance(network, WindowNetwork) else shown.chunks


def _beginnings(network: Network, found: Material, labels: Tensor, part: Part, shown: Shown) -> NDArray[np.int64]:
    """First rows of all that can be shown: windows that end with a label, chunks that lie in one stretch."""
    begin, end = part
    rows = np.arange(begin, end)
    if isinstance(network, WindowNetwork):
        labelled = (labels[begin:end] != NO_LABEL).any(dim=1).cpu().numpy()
        fits = (np.minimum(found.since[begin:end], rows - begin) >= network.window - 1) & labelled
        begins: NDArray[np.int64] = rows[fits][:: shown.stride] - (network.window - 1)
        return begins
    if shown.warm_up >= shown.chunk:
        raise UsageError(f"warm_up must be below chunk, {shown.chunk}, got {shown.warm_up}")
    chosen = []
    inside = found.since[begin:end]
    edges = np.append(np.flatnonzero((inside == 0) | (rows == begin)), end - begin)
    for first, behind in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        last = behind - shown.chunk
        if last >= first:
            chosen += [*range(first, last, shown.chunk // 2), last]
    return np.array([begin + first for first in chosen], np.int64)
