"""``TCN``: dilated convolutions that look only back."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from msray.models.config import TCNConfig
from msray.models.network import State, StepNetwork


class _Layer(nn.Module):
    """A convolution over a row and earlier ones at equal distances, beside the row as it is."""

    def __init__(self, channels: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.norm = nn.LayerNorm(channels)
        self.convolve = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.mix = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(channels, channels))

    def forward(self, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Rows ``(batch, time, channels)`` behind what stood before them, and what stands before the next ones."""
        seen = torch.cat([before, self.norm(rows)], dim=1)
        found = self.convolve(seen.transpose(1, 2)).transpose(1, 2)
        return rows + self.mix(found), seen[:, -self.reach :]


class TCN(StepNetwork):
    """Layers of causal convolutions, each with twice the reach of the one below.

    Notes
    -----
    Bai, Kolter and Koltun (2018), "An empirical evaluation of generic convolutional and recurrent networks for sequence
    modeling". Its memory is the rows that its layers reach back to.
    """

    def __init__(self, config: TCNConfig) -> None:
        super().__init__(config)
        self._channels = config.channels
        self._reach = [(config.kernel - 1) * 2**number for number in range(config.layers)]
        self.enter = nn.Linear(config.features, config.channels)
        self.layers = nn.ModuleList(
            _Layer(config.channels, config.kernel, 2**number, config.dropout) for number in range(config.layers)
        )
        self.leave = nn.Sequential(nn.LayerNorm(config.channels), self._head(config.channels))

    def start(self, batch: int) -> State:
        """See :class:`~msray.models.network.StepNetwork`."""
        like = self.enter.weight
        return tuple(like.new_zeros(batch, reach, self._channels) for reach in self._reach)

    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        found, memory = functional.gelu(self.enter(rows)), []
        for layer, before in zip(self.layers, state, strict=True):
            found, after = layer(found, before)
            memory.append(after)
        return self.leave(found), *memory
