"""What every network is: rows in, scores of classes out, behind each row (causal networks) or behind the last."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from msray.errors import UsageError
from msray.models.config import NetworkConfig, WindowConfig

MOST_WIDTHS = 8.0
"""Scaled numbers are cut off beyond: what is rarer says no more."""
State = tuple[Tensor, ...]
"""What a causal network remembers of the rows so far; the first axis of each is the stream."""


class Network(nn.Module, ABC):
    """Base of networks. Rows come as they are: a network holds the scaling that was learned with it.

    Parameters
    ----------
    config
        What was chosen.
    """

    center: Tensor
    width: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.features, self.horizons, self.classes = config.features, config.horizons, config.classes
        self.register_buffer("center", torch.zeros(config.features))
        self.register_buffer("width", torch.ones(config.features))

    def forward(self, rows: Tensor) -> Tensor:
        """Scores (logits), ``(batch, steps, horizons, classes)``, of rows, ``(batch, time, features)``.

        ``steps`` is ``time`` where the network is causal: an answer behind each row, from that row and those before it.
        Otherwise it is 1: one answer behind the last row.
        """
        return self._scores(self._through(self.scaled(rows)))

    def scale_by(self, center: Tensor, width: Tensor) -> None:
        """Measure each feature from ``center`` in units of ``width``, both ``(features,)``; widths positive."""
        for name, given in (("center", center), ("width", width)):
            if given.shape != self.center.shape or not bool(torch.isfinite(given).all()):
                raise UsageError(f"{name} must be {self.features} finite numbers, got {given.tolist()}")
        if not bool((width > 0).all()):
            raise UsageError(f"width must be positive, got {float(width.min())}")
        self.center.copy_(center)
        self.width.copy_(width)

    def scaled(self, rows: Tensor) -> Tensor:
        """Rows in widths from the center, cut off at :data:`MOST_WIDTHS`; what is not known (NaN) is at the center."""
        scaled = (rows - self.center) / self.width
        return torch.where(torch.isnan(scaled), torch.zeros_like(scaled), scaled).clamp(-MOST_WIDTHS, MOST_WIDTHS)

    @property
    def size(self) -> int:
        """Number of parameters that are learned."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @abstractmethod
    def _through(self, rows: Tensor) -> Tensor:
        """Scores ``(batch, steps, horizons * classes)`` of scaled rows."""

    def _head(self, width: int) -> nn.Linear:
        """From what was found out to the scores of all horizons."""
        return nn.Linear(width, self.horizons * self.classes)

    def _scores(self, flat: Tensor) -> Tensor:
        return flat.reshape(*flat.shape[:-1], self.horizons, self.classes)


class WindowNetwork(Network):
    """A network that looks at a window of the latest rows, and answers behind the last of them."""

    def __init__(self, config: WindowConfig) -> None:
        super().__init__(config)
        self.window = config.window


class StepNetwork(Network):
    """A causal network: it answers behind each row, and needs only its memory and the next rows to go on.

    However a stream is cut, row by row (:meth:`step`), in pieces (:meth:`along`) or not at all, it gives the same.
    """

    def along(self, rows: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Scores ``(batch, time, horizons, classes)`` of the next rows ``(batch, time, features)``, then the memory."""
        flat, *after = self._along(self.scaled(rows), state)
        return self._scores(flat), *after

    def step(self, row: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Scores ``(batch, horizons, classes)`` behind the next row ``(batch, features)``, then the new memory."""
        scores, *after = self.along(row.unsqueeze(1), *state)
        return scores[:, 0], *after

    @abstractmethod
    def start(self, batch: int) -> State:
        """Memory of streams of which nothing has been seen."""

    @abstractmethod
    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        """Scores ``(batch, time, horizons * classes)`` of scaled rows, then the memory."""

    def _through(self, rows: Tensor) -> Tensor:
        return self._along(rows, self.start(len(rows)))[0]
